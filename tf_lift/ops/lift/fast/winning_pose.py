"""The pose of the best candidate, with its gradient."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import pose_layout, rotation_search
from tf_lift.ops.lift.fast import completion, missing_landmarks
from tf_lift.ops.lift.fast.xla import gathered_products
from tf_lift.ops.lift.scale_estimation import most_likely_inverse_scale

__all__ = ["WinningPose", "find"]


class WinningPose(NamedTuple):
    """The best candidate of each pose.

    Attributes:
        index: `[B]`, int32.
        pose: `[B, 3 (L - 1)]`, mm, camera frame, first all x, then all y and all depths,
            relative to joint 0, which is left out; at a given scale all joints, `[B, 3L]`,
            as the prior has them.
        inverse_scale: `[B]`, mm per unit of the landmarks.
        energy: `[B]`, mm^2.
        stddev: `[B, L]`, mm, see `posterior.stddev`; without gradient, as is `index`.
    """

    index: tf.Tensor
    pose: tf.Tensor
    inverse_scale: tf.Tensor
    energy: tf.Tensor
    stddev: tf.Tensor


def find(landmarks, tables, indices, estimator="map", unrolled=False, weights=None, rows=None):
    """Ranks some candidates exactly and returns the pose of the best.

    Whitened landmarks w = y W have w'w = y'My / noise^2, so that an energy is a sum of
    squares here, not a difference of large numbers.

    Args:
        landmarks: `[B, 2n]`, see `rotation_search.coordinates`.
        tables: `LiftTables`.
        indices: `[N, B]`, the candidates, one or two.
        estimator: See `rotation_search.cost`.
        unrolled: Whether XLA compiles it.
        weights: `[B, L]`, 0 or 1; `None` for all visible.
        rows: `completion.missing_rows` of them; `None` where the tables are of masks, or
            all are visible.

    Returns:
        A `WinningPose`. Gradient: the winner is held fixed, its scale is not.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017. Supplementary, eq. 8.
        docs/method.md, equations 10, 13b and 16.
    """
    # Below, a division by one changes nothing, but XLA repeats none for each of its readers.
    fixed = tf.stop_gradient(landmarks)
    indices = tf.truncatediv(indices, tf.cast(tables.one, tf.int32))
    product_of = functools.partial(gathered_products.multiply, unrolled=unrolled)

    def multiply_both(vectors, table, halves, signs):
        """Returns products of two vectors, whose matrices XLA would store if it saw them shared."""
        first, second = vectors
        again = tf.truncatediv(halves, tf.cast(tables.one, tf.int32))
        return (
            product_of(first, table, halves, signs=signs) / tables.one,
            product_of(second, table, again, signs=signs) / tables.one,
        )

    noise_variance = tf.gather(tables.noise_stddev, indices) ** 2
    halves, signs = tables.find_half(indices)
    mean = tf.gather(tables.whitened_mean, halves)
    dimensions = 2.0 * tables.axes.shape[1]
    normaliser = tf.gather(tables.normaliser, indices)
    completed = None
    if weights is not None:
        dimensions = ppca.dimensions(weights, tables.free_scale)
    if rows is not None:
        completed = completion.complete(fixed, tables, indices, rows, unrolled)
        fixed = fixed + completed.slope
        normaliser += completed.log_determinant
        normaliser += missing_landmarks.log_determinant_of_others(weights, noise_variance, tables)
    # Where the large tables have the candidates: all masks share them.
    large, of_mask = halves, tables.completion is not None
    if of_mask:
        large = halves % tables.whitening.shape[0]
        slope, places = completion.complete_by_mask(fixed, tables, indices, unrolled)
        fixed = (fixed + slope) / tables.one
    if completed is None:
        whitened = product_of(fixed, tables.whitening, large, signs=signs) / tables.one
    else:
        both = fixed, completed.offset
        whitened, offset = multiply_both(both, tables.whitening, halves, signs)
        mean = (mean - offset) / tables.one
    square, product = _sum(whitened**2), _sum(whitened * mean)
    inverse_scale = tf.ones_like(square)
    if tables.free_scale:
        inverse_scale = most_likely_inverse_scale(square, product, 1.0, dimensions)
    residuals = inverse_scale[..., tf.newaxis] * whitened - mean
    energy = noise_variance * _sum(residuals**2)
    costs = rotation_search.cost(
        energy, inverse_scale, noise_variance, normaliser, dimensions, estimator
    )

    def best_first(values):
        if indices.shape[0] == 1:
            return values
        swap = tf.reshape(costs[1] < costs[0], [-1] + [1] * (len(values.shape) - 2))
        return tf.where(swap, values[::-1], values)

    # From here on the best is the first, so that no pose need be chosen.
    indices, halves, large, scales = (
        best_first(values) for values in (indices, halves, large, inverse_scale)
    )
    signs = None if signs is None else best_first(signs)
    # Likewise a division, done once.
    unit = 1 / scales[..., tf.newaxis]
    if completed is None:
        fixed = best_first(fixed) / tables.one if of_mask else fixed
        steps = product_of(fixed, tables.growth, large, signs=signs) / unit
        poses = steps
    else:
        both = (best_first(values) / tables.one for values in (fixed, completed.offset))
        grown, moved = multiply_both(both, tables.growth, halves, signs)
        steps = grown / unit
        poses = steps + moved
    poses = tables.turn_pose(poses + tf.gather(tables.rest, halves), signs)
    index, pose, scale = indices[0], poses[0], scales[0]
    half, sign = large[0], None if signs is None else signs[0]
    # What the gradient takes, as tensors of the graph that it belongs to.
    table = tf.identity(tables.gradient)
    if of_mask:
        back, masked = tf.linalg.matrix_transpose(tables.completion), halves[0]
    if completed is not None:
        form = tf.identity(tables.axes_form)
        by_pose = tf.transpose(completed.inverse, [2, 3, 0, 1])
        best_inverse = tf.transpose(best_first(by_pose), [2, 3, 0, 1])

    @tf.custom_gradient
    def attach(landmarks):
        """Gives the values above, of fixed landmarks, the gradient of equation 16."""

        def grad(d_pose, d_scale, d_energy):
            variance = best_first(noise_variance)[0]
            residual = best_first(residuals)[0]
            direction = (d_energy * 2 * scale * variance)[:, tf.newaxis] * residual
            d_pose = tables.turn_pose(d_pose, sign)
            if tables.free_scale:
                a, b = best_first(square)[0], best_first(product)[0]
                d_scale += tf.math.divide_no_nan(_sum(d_pose * steps[0]), scale)
                d_scale += d_energy * 2 * variance * (scale * a - b)
                change = tf.math.divide_no_nan(d_scale * scale, 2 * scale * a - b)
                # p - 2 u y, whitened; of these XLA would repeat the products for y alone.
                direction -= change[:, tf.newaxis] * (best_first(mean)[0] + 2 * residual)
            upstream = scale[:, tf.newaxis] * d_pose
            d_landmarks = product_of(tf.concat([direction, upstream], -1), table, half)
            if completed is not None:
                d_landmarks = completion.pull_back(
                    d_landmarks, best_inverse[:, :, 0], completed.places, multiply_form
                )
            if of_mask:
                missing = tf.einsum("bra,ba->br", places, d_landmarks)
                d_landmarks += product_of(missing, back, masked)
            return tables.turn_landmarks(d_landmarks, sign)

        def multiply_form(values):
            return product_of(values, form, half)

        return (tf.identity(pose), tf.identity(scale), best_first(energy)[0]), grad

    share = tf.nn.softmax(-best_first(costs) / 2, 0)
    variance = tf.gather(tables.variance[:, 1:], indices)
    # What is missing adds that of the best to both: the other one's differs little.
    if completed is not None:
        variance += _missing_variance(best_inverse[:, :, 0], rows, tables, index)
    elif tables.missing_variance is not None:
        variance += tf.gather(tables.missing_variance[:, 1:], index)
    if tables.free_scale:
        # The scale's variance is 1 / (A / noise^2 + d / u^2).
        of_scale = 1 / (scales**2 * best_first(square) + dimensions)
        variance += of_scale[..., tf.newaxis] * _squared_joints(steps, tables)
    variance = tf.reduce_sum(share[..., tf.newaxis] * variance, 0)
    if indices.shape[0] > 1:
        variance += share[1][:, tf.newaxis] * _squared_joints(poses[1] - pose, tables)
    stddev = tf.stop_gradient(tf.pad(tf.sqrt(variance), [[0, 0], [1, 0]]))
    pose, attached_scale, energy = attach(landmarks)
    # A given scale does not depend on the landmarks.
    return WinningPose(index, pose, attached_scale if tables.free_scale else scale, energy, stddev)


def _sum(values):
    return tf.reduce_sum(values, -1)


def _squared_joints(poses, tables):
    """Returns the squared lengths `[..., L - 1]` of the joints of poses, joint 0 left out."""
    return pose_layout.sum_coordinates(pose_layout.rooted(poses, tables) ** 2)


def _missing_variance(inverse, rows, tables, index):
    """Returns what missing landmarks add to the variance of each joint, `[B, L - 1]`.

    The pose grows with these landmarks, whose covariance is noise^2 times the inverse of their
    rows of M, `[R, R, B]`.
    """
    both = completion.image_axes(tables, rows.shape[1])
    growth = pose_layout.rooted(tf.einsum("la,maq->mlq", both, tables.growth), tables)
    half, _ = tables.find_half(index)
    start = half[:, tf.newaxis] * both.shape[0]
    growth = tf.gather(tf.reshape(growth, [-1, growth.shape[2]]), start + rows)
    spread = tf.reduce_sum(tf.matmul(tf.transpose(inverse, [2, 0, 1]), growth) * growth, 1)
    noise_variance = tf.gather(tables.noise_stddev, index)[:, tf.newaxis] ** 2
    return noise_variance * pose_layout.sum_coordinates(spread)
