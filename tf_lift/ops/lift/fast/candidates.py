"""Poses of many candidates, components at rotations, with their costs."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component, scale_estimation
from tf_lift.ops.lift.fast import visible_forms, weighted_fit

__all__ = ["Candidates", "all_visible", "chosen"]


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
    parts = visible_forms.evaluate(landmarks, tables)
    square, product = (
        tf.transpose(visible_forms.join(forms, tables)) for forms in zip(*parts, strict=True)
    )
    dimensions = tf.constant(2.0 * tables.num_axes, square.dtype)
    noise_variance = tables.noise_stddev**2
    inverse_scale, inverse_scale_variance = tf.ones_like(square), tf.zeros_like(square)
    if tables.free_scale:
        # Rounding may leave nothing of y'My, which is positive, of landmarks of size 1.
        square = tf.maximum(square, square.dtype.as_numpy_dtype(1e-7))
        inverse_scale = scale_estimation.most_likely_inverse_scale(
            square, product, noise_variance, dimensions
        )
        inverse_scale_variance = 1 / (square / noise_variance + dimensions / inverse_scale**2)
    energy = inverse_scale * (inverse_scale * square - 2 * product) + tables.search.constant
    costs = energy
    if estimator != "min_energy":
        costs = scale_estimation.cost(
            energy, inverse_scale, noise_variance, tables.search.normaliser, dimensions
        )
    offset, per_inverse_scale = _linear_poses(landmarks, tables)
    joints_3d = offset + inverse_scale[..., tf.newaxis][..., tf.newaxis] * per_inverse_scale
    poses = component.PPCAPose(
        joints_3d, per_inverse_scale, inverse_scale, inverse_scale_variance, energy
    )
    return Candidates(costs, poses, tables.poses.variance[tf.newaxis])


def _linear_poses(landmarks, tables):
    """Returns poses of all candidates for landmarks of zero, and what landmarks in mm add.

    Returns:
        `[M, L, 3]` and `[B, M, L, 3]`, relative to joint 0 at a free scale.
    """
    points = visible_forms.coordinates(landmarks, tables)
    signs = (1, -1)[: 1 + tables.uses_half_turn_symmetry]
    table = tables.poses.landmarks_to_pose
    size = table.shape[-1]
    by_axis = [
        tf.matmul(values, tf.reshape(tf.transpose(part, [1, 0, 2]), [values.shape[1], -1]))
        for values, part in zip(tf.split(points, 2, -1), tf.split(table, 2, 1), strict=True)
    ]
    by_axis = [tf.reshape(values, [-1, table.shape[0], size]) for values in by_axis]
    added, offsets = [], []
    for sign in signs:
        turn = None if sign == 1 else tf.constant(-1.0, tables.dtype)
        added.append(tables.turn_pose(sign * by_axis[0] + by_axis[1], turn))
        offsets.append(tables.turn_pose(tables.poses.pose_offset, turn))
    half = tables.num_rotations // len(signs) * len(tables.pitches)

    def of_all(parts):
        parts = [tf.reshape(part, [-1, tables.num_components, 1, half, size]) for part in parts]
        poses = tf.reshape(tf.concat(parts, 2), [-1, tables.num_candidates, 3, size // 3])
        poses = tf.transpose(poses, [0, 1, 3, 2])
        if tables.free_scale:
            poses = tf.pad(poses, [[0, 0], [0, 0], [1, 0], [0, 0]])
        return poses

    return of_all(offsets)[0], of_all(added)
