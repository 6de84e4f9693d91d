"""Poses of many candidates, components at rotations, with their costs."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component, scale_estimation
from tf_lift.ops.lift.fast import visible_forms, weighted_fit
from tf_lift.ops.lift.fast.xla import gathered_products

__all__ = ["Candidates", "all_visible", "chosen", "chosen_visible", "scales"]


class Candidates(NamedTuple):
    """Candidates of each pose, `[B, N, ...]`.

    Attributes:
        costs: Minus twice the log posterior M12, or energies for "min_energy".
        poses: `component.PPCAPose`.
        variance: `[..., L]`, see `component.PPCAFit`; the first axis may be 1.
    """

    costs: tf.Tensor
    poses: component.PPCAPose
    variance: tf.Tensor


def chosen(landmarks, tables, solved, variance, estimator):
    """Returns chosen candidates as fitted to landmarks, differentiable by the landmarks.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search.
        tables: `LiftTables`.
        solved: Their `weighted_fit.WeightedFit`.
        variance: `weighted_fit.variance` of it.
        estimator: "min_energy" to compare energies.
    """
    poses = weighted_fit.lift_pose(landmarks, solved, tables)
    costs = poses.energy
    if estimator != "min_energy":
        costs = scale_estimation.cost(
            poses.energy,
            poses.inverse_scale,
            tf.transpose(solved.noise_variance),
            tf.transpose(solved.normaliser),
            tf.transpose(solved.dimensions),
        )
    return Candidates(costs, poses, variance)


def chosen_visible(landmarks, tables, indices, estimator, compiled):
    """Returns chosen candidates, all landmarks visible, differentiable by the landmarks.

    Nothing is solved: the tables have what `weighted_fit.fit` finds for these weights.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search.
        tables: `LiftTables`.
        indices: `[N, B]`.
        estimator: "min_energy" to compare energies.
        compiled: Whether XLA compiles it.

    Returns:
        `Candidates`; poses are relative to joint 0 at a free scale.

    References:
        docs/method.md, M10, M13b and M13c.
    """
    halves, signs = tables.fold_half_turn(indices)
    points = visible_forms.coordinates(landmarks, tables)
    points = tf.broadcast_to(points, tf.concat([tf.shape(indices), [points.shape[1]]], 0))
    whitened, steps = _whitened_and_steps(
        tables.turn_landmarks(points, signs), tables, halves, compiled
    )
    mean = tf.gather(tables.poses.whitened_mean, halves)
    dimensions = tf.constant(2.0 * tables.num_axes, points.dtype)
    noise_variance = tf.gather(tables.noise_stddev, indices) ** 2
    square, product = tf.reduce_sum(whitened**2, -1), tf.reduce_sum(whitened * mean, -1)
    inverse_scale, inverse_scale_variance = tf.ones_like(square), tf.zeros_like(square)
    if tables.free_scale:
        inverse_scale = scale_estimation.most_likely_inverse_scale(square, product, 1.0, dimensions)
        inverse_scale_variance = 1 / (square + dimensions / inverse_scale**2)
    residuals = inverse_scale[..., tf.newaxis] * whitened - mean
    energy = noise_variance * tf.reduce_sum(residuals**2, -1)
    costs = energy
    if estimator != "min_energy":
        normaliser = tf.gather(tables.search.normaliser, indices)
        costs = scale_estimation.cost(energy, inverse_scale, noise_variance, normaliser, dimensions)
    offset = tf.gather(tables.poses.pose_offset, halves)
    pose = tables.turn_pose(inverse_scale[..., tf.newaxis] * steps + offset, signs)

    def of_poses(values):
        by_axis = tf.reshape(values, tf.concat([tf.shape(indices), [3, values.shape[-1] // 3]], 0))
        joints = tf.transpose(by_axis, [1, 0, 3, 2])
        missing = tables.num_joints - joints.shape[2]
        return tf.pad(joints, [[0, 0], [0, 0], [missing, 0], [0, 0]])

    numbers = (inverse_scale, inverse_scale_variance, energy)
    poses = component.PPCAPose(
        of_poses(pose), of_poses(tables.turn_pose(steps, signs)), *map(tf.transpose, numbers)
    )
    variance = tf.gather(tables.poses.variance, tf.transpose(indices))
    return Candidates(tf.transpose(costs), poses, variance)


def _whitened_and_steps(points, tables, halves, compiled):
    """Multiplies points `[N, B, 2n]` by the tables that whiten them and that make poses of them.

    With the gradient of both, which in a compiled loop TensorFlow would make another loop of
    that XLA compiles for each number of poses.
    """
    poses = tables.poses

    def product_of(vectors, table):
        return gathered_products.multiply(vectors, table, halves, compiled)

    @tf.custom_gradient
    def multiply(points):
        def grad(d_whitened, d_steps):
            return product_of(tf.concat([d_whitened, d_steps], -1), poses.gradient)

        both = product_of(points, poses.whitening), product_of(points, poses.landmarks_to_pose)
        return both, grad

    return multiply(points)


def all_visible(landmarks, tables, estimator):
    """Returns all candidates, all landmarks visible, differentiable by the landmarks.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search.
        tables: `LiftTables`.
        estimator: "min_energy" to compare energies.

    Returns:
        `Candidates`, N = M.

    References:
        docs/method.md, section 10.
    """
    costs, inverse_scale, inverse_scale_variance, energy = (
        tf.transpose(part) for part in scales(landmarks, tables, estimator)
    )
    offset, steps = _linear_poses(landmarks, tables)
    joints_3d = offset + inverse_scale[..., tf.newaxis] * steps
    shape = [-1, tables.num_candidates, tables.num_joints, 3]
    poses = component.PPCAPose(
        tf.reshape(joints_3d, shape),
        tf.reshape(steps, shape),
        inverse_scale,
        inverse_scale_variance,
        energy,
    )
    return Candidates(costs, poses, tables.poses.variance[tf.newaxis])


def scales(landmarks, tables, estimator):
    """Returns costs, inverse scales and their variances, and energies of all candidates.

    Args:
        landmarks: See `all_visible`, as for the next two.
        tables: `LiftTables`.
        estimator: "min_energy" to compare energies.

    Returns:
        Four of `[M, B]`, all landmarks visible.
    """
    parts = visible_forms.evaluate(landmarks, tables)
    square, product = (visible_forms.join(forms, tables) for forms in zip(*parts, strict=True))
    dimensions = tf.constant(2.0 * tables.num_axes, square.dtype)
    noise_variance, normaliser, constant = (
        table[:, tf.newaxis]
        for table in (tables.noise_stddev**2, tables.search.normaliser, tables.search.constant)
    )
    inverse_scale, inverse_scale_variance = tf.ones_like(square), tf.zeros_like(square)
    if tables.free_scale:
        # Rounding may leave nothing of y'My, which is positive, of landmarks of size 1.
        square = tf.maximum(square, square.dtype.as_numpy_dtype(1e-7))
        inverse_scale = scale_estimation.most_likely_inverse_scale(
            square, product, noise_variance, dimensions
        )
        inverse_scale_variance = 1 / (square / noise_variance + dimensions / inverse_scale**2)
    energy = inverse_scale * (inverse_scale * square - 2 * product) + constant
    costs = energy
    if estimator != "min_energy":
        costs = scale_estimation.cost(energy, inverse_scale, noise_variance, normaliser, dimensions)
    return costs, inverse_scale, inverse_scale_variance, energy


def _linear_poses(landmarks, tables):
    """Returns poses of all candidates for landmarks of zero, and what landmarks in mm add.

    Returns:
        `[M, 3 L]` and `[B, M, 3 L]`, joint by joint, relative to joint 0 at a free scale.
    """
    points = visible_forms.coordinates(landmarks, tables)
    table, offset = tables.joint_by_joint
    size = table.shape[-1]
    horizontal, vertical = (
        tf.reshape(tf.matmul(values, part), [-1, offset.shape[0], size])
        for values, part in zip(
            tf.split(points, 2, -1),
            tf.split(tf.reshape(table, [points.shape[1], -1]), 2),
            strict=True,
        )
    )
    if not tables.uses_half_turn_symmetry:
        return offset, horizontal + vertical
    # Half a turn later landmarks have the other sign of x, poses that of x and of the depth.
    turn = tf.constant([-1.0, 1.0, -1.0] * (size // 3), tables.dtype)
    half = tables.num_rotations // 2

    def of_all(first, second):
        parts = [
            tf.reshape(part, [-1, tables.num_components, 1, half, size]) for part in (first, second)
        ]
        return tf.reshape(tf.concat(parts, 2), [-1, tables.num_candidates, size])

    steps = of_all(horizontal + vertical, turn * (vertical - horizontal))
    return of_all(offset, turn * offset)[0], steps
