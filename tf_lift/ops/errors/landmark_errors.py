"""Fractions of landmarks that are right: PCK at a fraction of the person's size, and OKS.

Hidden landmarks count nowhere, as in `pose_errors`. There is no gradient.
"""

import math

import numpy as np
import tensorflow as tf

from tf_lift.ops import dtypes, shapes
from tf_lift.ops.errors import procrustes

__all__ = ["COCO_SIGMAS", "oks", "pck"]

# Deviation of the annotators of COCO's 17 keypoints, over the root of the person's area.
COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035),
    *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)


def pck(predicted, true, size, visibility=None, *, threshold: float) -> tf.Tensor:
    """Computes the fraction of landmarks that are close, relative to the person's size (PCK).

    Args:
        predicted: Tensor of shape `[..., L, 2]`, px.
        true: Tensor of the same shape, px.
        size: Tensor of shape `[...]`, px: length of the head segment for PCKh, diagonal of the
            trunk for PCK. A person whose size is not positive has no landmark that counts.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.
        threshold: Distance up to which a landmark is right, as a fraction of `size`.

    Returns:
        Tensor of shape `[...]` in [0, 1]; 0 for a person without a landmark that counts.

    Raises:
        ValueError: If shapes do not fit or are empty, or `threshold` is not positive.

    References:
        Yang and Ramanan. Articulated pose estimation with flexible mixtures-of-parts. CVPR 2011.
        Andriluka et al. 2D human pose estimation (MPII). CVPR 2014.

    >>> pck([[[0.0, 5.0], [0.0, 11.0]]], tf.zeros([1, 2, 2]), [20.0], threshold=0.5).numpy()
    array([0.5], dtype=float32)
    """
    if not 0 < threshold < math.inf:
        raise ValueError(f"`threshold` must be positive. Received: threshold={threshold!r}")
    squared, weights, size = _squared_distance(predicted, true, size, "size", visibility)
    weights = tf.where((size > 0)[..., tf.newaxis], weights, 0.0)
    limit = (threshold * size)[..., tf.newaxis] ** 2
    return _mean(tf.cast(squared <= limit, squared.dtype), weights, squared)


def oks(predicted, true, area, visibility=None, sigmas=COCO_SIGMAS) -> tf.Tensor:
    """Computes the object keypoint similarity of landmarks: COCO's measure.

    A landmark at the distance d has the similarity `exp(-d^2 / (2 (2 sigma)^2 area))`.

    Args:
        predicted: Tensor of shape `[..., L, 2]`, px.
        true: Tensor of the same shape, px.
        area: Tensor of shape `[...]`, px^2: that of the person in the image. COCO's is the area
            of the outline; without one, 0.53 of the box's area is customary.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0.
        sigmas: Sequence of L numbers: deviation of each landmark over the root of the area.

    Returns:
        Tensor of shape `[...]` in [0, 1]; 0 for a person without a landmark or an area.

    Raises:
        ValueError: If shapes do not fit or are empty, or a sigma is not positive.

    References:
        Lin et al. Microsoft COCO: Common objects in context. ECCV 2014; its keypoint evaluation.

    >>> true = tf.zeros([1, 17, 2])
    >>> oks(true + [0.0, 0.5], true, [100.0], sigmas=[0.025] * 17).numpy().round(3)
    array([0.607], dtype=float32)
    """
    sigmas = np.asarray(sigmas, np.float64)
    if sigmas.ndim != 1 or not np.all(sigmas > 0) or not np.isfinite(sigmas).all():
        raise ValueError(f"`sigmas` must be positive numbers. Received: {sigmas.tolist()}")
    squared, weights, area = _squared_distance(predicted, true, area, "area", visibility)
    shapes.check_shape(tf.constant(sigmas), "sigmas", squared.shape[-1])
    known = (area > 0)[..., tf.newaxis]
    weights = tf.where(known, weights, 0.0)
    spread = 2 * tf.constant((2 * sigmas) ** 2, squared.dtype) * area[..., tf.newaxis]
    similarity = tf.exp(-squared / tf.where(known, spread, tf.ones_like(spread)))
    return _mean(similarity, weights, squared)


def _squared_distance(predicted, true, size, name, visibility):
    """Returns squared distances and weights `[..., L]`, and sizes `[...]`, 0 if not finite."""
    predicted, true, weights = procrustes.visible_joints(
        predicted, true, visibility, "predicted", "true", 2
    )
    size = tf.cast(dtypes.to_float(size), predicted.dtype)
    size = tf.broadcast_to(size, tf.shape(predicted)[:-2])
    size = tf.where(tf.math.is_finite(size), size, 0.0)
    return (
        tf.reduce_sum((predicted - true) ** 2, -1),
        weights,
        tf.ensure_shape(size, predicted.shape[:-2]),
    )


def _mean(values, weights, squared):
    """Averages over landmarks; one that is predicted as NaN is as wrong as can be."""
    values = tf.where(tf.math.is_nan(squared), 0.0, values)
    return tf.math.divide_no_nan(tf.reduce_sum(weights * values, -1), tf.reduce_sum(weights, -1))
