"""Errors of motions: how far velocities and accelerations are off, one number per sequence."""

import math

import tensorflow as tf

from tf_lift.ops.errors import procrustes

__all__ = ["acceleration_error", "mpjve"]


def mpjve(predicted, true, fps, visibility=None) -> tf.Tensor:
    """Computes the mean per-joint velocity error: how much a motion trembles or lags.

    Velocities are differences of consecutive frames times `fps`.

    Args:
        predicted: Tensor of shape `[..., T, L, 3]`, mm, one sequence of T frames.
        true: Tensor of the same shape.
        fps: Frames per second, a positive number.
        visibility: Tensor of shape `[..., T, L]`, bool or weights >= 0. A joint counts in two
            frames that both show it, with the smaller weight.

    Returns:
        Tensor of shape `[...]`, mm/s: mean over frames and joints; 0 where none counts.

    Raises:
        ValueError: If shapes do not fit or are empty, or `fps` is not positive.

    References:
        Pavllo et al. 3D human pose estimation in video with temporal convolutions and
        semi-supervised training. CVPR 2019.

    >>> true = tf.zeros([3, 2, 3])
    >>> round(float(mpjve(true + [[[0.0]], [[1.0]], [[2.0]]], true, fps=10.0)), 3)
    17.321
    """
    with tf.name_scope("mpjve"):
        return _error_of_differences(predicted, true, fps, visibility, 1)


def acceleration_error(predicted, true, fps, visibility=None) -> tf.Tensor:
    """Computes the mean per-joint acceleration error, from second differences of frames.

    Args:
        predicted: Tensor of shape `[..., T, L, 3]`, mm, one sequence of T frames.
        true: Tensor of the same shape.
        fps: Frames per second, a positive number.
        visibility: As for `mpjve`, of three frames.

    Returns:
        Tensor of shape `[...]`, mm/s^2.

    Raises:
        ValueError: If shapes do not fit or are empty, or `fps` is not positive.

    References:
        Kanazawa et al. Learning 3D human dynamics from video. CVPR 2019.

    >>> true = tf.zeros([3, 1, 3])
    >>> round(float(acceleration_error(true + [[[0.0]], [[0.0]], [[3.0]]], true, fps=1.0)), 3)
    5.196
    """
    with tf.name_scope("acceleration_error"):
        return _error_of_differences(predicted, true, fps, visibility, 2)


def _error_of_differences(predicted, true, fps, visibility, order):
    if not 0 < fps < math.inf:
        raise ValueError(f"`fps` must be a positive number. Received: {fps!r}")
    predicted, true, weights = procrustes.visible_joints(
        predicted, true, visibility, "predicted", "true", dimension=3
    )
    if predicted.shape.rank is not None and predicted.shape.rank < 3:
        raise ValueError(
            f"`predicted` must have shape [..., T, L, 3]. Received: {tuple(predicted.shape)}"
        )
    difference = predicted - true
    for _ in range(order):
        difference = difference[..., 1:, :, :] - difference[..., :-1, :, :]
        weights = tf.minimum(weights[..., 1:, :], weights[..., :-1, :])
    # The derivative of the square root is infinite at 0.
    squared = tf.reduce_sum(difference**2, -1)
    zero = squared == 0
    distance = fps**order * tf.where(
        zero, tf.zeros_like(squared), tf.sqrt(tf.where(zero, tf.ones_like(squared), squared))
    )
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * distance, [-2, -1]), tf.reduce_sum(weights, [-2, -1])
    )
