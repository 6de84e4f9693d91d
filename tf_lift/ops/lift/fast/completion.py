"""Completes landmarks of which some are missing, as each candidate expects them."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift.fast.xla import gathered_products

__all__ = [
    "Completion",
    "complete",
    "complete_by_mask",
    "image_axes",
    "missing_forms",
    "missing_rows",
    "pull_back",
    "spare_form",
    "sweep",
]

# XLA's time to compile grows with the number of terms.
_MAX_TERMS = 16


class Completion(NamedTuple):
    """What completes landmarks y, which are zero where missing, for candidates `[N, B]`.

    With the landmarks in mm, u y, the completed ones are u (y + slope) + offset.

    Attributes:
        slope: `[N, B, 2n]`, in coordinates of `tables.axes`.
        offset: `[N, B, 2n]`.
        log_determinant: `[N, B]`; of the missing rows and columns of M.
        inverse: `[R, R, N, B]`; the inverse of these, of the first half of the angles.
        places: `[B, R, 2n]`; the missing rows in coordinates of `tables.axes`.
    """

    slope: tf.Tensor
    offset: tf.Tensor
    log_determinant: tf.Tensor
    inverse: tf.Tensor
    places: tf.Tensor


def missing_rows(weights, number):
    """Returns the coordinates of missing landmarks.

    Args:
        weights: `[B, L]`, 0 or 1, at most `number` of a pose 0.
        number: R / 2.

    Returns:
        `[B, R]`, int32: of landmark l, l and L + l; where fewer are missing different
        numbers from 2L on.

    >>> missing_rows(tf.constant([[1.0, 0.0, 1.0]]), 2).numpy()
    array([[1, 7, 4, 9]], dtype=int32)
    """
    num_joints = weights.shape[1]
    missing, joints = tf.math.top_k(tf.cast(weights <= 0, weights.dtype), number)
    rows = tf.concat([joints, num_joints + joints], 1)
    spare = 2 * num_joints + tf.range(2 * number)
    return tf.where(tf.tile(missing, [1, 2]) > 0, rows, spare)


def spare_form(tables, number):
    """Returns M with `number` more rows, those of 1, and p'M with as many of 0.

    Returns:
        `[2L + number, 2L + number, H]` and `[2L + number, H]`.
    """
    size = tables.form.shape[0]
    ones = tf.linalg.diag(tf.concat([tf.zeros([size]), tf.ones([number])], 0))
    ones = tf.cast(ones, tables.dtype)[..., tf.newaxis]
    form = tf.pad(tables.form, [[0, number], [0, number], [0, 0]]) + ones
    return form, tf.pad(tables.linear, [[0, number], [0, 0]])


def missing_forms(tables, rows):
    """Returns the missing rows and columns of M, and rows of p'M, of all candidates.

    Args:
        tables: `LiftTables`.
        rows: See `missing_rows`.

    Returns:
        `[R, R, B, H]` and `[R, B, H]`.
    """
    form, linear = spare_form(tables, rows.shape[1])
    size = form.shape[0]
    places = tf.transpose(rows)
    pairs = places[:, tf.newaxis] * size + places
    return tf.gather(tf.reshape(form, [size**2, -1]), pairs), tf.gather(linear, places)


def complete(landmarks, tables, indices, rows, unrolled=False):
    """Completes landmarks: those missing are what makes the energy least.

    With the rows of M split into observed and missing (m), and p the projected mean pose,
    that is -M_mm^-1 (M y)_m for the slope and M_mm^-1 (M p)_m for the offset.

    Args:
        landmarks: `[B, 2n]`, see `rotation_search.coordinates`; zero where missing.
        tables: `LiftTables`.
        indices: `[N, B]`.
        rows: See `missing_rows`.
        unrolled: Whether XLA compiles it.

    Returns:
        A `Completion`.

    References:
        docs/method.md, equation 14b.
    """
    number = rows.shape[1]
    places = tf.gather(image_axes(tables, number), rows)
    form, linear = spare_form(tables, number)
    # By candidates first: each has its own block.
    form, linear = tf.transpose(form, [2, 0, 1]) / tables.one, tf.transpose(linear)
    size = form.shape[1]
    # At the first half of the angles, to which what is found is turned.
    halves, signs = tables.find_half(indices)
    # These divisions change nothing, but XLA would repeat what leads to each index.
    one = tf.cast(tables.one, tf.int32)
    start = tf.truncatediv(halves * size, one)
    columns = tf.truncatediv(tf.transpose(rows), one)[:, tf.newaxis]
    block = tf.gather(
        tf.reshape(form, [-1]), (start + columns)[:, tf.newaxis] * size + columns[tf.newaxis]
    )
    mean = tf.gather(tf.reshape(linear, [-1]), start + columns)
    pushed = gathered_products.multiply(landmarks, tables.axes_form, halves, unrolled, signs)
    pushed = tf.matmul(pushed, image_axes(tables, number), transpose_b=True)
    pair = tf.reshape(tf.range(tf.size(indices)), tf.shape(indices))
    pushed = tf.gather(tf.reshape(pushed, [-1]), pair * size + columns)
    inverse, solved, log_determinant = sweep(block, tf.stack([-pushed, mean], 1))
    slope, offset = (tables.turn_landmarks(_place(solved[:, i], places), signs) for i in range(2))
    return Completion(slope, offset, log_determinant, inverse, places)


def complete_by_mask(landmarks, tables, indices, unrolled=False):
    """Returns the slope of `complete` by `masked_tables`, and `places`; see `Completion`."""
    halves, signs = tables.find_half(indices)
    per_mask = tables.num_candidates // tables.places.shape[0]
    places = tf.gather(tables.places, indices[0] // per_mask)
    slope = gathered_products.multiply(landmarks, tables.completion, halves, unrolled, signs)
    slope = _place(tf.transpose(slope / tables.one, [2, 0, 1]), places)
    return tables.turn_landmarks(slope, signs), places


def _place(values, places):
    """Returns coordinates `[N, B, 2n]` of values `[R, N, B]` of the rows `[B, R, 2n]`."""
    if values.shape[0] > _MAX_TERMS:
        return tf.einsum("rnb,bra->nba", values, places)
    # XLA is faster at a sum than at small products.
    return tf.add_n([values[r, ..., tf.newaxis] * places[:, r] for r in range(values.shape[0])])


def pull_back(upstream, inverse, places, multiply_form):
    """Returns the gradient of landmarks of that of the completed ones, `[B, 2n]` both.

    Args:
        upstream: `[B, 2n]`.
        inverse: `[R, R, B]`, see `Completion`.
        places: See `Completion`.
        multiply_form: Function that multiplies `[B, 2n]` by M.

    Returns:
        `[B, 2n]`; what reaches missing landmarks means nothing.
    """
    missing = tf.einsum("bra,ba->rb", places, upstream)
    solved = tf.einsum("rsb,sb->rb", inverse, missing)
    return upstream - multiply_form(tf.einsum("rb,bra->ba", solved, places))


def image_axes(tables, number):
    """Returns the axes `[2L + number, 2n]` of both image axes, and rows of 0."""
    num_axes = tables.axes.shape[1]
    across = tf.pad(tables.axes, [[0, 0], [0, num_axes]])
    along = tf.pad(tables.axes, [[0, number], [num_axes, 0]])
    return tf.concat([across, along], 0)


def sweep(block, sides):
    """Inverts positive definite matrices by Gauss and Jordan, without pivoting.

    Two rows at a time: a step reads and writes all of the matrices.

    Args:
        block: `[R, R, ...]`, R even.
        sides: `[R, S, ...]`.

    Returns:
        The inverse `[R, R, ...]`, the inverse times `sides`, and the log-determinant.
    """
    number, rank = block.shape[0], len(block.shape)

    def along(flags, axis):
        return tf.reshape(flags, [1] * axis + [-1] + [1] * (rank - 1 - axis))

    def step(k, block, sides, log_determinant):
        first, second = block[:, k, tf.newaxis], block[:, k + 1, tf.newaxis]
        # The inverse of the pivots [[a, b], [b, c]].
        a, b, c = first[k], first[k + 1], second[k + 1]
        determinant = a * c - b * b
        inverse = [[c / determinant, -b / determinant], [-b / determinant, a / determinant]]

        def changed(values):
            """Returns values with the pivots' rows solved and taken from the others."""
            rows = [row[0] * values[k] + row[1] * values[k + 1] for row in inverse]
            others = values - first * rows[0] - second * rows[1]
            return tf.where(is_first, rows[0], tf.where(is_second, rows[1], others))

        places = tf.range(number)
        is_first, is_second = along(places == k, 0), along(places == k + 1, 0)
        # The pivots' columns are those of a unit matrix, to become those of the inverse.
        units = tf.cast(is_first, block.dtype), tf.cast(is_second, block.dtype)
        block = tf.where(along(places == k, 1), units[0], block)
        block = tf.where(along(places == k + 1, 1), units[1], block)
        return k + 2, changed(block), changed(sides), log_determinant + tf.math.log(determinant)[0]

    _, block, sides, log_determinant = tf.while_loop(
        lambda k, *_: k < number,
        step,
        (0, block, sides, tf.zeros_like(sides[0, 0])),
        maximum_iterations=number // 2,
    )
    return block, sides, log_determinant
