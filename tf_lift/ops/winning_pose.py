"""The pose of the best candidate where all landmarks are visible, with its gradient."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import gathered_products, rotation_search
from tf_lift.ops.scale_estimation import most_likely_inverse_scale

__all__ = ["WinningPose", "find"]

class WinningPose(NamedTuple):
    """The best candidate of each pose.

    Attributes:
        index: `[B]`, int32.
        pose: `[B, 3 (L - 1)]`, mm, camera frame, relative to joint 0, which is left out; at
            a given scale all joints, `[B, 3L]`, as the prior has them.
        inverse_scale: `[B]`, mm per unit of the landmarks.
        energy: `[B]`, mm^2.
        stddev: `[B, L]`, mm, see `posterior.stddev`; without gradient, as is `index`.
    """

    index: tf.Tensor
    pose: tf.Tensor
    inverse_scale: tf.Tensor
    energy: tf.Tensor
    stddev: tf.Tensor


def find(landmarks, tables, indices, selection="posterior", unrolled=False):
    """Ranks some candidates exactly and returns the pose of the best.

    Whitened landmarks w = y W have w'w = y'My / noise^2, so that an energy is a sum of
    squares here, not a difference of large numbers.

    Args:
        landmarks: `[B, 2n]`, see `rotation_search.coordinates`.
        tables: `LiftTables`.
        indices: `[N, B]`, the candidates, one or two.
        selection: See `rotation_search.cost`.
        unrolled: Whether XLA compiles it.

    Returns:
        A `WinningPose`. Gradient: the winner is held fixed, its scale is not.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017. Supplementary, eq. 8.
        docs/method.md, equations 10, 13b and 16.
    """
    fixed = tf.stop_gradient(landmarks)
    product_of = functools.partial(gathered_products.multiply, unrolled=unrolled)
    noise_variance = tf.gather(tables.noise_stddev, indices) ** 2
    # The division by one changes nothing, but XLA repeats none for each of its readers.
    whitened = product_of(fixed, tables.whitening, indices) / tables.one
    mean = tf.gather(tables.whitened_mean, indices)
    square, product = _sum(whitened**2), _sum(whitened * mean)
    dimensions = 2.0 * tables.axes.shape[1]
    inverse_scale = tf.ones_like(square)
    if tables.free_scale:
        inverse_scale = most_likely_inverse_scale(square, product, 1.0, dimensions)
    residuals = inverse_scale[..., tf.newaxis] * whitened - mean
    energy = noise_variance * _sum(residuals**2)
    normaliser = tf.gather(tables.normaliser, indices)
    costs = rotation_search.cost(
        energy, inverse_scale, noise_variance, normaliser, dimensions, selection
    )
    def best_first(values):
        if indices.shape[0] == 1:
            return values
        swap = tf.reshape(costs[1] < costs[0], [-1] + [1] * (len(values.shape) - 2))
        return tf.where(swap, values[::-1], values)

    # From here on the best is the first, so that no pose need be chosen.
    indices, scales = best_first(indices), best_first(inverse_scale)
    # Likewise a division, done once.
    steps = product_of(fixed, tables.growth, indices) / (1 / scales)[..., tf.newaxis]
    poses = steps + tf.gather(tables.rest, indices)
    index, pose, scale = indices[0], poses[0], scales[0]

    @tf.custom_gradient
    def attach(landmarks):
        """Gives the values above, of fixed landmarks, the gradient of equation 16."""

        def grad(d_pose, d_scale, d_energy):
            variance = best_first(noise_variance)[0]
            direction = d_energy * 2 * scale * variance
            direction = direction[:, tf.newaxis] * best_first(residuals)[0]
            if tables.free_scale:
                a, b = best_first(square)[0], best_first(product)[0]
                d_scale += tf.math.divide_no_nan(_sum(d_pose * steps[0]), scale)
                d_scale += d_energy * 2 * variance * (scale * a - b)
                change = tf.math.divide_no_nan(d_scale * scale, 2 * scale * a - b)
                turn = best_first(mean)[0] - 2 * scale[:, tf.newaxis] * best_first(whitened)[0]
                direction += change[:, tf.newaxis] * turn
            d_landmarks = product_of(direction, tables.whitening_transposed, index)
            upstream = scale[:, tf.newaxis] * d_pose
            return d_landmarks + product_of(upstream, tables.growth_transposed, index)

        return (tf.identity(pose), tf.identity(scale), best_first(energy)[0]), grad

    share = tf.nn.softmax(-best_first(costs) / 2, 0)
    variance = tf.gather(tables.variance[:, 1:], indices)
    if tables.free_scale:
        # The scale's variance is 1 / (A / noise^2 + d / u^2).
        of_scale = 1 / (scales**2 * best_first(square) + dimensions)
        variance += of_scale[..., tf.newaxis] * _squared_joints(steps, tables)
    variance = tf.reduce_sum(share[..., tf.newaxis] * variance, 0)
    if indices.shape[0] > 1:
        variance += share[1][:, tf.newaxis] * _squared_joints(poses[1] - pose, tables)
    return WinningPose(index, *attach(landmarks), tf.pad(tf.sqrt(variance), [[0, 0], [1, 0]]))


def _sum(values):
    return tf.reduce_sum(values, -1)


def _squared_joints(poses, tables):
    """Returns the squared lengths `[..., L - 1]` of the joints of poses, joint 0 left out."""
    num_joints = tables.num_joints
    if not tables.free_scale:
        joints = tf.reshape(poses, tf.concat([tf.shape(poses)[:-1], [num_joints, 3]], 0))
        poses = tf.reshape(joints[..., 1:, :] - joints[..., :1, :], tf.concat([tf.shape(poses)[:-1], [3 * (num_joints - 1)]], 0))
    sums = np.kron(np.eye(num_joints - 1), np.ones([3, 1]))
    return tf.matmul(poses**2, tf.constant(sums, poses.dtype))
