"""Maps between skeletons, applied inside a graph."""

import numpy as np
import tensorflow as tf

from tf_lift.ops import shapes

__all__ = ["convert"]


def convert(points, weights, visibility=None, name="convert_joints"):
    """Converts joints by a matrix of weights; a joint is as visible as its least visible part.

    Does the same as `tf_lift.skeletons.convert`, which uses NumPy, but is differentiable in the
    points and returns 0 for joints that are missing or not visible.

    Args:
        points: Tensor of shape `[..., source joints, D]`, any unit and frame. A joint that is
            not finite is not visible.
        weights: Array of shape `[target joints, source joints]`, from
            `tf_lift.skeletons.joint_map`; must be known when a graph is traced.
        visibility: Tensor of shape `[..., source joints]`, bool or weights >= 0; `None` for
            all visible.
        name: Name of the operation.

    Returns:
        `(points, visibility)`: `[..., target joints, D]`, and `[..., target joints]` of the
        type of the argument `visibility`, bool if that is `None`.

    Raises:
        ValueError: If the static shapes do not fit.

    >>> weights = tf_lift.skeletons.joint_map("coco17", "h36m17")
    >>> points, visible = convert(tf.ones([5, 17, 2]), weights)
    >>> points.shape, int(tf.reduce_sum(tf.cast(visible[0], tf.int32)))
    (TensorShape([5, 17, 2]), 14)
    """
    with tf.name_scope(name):
        points = tf.convert_to_tensor(points)
        weights = np.asarray(weights)
        shapes.check_shape(points, "points", weights.shape[1], None)
        uses = weights != 0
        # A target joint without source joints is missing, whatever is visible.
        exists = uses.any(1)
        if visibility is None:
            visibility = tf.ones(tf.shape(points)[:-1], tf.bool)
        visibility = tf.convert_to_tensor(visibility)
        shapes.check_shape(visibility, "visibility", weights.shape[1])
        finite = tf.reduce_all(tf.math.is_finite(points), -1)
        if visibility.dtype == tf.bool:
            source_visible = visibility & finite
            visible = tf.reduce_all(source_visible[..., tf.newaxis, :] | ~uses, -1) & exists
            converted = visible
        else:
            source_visible = (visibility > 0) & finite
            visibility = tf.where(source_visible, visibility, tf.zeros([], visibility.dtype))
            parts = tf.where(uses, visibility[..., tf.newaxis, :], visibility.dtype.max)
            least = tf.reduce_min(parts, -1)
            visible = (least > 0) & exists
            converted = tf.where(visible, least, tf.zeros([], least.dtype))
        # Invisible points may be NaN, and 0 times NaN is NaN.
        points = tf.where(source_visible[..., tf.newaxis], points, tf.zeros([], points.dtype))
        mapped = tf.linalg.matmul(tf.constant(weights, points.dtype), points)
        return tf.where(visible[..., tf.newaxis], mapped, tf.zeros([], points.dtype)), converted
