"""Shortlists of candidates where few landmarks are missing, an operation at a time.

The forms of `few_missing` at a few angles, those at all others by interpolation, and again at the
angles of the best: for a level camera.
"""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast import elimination, missing_rows, visible_forms
from tf_lift.ops.lift.fast.interpolation import Forms, interpolate
from tf_lift.ops.lift.fast.observed import Observed
from tf_lift.ops.lift.fast.weighted_search import NUM_NEAR
from tf_lift.ops.lift.fast.xla import k_lowest

__all__ = ["shortlist"]


def shortlist(landmarks, weights, tables, number, estimator, most_missing):
    """Returns the candidates of the lowest costs, see `few_missing.shortlist`.

    The tables have to be those of a level camera.

    References:
        docs/method.md, M14a and M14d.
    """
    number = min(number, tables.num_candidates)
    points = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, 2 * tables.num_joints])
    rows = missing_rows.find(weights, most_missing)
    visible = _visible_forms(landmarks, tables)
    dimensions = component.dimensions(weights, tables.free_scale)
    observed = Observed(None, None, None, None, dimensions, tf.zeros_like(dimensions))

    def observed_forms(visible, gram, log_determinant, noise_variance):
        """Returns the forms less those of the missing rows, given their sides."""
        of_x, of_y, of_mean = range(3)
        others = missing_rows.log_determinant_of_others(weights, noise_variance, tables)
        return Forms(
            visible.even - gram[of_x, of_x] - gram[of_y, of_y],
            visible.odd - 2 * gram[of_x, of_y],
            visible.mean_even - gram[of_y, of_mean],
            visible.mean_odd - gram[of_x, of_mean],
            visible.constant - gram[of_mean, of_mean],
            visible.log_determinant + log_determinant + others,
        )

    stride = tables.num_rotations // 2 // tables.num_coarse
    noise_variance = tf.reshape(tables.components.noise_variance, [-1, 1, 1])
    coarse = observed_forms(
        Forms(*(part[:, ::stride] for part in visible)),
        *_of_angles(points, rows, tables, stride),
        noise_variance,
    )
    forms = interpolate(coarse, tables.num_rotations // 2)
    costs = candidate_costs.of_forms(forms, observed, tables, estimator)
    if stride == 1 or number >= NUM_NEAR:
        return tf.transpose(k_lowest.find(costs, number))
    near = k_lowest.find(costs, NUM_NEAR)
    halves, signs = tables.fold_half_turn(near)
    places = halves * tf.shape(points)[0] + tf.range(tf.shape(points)[0])
    chosen = Forms(*(tf.gather(tf.reshape(part, [-1]), places) for part in visible))
    forms = observed_forms(
        chosen,
        *_of_candidates(points, rows, tables, halves),
        tf.gather(tables.noise_stddev, near) ** 2,
    )
    forms = forms._replace(odd=signs * forms.odd, mean_odd=signs * forms.mean_odd)
    costs = candidate_costs.at(forms, near, observed, tables, estimator)
    order = tf.transpose(k_lowest.find(costs, number))
    return tf.gather(tf.transpose(near), order, batch_dims=1)


def _visible_forms(landmarks, tables):
    """Returns the `Forms` of landmarks that are zero where missing, as if all were visible."""
    same, cross, mean_same, mean_cross = visible_forms.same_and_cross(landmarks, tables)
    constant = visible_forms.part(tables.search.constant, 0, tables)
    log_determinant = visible_forms.part(tables.search.normaliser - tables.mixture_cost, 0, tables)
    size = [tables.num_components, tables.num_rotations // 2, -1]
    parts = same, cross, mean_same, mean_cross, constant + 0 * same, log_determinant + 0 * same
    return Forms(*(tf.reshape(part, size) for part in parts))


def _of_angles(points, rows, tables, stride):
    """Eliminates the missing rows of all components at every how many-th angle of half a turn.

    Args:
        points: `[B, 2L]`, landmarks, first all x, then all y; zero where missing.
        rows: `missing_rows.find` of them, `[B, R]`.
        tables: `LiftTables`.
        stride: Every how many-th angle.

    Returns:
        Products of M (x, 0), M (0, y) and Mp in the missing rows, by the inverse of these,
        `[3, 3, K, T, B]`, and log-determinants `[K, T, B]`.
    """
    num_joints = tables.num_joints
    form, linear = missing_rows.spare_form(tables, rows.shape[1], stride)
    size, num_candidates = linear.shape
    places = tf.transpose(rows)
    first = tf.range(tf.shape(points)[0]) * size
    images = []
    for start in (0, num_joints):
        span = slice(start, start + num_joints)
        image = tf.matmul(points[:, span], tf.reshape(form[span], [num_joints, -1]))
        images.append(tf.gather(tf.reshape(image, [-1, num_candidates]), first + places))
    sides = tf.stack([*images, tf.gather(linear, places)], 1)
    pairs = tf.reshape(form, [size * size, num_candidates])
    first, second = np.triu_indices(places.shape[0])
    block = tf.gather(pairs, tf.gather(places, first) * size + tf.gather(places, second))
    kinds = [tables.num_components, num_candidates // tables.num_components]

    def poses_last(values):
        rows = values.shape[:-2]
        order = [*range(len(rows)), len(rows) + 1, len(rows)]
        return tf.reshape(tf.transpose(values, order), [*rows, *kinds, -1])

    return [poses_last(part) for part in _eliminate(block, sides)]


def _of_candidates(points, rows, tables, halves):
    """Eliminates the missing rows of candidates `[N, B]` of the first half-turn."""
    num_joints = tables.num_joints
    form, linear = missing_rows.spare_form(tables, rows.shape[1], candidates_first=True)
    size = linear.shape[1]
    places = halves * size + tf.transpose(rows)[:, tf.newaxis]
    images = tf.gather(tf.reshape(form, [-1, size]), places)[..., : 2 * num_joints] * points
    horizontal, vertical = (tf.reduce_sum(part, -1) for part in tf.split(images, 2, -1))
    sides = [horizontal, vertical, tf.gather(tf.reshape(linear, [-1]), places)]
    columns = tf.transpose(rows)[:, tf.newaxis]
    first, second = np.triu_indices(columns.shape[0])
    pairs = tf.gather(places, first) * size + tf.gather(columns, second)
    block = tf.gather(tf.reshape(form, [-1]), pairs)
    return _eliminate(block, tf.stack(sides, 1))


def _eliminate(block, sides):
    """Returns what `elimination.eliminate` does of lanes of several axes."""
    lanes = tf.shape(block)[1:]

    def flat(values):
        return tf.reshape(values, [*values.shape[: -lanes.shape[0]], tf.reduce_prod(lanes)])

    gram, log_determinant = elimination.eliminate(flat(block), flat(sides))
    return tf.reshape(gram, tf.concat([gram.shape[:2], lanes], 0)), tf.reshape(
        log_determinant, lanes
    )
