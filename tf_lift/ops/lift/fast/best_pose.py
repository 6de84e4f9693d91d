"""The exact ranking of two candidates and the pose of the better one, with its gradient."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component, pose_layout, scale_estimation
from tf_lift.ops.lift.fast import (
    completion,
    few_missing,
    few_missing_coarse,
    missing_rows,
    visible_forms,
    visible_search,
)
from tf_lift.ops.lift.fast.xla import gathered_products
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["BestPose", "best_pose", "lift"]

# The search is good to about 1e-5 of the energy: this many of its best are ranked exactly,
# and their spread is part of the uncertainty. More change neither: deviations by 2 %.
NUM_NEAR = 2


class BestPose(NamedTuple):
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


def lift(tables, estimator, frame, winner, compiled, weights=None, most_missing=None):
    """Lifts landmarks, few of them missing, to the pose of the best candidate.

    Args:
        tables: `LiftTables`.
        estimator: "map" or "min_energy".
        frame: `inputs.Frame`.
        winner: The candidates `[B]` where they are known; `None` to search.
        compiled: Whether XLA compiles it.
        weights: `[B, L]`, 0 or 1; results then have no gradient. `None` for all visible.
        most_missing: Most landmarks of a pose that are missing, see `missing_rows.MAX_MISSING`.

    Returns:
        Dict of results, and `winner` `[B]`.
    """
    rows = None
    if weights is not None:
        rows = missing_rows.find(weights, most_missing)
    if winner is not None:
        indices = winner[:, tf.newaxis]
    else:
        fixed = tf.stop_gradient(frame.landmarks)
        if weights is None:
            indices = visible_search.shortlist(fixed, tables, NUM_NEAR, estimator, compiled)
        else:
            search = few_missing if compiled else few_missing_coarse
            indices = search.shortlist(fixed, weights, tables, NUM_NEAR, estimator, most_missing)
    indices = tf.transpose(tf.where(frame.usable[:, tf.newaxis], indices, tables.heaviest))
    points = visible_forms.coordinates(frame.landmarks, tables)
    best = best_pose(points, tables, indices, estimator, compiled, weights, rows)
    joints, projected = _read_out(best.pose, tables, weights)
    usable = frame.usable[:, tf.newaxis]
    scale = tf.where(frame.usable, frame.unit, 0) / best.inverse_scale
    angle = tf.cast(best.index % tables.num_rotations, scale.dtype)
    pitch_index = best.index // tables.num_rotations % len(tables.pitches)
    return {
        "joints_3d": tf.where(usable[..., tf.newaxis], joints, tables.mean_pose),
        "landmarks": frame.centre + tf.reshape(scale, [-1, 1, 1]) * projected,
        "rotation_angle": angle * (2 * np.pi / tables.num_rotations),
        "pitch": tf.gather(tf.constant(tables.pitches, scale.dtype), pitch_index),
        "roll": tf.zeros_like(scale),
        "scale": scale,
        "energy": tf.where(frame.usable, best.energy, float("inf")),
        "joints_3d_stddev": tf.where(usable, best.stddev, tables.mean_pose_stddev),
        "winner": best.index,
    }


def _read_out(pose, tables, weights):
    """Returns joints `[B, L, 3]` relative to joint 0, and `[B, L, 2]`, less their centre."""
    x, y, depth = tf.unstack(tf.reshape(pose, [-1, 3, pose.shape[1] // 3]), axis=1)
    joints, projected = tf.stack([x, y, depth], -1), tf.stack([x, y], -1)
    if not tables.free_scale:
        first = tf.one_hot(0, tables.num_joints, dtype=joints.dtype)
        return joints - tf.einsum("blc,l->bc", joints, first)[:, tf.newaxis], projected
    joints, projected = (tf.pad(part, [[0, 0], [1, 0], [0, 0]]) for part in (joints, projected))
    if weights is None:
        return joints, projected - tf.reduce_mean(projected, 1, keepdims=True)
    centre = tf.einsum("bl,blc->bc", component.mean_weights(weights, True), projected)
    return joints, projected - centre[:, tf.newaxis]


def best_pose(landmarks, tables, indices, estimator, compiled, weights=None, rows=None):
    """Ranks candidates exactly and returns the pose of the best.

    Whitened landmarks w = y W have w'w = y'My / noise^2, so that an energy is a sum of
    squares here, not a difference of large numbers.

    Args:
        landmarks: `[B, 2n]`, see `visible_forms.coordinates`.
        tables: `LiftTables`.
        indices: `[N, B]`, the candidates, one or two.
        estimator: "map" or "min_energy".
        compiled: Whether XLA compiles it.
        weights: `[B, L]`, 0 or 1; `None` for all visible.
        rows: `missing_rows.find` of them.

    Returns:
        A `BestPose`. Gradient, where all are visible: the winner is held fixed, its scale is
        not.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017. Supplementary, S8.
        docs/method.md, M10, M13b, M14b, M16 and M16a.
    """
    store = functools.partial(materialize, compiled=compiled)
    product_of = functools.partial(gathered_products.multiply, compiled=compiled)
    fixed = tf.stop_gradient(landmarks)
    indices = store(indices)
    noise_variance = tf.gather(tables.noise_stddev, indices) ** 2
    halves, signs = tables.fold_half_turn(indices)
    mean = tf.gather(tables.poses.whitened_mean, halves)
    dimensions = 2.0 * tables.num_axes
    normaliser = tf.gather(tables.search.normaliser, indices)

    def multiply_both(vectors, table):
        vectors = tf.stack(vectors)
        signs_of_both = None if signs is None else tf.stack([signs] * 2)
        return tf.unstack(product_of(vectors, table, halves, signs=signs_of_both))

    completed = None
    if rows is None:
        whitened = store(product_of(fixed, tables.poses.whitening, halves, signs=signs))
    else:
        dimensions = component.dimensions(weights, tables.free_scale)
        completed = completion.complete(fixed, tables, indices, rows, compiled)
        fixed = fixed + completed.slope
        normaliser += completed.log_determinant
        normaliser += missing_rows.log_determinant_of_others(weights, noise_variance, tables)
        whitened, offset = multiply_both((fixed, completed.offset), tables.poses.whitening)
        mean = store(mean - offset)
    square, product = _sum(whitened**2), _sum(whitened * mean)
    inverse_scale = tf.ones_like(square)
    if tables.free_scale:
        inverse_scale = scale_estimation.most_likely_inverse_scale(square, product, 1.0, dimensions)
    residuals = inverse_scale[..., tf.newaxis] * whitened - mean
    energy = noise_variance * _sum(residuals**2)
    costs = energy
    if estimator != "min_energy":
        costs = scale_estimation.cost(energy, inverse_scale, noise_variance, normaliser, dimensions)

    # Stored, or XLA would write the costs into every reader of a result.
    swap = store(tf.cast(costs[-1] < costs[0], tf.int32)) > 0

    def best_first(values):
        if indices.shape[0] == 1:
            return values
        first = tf.reshape(swap, [-1] + [1] * (len(values.shape) - 2))
        return tf.where(first, tf.reverse(values, [0]), values)

    # From here on the best is the first, so that no pose need be chosen.
    indices, halves, scales = (best_first(part) for part in (indices, halves, inverse_scale))
    signs = None if signs is None else best_first(signs)
    # A division, done once, which XLA repeats for no reader of the poses.
    unit = 1 / scales[..., tf.newaxis]
    if completed is None:
        steps = product_of(fixed, tables.poses.landmarks_to_pose, halves, signs=signs) / unit
        poses = steps
    else:
        both = [store(best_first(values)) for values in (fixed, completed.offset)]
        grown, moved = multiply_both(both, tables.poses.landmarks_to_pose)
        steps = grown / unit
        poses = steps + moved
    poses = tables.turn_pose(poses + tf.gather(tables.poses.pose_offset, halves), signs)
    index, pose, scale = indices[0], poses[0], scales[0]
    half, sign = halves[0], None if signs is None else signs[0]
    # What the gradient takes, as a tensor of the graph that it belongs to.
    table = tf.identity(tables.poses.gradient)

    @tf.custom_gradient
    def attach(landmarks):
        """Gives the values above, of fixed landmarks, the gradient M16a."""

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
            return tables.turn_landmarks(d_landmarks, sign)

        return (tf.identity(pose), tf.identity(scale), best_first(energy)[0]), grad

    share = tf.nn.softmax(-best_first(costs) / 2, 0)
    variance = tf.gather(tables.poses.variance[:, 1:], indices)
    if completed is not None:
        inverse = best_first(tf.transpose(completed.inverse, [2, 3, 0, 1]))
        variance += _missing_variance(inverse, rows, tables, indices)
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
    return BestPose(index, pose, attached_scale if tables.free_scale else scale, energy, stddev)


def _sum(values):
    return tf.reduce_sum(values, -1)


def _squared_joints(poses, tables):
    """Returns the squared lengths `[..., L - 1]` of the joints of poses, joint 0 left out."""
    return pose_layout.sum_coordinates(pose_layout.rooted(poses, tables) ** 2)


def _missing_variance(inverse, rows, tables, indices):
    """Returns the variance of each joint, `[N, B, L - 1]`, that missing landmarks add.

    The pose follows these landmarks, whose covariance is noise^2 times the inverse of their
    rows of M, `[N, B, R, R]`.
    """
    table = completion.rows_to_pose(tables, rows.shape[1])
    halves, _ = tables.fold_half_turn(indices)
    start = halves[..., tf.newaxis] * (2 * tables.num_joints + rows.shape[1])
    moved = tf.gather(table, start + rows)
    spread = tf.reduce_sum(tf.matmul(inverse, moved) * moved, 2)
    noise_variance = tf.gather(tables.noise_stddev, indices)[..., tf.newaxis] ** 2
    return noise_variance * pose_layout.sum_coordinates(spread)
