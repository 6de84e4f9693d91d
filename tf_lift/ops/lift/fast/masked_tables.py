"""Tables of the lift for some masks: what is missing is completed in the constants."""

import dataclasses

import tensorflow as tf

from tf_lift.ops.lift import pose_layout
from tf_lift.ops.lift.fast import completion, missing_landmarks, visible_forms

__all__ = ["build"]


def build(tables, masks, max_missing):
    """Returns the tables of a lift for landmarks that are zero where some masks say so.

    What completes landmarks is linear in them: y T + o, with T = I - M P'B P and
    o = p M P'B P, where P picks the missing rows and B is the inverse of these of M. With
    T and o in the constants no candidate need be solved for a pose. The largest tables stay
    those of all masks: `winning_pose` multiplies landmarks by T before them.

    Args:
        tables: `LiftTables` of M candidates.
        masks: `[D, L]`, 0 or 1.
        max_missing: At most so many landmarks of a mask are missing.

    Returns:
        `LiftTables` of D M candidates, those of the first mask first.

    References:
        docs/method.md, equation 14c.
    """
    num_masks, (num_halves, size) = masks.shape[0], tables.whitened_mean.shape
    rows = completion.missing_rows(masks, max_missing)
    number = rows.shape[1]
    places = tf.gather(completion.image_axes(tables, number), rows)

    # P times M and growth: [D, H, R, 2n + 3 (L - 1)].
    picked = tf.matmul(tf.reshape(places, [-1, size]), tf.reshape(tables.stacked, [size, -1]))
    picked = tf.reshape(picked, [num_masks, number, num_halves, -1])
    picked = tf.transpose(picked, [0, 2, 1, 3])
    block, mean = completion.missing_forms(tables, rows)
    inverse, solved, log_determinant = completion.sweep(block, mean[:, tf.newaxis])

    scaled = tf.matmul(tf.transpose(inverse, [2, 3, 0, 1]), picked)
    left, right = picked[..., :size], scaled[..., :size]
    # A sum, of which XLA makes one loop, for small products are slow. The division changes
    # nothing, but makes XLA store what several read.
    terms = (left[:, :, r, :, tf.newaxis] * right[:, :, r, tf.newaxis] for r in range(number))
    form = (tables.axes_form - sum(terms)) / tables.one
    linear = tables.axes_linear - tf.einsum("rdh,dhrq->dhq", mean, right)
    offset = tf.einsum("rdh,dra->dha", solved[:, 0], places)
    of_offset = tf.concat([tables.whitening, tables.growth], -1)
    of_offset = tf.split(tf.einsum("dha,haq->dhq", offset, of_offset), [size, -1], -1)
    along, across = visible_forms.coefficients(form)

    missing = (pose_layout.rooted(part[..., size:], tables) for part in (picked, scaled))
    spread = pose_layout.sum_coordinates(tf.reduce_sum(tf.multiply(*missing), 2))
    spread = tf.pad(spread, [[0, 0], [0, 0], [1, 0]])
    halves, _ = tables.find_half(tf.range(tables.num_candidates))
    noise_variance = tables.noise_stddev**2

    def flat(values):
        return tf.reshape(values, [-1, *values.shape[2:]])

    def of_all(values):
        """Returns `[D, M, ...]` of `[D, H, ...]`."""
        return tf.gather(values, halves, axis=1)

    def repeated(table):
        return tf.tile(table, [num_masks] + [1] * (len(table.shape) - 1))

    others = missing_landmarks.log_determinant_of_others(masks, noise_variance, tables)
    return dataclasses.replace(
        tables,
        encode_along=None,
        encode_across=None,
        decode_along=flat(along),
        decode_across=flat(across),
        linear_across=flat(linear[..., : size // 2]),
        linear_along=flat(linear[..., size // 2 :]),
        constant=flat(tables.constant - of_all(tf.reduce_sum(mean * solved[:, 0], 0))),
        whitened_mean=flat(tables.whitened_mean - of_offset[0]),
        rest=flat(tables.rest + of_offset[1]),
        completion=-flat(tf.linalg.matrix_transpose(right)),
        places=places,
        variance=repeated(tables.variance),
        missing_variance=flat(noise_variance[:, tf.newaxis] * of_all(spread)),
        noise_stddev=repeated(tables.noise_stddev),
        mixture_cost=repeated(tables.mixture_cost),
        normaliser=flat(tables.normaliser + of_all(log_determinant) + others),
        rotation=repeated(tables.rotation),
    )
