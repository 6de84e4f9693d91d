"""Errors of poses and landmarks: one number per pose, hidden joints left out everywhere.

Every function takes `predicted` and `true` of the same shape and `visibility` (bool or weights
>= 0; `None`: all visible). A joint whose `true` position is not finite is hidden too. A hidden
joint counts in no sum and no fit, whatever `predicted` holds there; a visible joint that is
predicted as NaN makes the error NaN. The error of a pose without a visible joint is 0; give it
weight 0 in a mean (`num_visible` counts visible joints). Gradients are finite everywhere and 0
for a joint that is exactly right.
"""

import math

import tensorflow as tf

from tf_lift.ops.errors import procrustes

__all__ = ["landmark_error", "mpjpe", "n_mpjpe", "num_visible", "pa_mpjpe", "pck3d"]


def mpjpe(predicted, true, visibility=None) -> tf.Tensor:
    """Computes the mean per-joint position error (Human3.6M's protocol 1).

    Poses are not shifted: both must have their origin at the pelvis (joint 0), as everywhere
    in this package. The pelvis, with its error of 0, counts as a joint.

    Args:
        predicted: Tensor of shape `[..., L, 3]`, mm, camera frame, origin at joint 0.
        true: Tensor of the same shape, unit and frame.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.

    Returns:
        Tensor of shape `[...]`, mm: the weighted mean of the joints' distances.

    Raises:
        ValueError: If shapes do not fit or are empty.

    >>> pose = tf.zeros([1, 2, 3])
    >>> mpjpe(pose + [[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]], pose).numpy()
    array([2.5], dtype=float32)
    """
    with tf.name_scope("mpjpe"):
        return _mean_distance(*_visible(predicted, true, visibility))


def pa_mpjpe(predicted, true, visibility=None) -> tf.Tensor:
    """Computes the error after Procrustes alignment (protocol 2): `mpjpe` of the shape alone.

    Fits the visible joints to the true ones by rotation, positive scale and translation, in
    the sense of least squares; a mirrored pose stays wrong. One or two visible joints always
    fit exactly: their error is 0.

    Args:
        predicted: Tensor of shape `[..., L, 3]`, any unit, frame and origin.
        true: Tensor of shape `[..., L, 3]`, mm.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.

    Returns:
        Tensor of shape `[...]`, mm.

    Raises:
        ValueError: If shapes do not fit or are empty.

    >>> pose = tf.constant([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
    >>> pa_mpjpe(0.5 * pose[..., ::-1] + 1.0, pose).numpy().round(3)
    array([0.], dtype=float32)
    """
    with tf.name_scope("pa_mpjpe"):
        predicted, true, weights = _visible(predicted, true, visibility)
        return _mean_distance(procrustes.align(predicted, true, weights), true, weights)


def n_mpjpe(predicted, true, visibility=None) -> tf.Tensor:
    """Computes `mpjpe` at the best scale: the error without that of the person's size.

    Multiplies `predicted` by the scale s >= 0 that minimises the weighted sum of squared
    distances about the origin (joint 0), without rotation or translation. A pose that no
    positive scale brings closer is judged at scale 0, never as its mirror image.

    Args:
        predicted: Tensor of shape `[..., L, 3]`, any unit, camera frame, origin at joint 0.
        true: Tensor of shape `[..., L, 3]`, mm, camera frame, origin at joint 0.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.

    Returns:
        Tensor of shape `[...]`, mm.

    Raises:
        ValueError: If shapes do not fit or are empty.

    References:
        Rhodin et al. Learning monocular 3D human pose estimation from multi-view images.
        CVPR 2018.

    >>> pose = tf.constant([[[0.0, 0.0, 0.0], [300.0, 0.0, 0.0], [0.0, 400.0, 0.0]]])
    >>> n_mpjpe(0.5 * pose, pose).numpy()
    array([0.], dtype=float32)
    """
    with tf.name_scope("n_mpjpe"):
        predicted, true, weights = _visible(predicted, true, visibility)
        joint_weights = weights[..., tf.newaxis]
        overlap = tf.reduce_sum(joint_weights * predicted * true, axis=[-2, -1])
        size = tf.reduce_sum(joint_weights * predicted**2, axis=[-2, -1])
        scale = tf.maximum(tf.math.divide_no_nan(overlap, size), 0.0)
        return _mean_distance(scale[..., tf.newaxis, tf.newaxis] * predicted, true, weights)


def pck3d(predicted, true, visibility=None, threshold: float = 150.0) -> tf.Tensor:
    """Computes the fraction of joints that are closer than a threshold (3D PCK).

    Poses are compared as they are, as in `mpjpe`. There is no gradient.

    Args:
        predicted: Tensor of shape `[..., L, 3]`, mm, camera frame, origin at joint 0.
        true: Tensor of the same shape, unit and frame.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.
        threshold: Distance in mm below which a joint is right; 150 mm is about half the
            size of a head (Mehta et al.).

    Returns:
        Tensor of shape `[...]` in [0, 1]; 0 for a pose without a visible joint.

    Raises:
        ValueError: If shapes do not fit or are empty, or `threshold` is not positive.

    References:
        Mehta et al. Monocular 3D human pose estimation in the wild. 3DV 2017.

    >>> pose = tf.zeros([1, 2, 3])
    >>> pck3d(pose + [[100.0, 0.0, 0.0], [200.0, 0.0, 0.0]], pose).numpy()
    array([0.5], dtype=float32)
    """
    if not 0 < threshold < math.inf:
        raise ValueError(f"`threshold` must be positive. Received: threshold={threshold!r}")
    with tf.name_scope("pck3d"):
        predicted, true, weights = _visible(predicted, true, visibility)
        distance = _distance(predicted, true)
        right = tf.cast(distance < threshold, distance.dtype)
        # Keep NaN: in the comparison it would count as a joint beyond the threshold.
        right = tf.where(tf.math.is_nan(distance), distance, right)
        return _weighted_mean(right, weights)


def landmark_error(predicted, true, visibility=None) -> tf.Tensor:
    """Computes the mean distance of 2D landmarks.

    Args:
        predicted: Tensor of shape `[..., L, 2]`, px.
        true: Tensor of shape `[..., L, 2]`, px.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.

    Returns:
        Tensor of shape `[...]`, px.

    Raises:
        ValueError: If shapes do not fit or are empty.

    >>> landmark_error([[[3.0, 4.0], [9.0, 9.0]]], [[[0.0, 0.0], [np.nan, 0.0]]]).numpy()
    array([5.], dtype=float32)
    """
    with tf.name_scope("landmark_error"):
        return _mean_distance(*_visible(predicted, true, visibility, dimension=2))


def num_visible(true, visibility=None) -> tf.Tensor:
    """Counts the joints of each pose that the errors of this module take into account.

    Args:
        true: Tensor of shape `[..., L, 2 or 3]`.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.

    Returns:
        Tensor of shape `[...]`, int32.

    Raises:
        ValueError: If shapes do not fit or are empty.

    >>> num_visible([[[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0]]]).numpy()
    array([1], dtype=int32)
    """
    weights = _visible(true, true, visibility, dimension=None)[2]
    return tf.reduce_sum(tf.cast(weights > 0, tf.int32), axis=-1)


def _visible(predicted, true, visibility, dimension=3):
    return procrustes.visible_joints(
        predicted, true, visibility, "predicted", "true", dimension=dimension
    )


def _distance(predicted, true):
    squared = tf.reduce_sum((predicted - true) ** 2, axis=-1)
    # The derivative of the square root is infinite at 0.
    zero = squared == 0
    root = tf.sqrt(tf.where(zero, tf.ones_like(squared), squared))
    return tf.where(zero, tf.zeros_like(squared), root)


def _mean_distance(predicted, true, weights):
    return _weighted_mean(_distance(predicted, true), weights)


def _weighted_mean(values, weights):
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * values, axis=-1), tf.reduce_sum(weights, axis=-1)
    )
