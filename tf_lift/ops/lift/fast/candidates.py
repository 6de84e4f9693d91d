"""Poses of many candidates, components at rotations, with their costs."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component, scale_estimation
from tf_lift.ops.lift.fast import visible_forms, weighted_fit

__all__ = ["Candidates", "all_visible", "chosen", "scales"]


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
