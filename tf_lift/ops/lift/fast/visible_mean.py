"""The mean pose over all candidates, all landmarks visible, without a pose for each of them.

Poses are linear in landmarks, so that their mean is a product with the mean of the matrices.
Deviations alone need what each candidate's landmarks add to its pose.

Half a turn later all of this changes its sign but what vertical landmarks add to vertical
coordinates and horizontal ones to the others: sums over candidates take sums of the weights of
both half-turns, called even, and differences, called odd.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import pose_layout
from tf_lift.ops.lift.fast import visible_forms
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["VisibleMean", "mean_pose"]


class VisibleMean(NamedTuple):
    """Means over candidates, weighted by their probabilities.

    Attributes:
        joints_3d: `[B, L, 3]`, mm; relative to joint 0 at a free scale.
        projected: `[B, L, 2]`; the mean of x and y over the inverse scale.
        inverse_scale: `[B]`.
        variance: `[B, L]`, mm^2; of each joint relative to joint 0, summed over the axes,
            without gradient. `None` where `posterior.stddev` computes it.
    """

    joints_3d: tf.Tensor
    projected: tf.Tensor
    inverse_scale: tf.Tensor
    variance: tf.Tensor | None


def mean_pose(landmarks, tables, probability, inverse_scale, inverse_scale_variance, compiled):
    """Returns the `VisibleMean` of all candidates.

    Args:
        landmarks: `[B, L, 2]`, as `visible_forms.evaluate` takes them.
        tables: `LiftTables`.
        probability: `[M, B]`.
        inverse_scale: `[M, B]`.
        inverse_scale_variance: `[M, B]`.
        compiled: Whether XLA compiles it.

    References:
        docs/method.md, M20a and M20b.
    """
    points = tf.transpose(visible_forms.coordinates(landmarks, tables))
    horizontal, vertical = tf.unstack(tf.reshape(points, [2, tables.num_axes, 1, -1]))
    of_even = tf.stack([horizontal, vertical, horizontal])
    of_odd = tf.stack([vertical, horizontal, vertical])
    offset = _by_axis(tables.poses.pose_offset)
    (decode_even, encode_even), (decode_odd, encode_odd) = tables.mean_matrices
    rows = decode_even.shape[0] // 3

    def expect(weights, weights_of_offset, num_axes):
        """Returns the sum of the first axes of poses, `[axes, q, B]`: offsets, then the rest."""
        even, odd = _parities(weights, tables, compiled)
        shape = [num_axes, tables.num_axes, offset.shape[2], -1]
        last = num_axes * rows
        added = tf.reduce_sum(
            tf.reshape(tf.matmul(decode_even[:last], tf.matmul(encode_even, even)), shape)
            * of_even[:num_axes]
            + tf.reshape(tf.matmul(decode_odd[:last], tf.matmul(encode_odd, odd)), shape)
            * of_odd[:num_axes],
            1,
        )
        even, odd = _parities(weights_of_offset, tables, compiled)
        each = [_sum(offset[:, axis], even if axis == 1 else odd) for axis in range(num_axes)]
        return tf.stack(each) + added

    scaled = materialize(probability * inverse_scale, compiled)
    joints = expect(scaled, probability, 3)
    projected = expect(probability, probability / inverse_scale, 2)
    fixed = (points, joints, probability, scaled, scaled * inverse_scale)
    variance = _variance(
        tables,
        *map(tf.stop_gradient, fixed),
        tf.stop_gradient(probability * inverse_scale_variance),
        compiled,
    )
    first = [[0, 0], [1, 0], [0, 0]] if tables.free_scale else [[0, 0]] * 3
    return VisibleMean(
        tf.transpose(tf.pad(joints, first), [2, 1, 0]),
        tf.transpose(tf.pad(projected, first), [2, 1, 0]),
        tf.reduce_sum(scaled, 0),
        variance,
    )


def _variance(tables, points, joints, probability, scaled, squared, of_scale, compiled):
    """Returns the variance of each joint about the mean, by the law of total variance.

    Args:
        tables: `LiftTables`.
        points: `[2n, B]`.
        joints: `[3, q, B]`; the mean.
        probability: `[M, B]`.
        scaled: Probabilities times inverse scales.
        squared: The same times squared inverse scales.
        of_scale: The same times the inverse scales' variances.
        compiled: Whether XLA compiles it.
    """
    offset = _by_axis(pose_layout.rooted(tables.poses.pose_offset, tables))
    of_horizontal, of_vertical = tables.added_by_axis
    shape = [*offset.shape, -1]
    horizontal = tf.reshape(tf.matmul(of_horizontal, points[: tables.num_axes]), shape)
    vertical = tf.reshape(tf.matmul(of_vertical, points[tables.num_axes :]), shape)

    def of_candidates(weights):
        parts = _parities(weights, tables, compiled)
        return [tf.reshape(part, [offset.shape[0], 1, 1, -1]) for part in parts]

    even, odd = of_candidates(squared + of_scale)
    scaled_even, scaled_odd = of_candidates(scaled)
    # What landmarks add, of length h + v or h - v, and its product with the offset.
    squares = tf.reduce_sum(
        even * (horizontal**2 + vertical**2)
        + 2 * odd * horizontal * vertical
        + 2 * offset[..., tf.newaxis] * (scaled_odd * horizontal + scaled_even * vertical),
        [0, 1],
    )
    squares += _sum(tf.reduce_sum(offset**2, 1), _parities(probability, tables, compiled)[0])
    if not tables.free_scale:
        joints = joints[:, 1:] - joints[:, :1]
    spread = tf.maximum(squares - tf.reduce_sum(joints**2, 0), 0)
    within = tf.matmul(tables.poses.variance, probability, transpose_a=True)
    return tf.transpose(within + tf.pad(spread, [[1, 0], [0, 0]]))


def _parities(weights, tables, compiled):
    """Returns the even and the odd ones of weights `[M, B]`, each `[H, B]`."""
    if not tables.uses_half_turn_symmetry:
        return weights, weights
    lanes = tf.shape(weights)[1]
    halves = tf.reshape(weights, [-1, 2, tables.num_rotations // 2, lanes])
    first, second = tf.unstack(halves, axis=1)
    return tuple(
        materialize(tf.reshape(part, [-1, lanes]), compiled)
        for part in (first + second, first - second)
    )


def _sum(table, weights):
    """Returns the weighted sums `[..., B]` of a table `[H, ...]`."""
    return tf.matmul(table, weights, transpose_a=True)


def _by_axis(poses):
    """Returns poses `[H, 3 q]` as `[H, 3, q]`."""
    return tf.reshape(poses, [poses.shape[0], 3, -1])
