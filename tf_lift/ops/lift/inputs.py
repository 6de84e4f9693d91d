"""The input of a lift: what of it is valid, and the unit it is lifted in."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component as ppca

__all__ = [
    "Frame",
    "determines_scale",
    "find_frame",
    "is_in_range",
    "where_valid",
    "without_invalid",
]


class Frame(NamedTuple):
    """Landmarks as the search takes them.

    Attributes:
        landmarks: `[B, L, 2]`: less their centre and of size 1 at a free scale, in mm at a
            given one; zero where they are not usable.
        centre: `[B, 1, 2]`, pixels.
        unit: `[B]`, pixels per unit of the landmarks, without gradient at a free scale.
        usable: `[B]`; whether the landmarks determine a pose.
    """

    landmarks: tf.Tensor
    centre: tf.Tensor
    unit: tf.Tensor
    usable: tf.Tensor


def find_frame(landmarks, weights, scale=None):
    """Returns the `Frame` of landmarks `[B, L, 2]`, weights `[B, L]` or all, perhaps scale `[B]`.

    >>> find_frame(tf.constant([[[3.0, 1.0], [7.0, 1.0]]]), None).landmarks.numpy()
    array([[[-1.,  0.],
            [ 1.,  0.]]], dtype=float32)
    """
    if scale is not None:
        unit = tf.where(tf.math.is_finite(scale) & (scale > 0), scale, 1)
        landmarks /= tf.reshape(unit, [-1, 1, 1])
        usable = tf.ones_like(unit, tf.bool)
        return Frame(landmarks, tf.zeros_like(landmarks[:, :1]), unit, usable)
    if weights is None:
        centre = tf.reduce_mean(landmarks, 1, keepdims=True)
        spread, size = tf.abs(landmarks - centre), tf.abs(landmarks)
    else:
        mean = ppca.mean_weights(weights, True)
        centre = tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
        visible = tf.cast(weights > 0, landmarks.dtype)[..., tf.newaxis]
        spread, size = visible * tf.abs(landmarks - centre), visible * tf.abs(landmarks)
    spread, size = tf.reduce_max(spread, [1, 2]), tf.reduce_max(size, [1, 2])
    usable = determines_scale(spread, size)
    # No result depends on the unit of the landmarks, so it needs no gradient.
    unit = tf.stop_gradient(tf.where(usable, spread, 1))
    landmarks = tf.where(tf.reshape(usable, [-1, 1, 1]), landmarks - centre, 0)
    return Frame(landmarks / tf.reshape(unit, [-1, 1, 1]), centre, unit, usable)


def determines_scale(spread, size):
    """Returns whether landmarks differ by more than rounding and underflow.

    Args:
        spread: Largest distance of a coordinate from the centre.
        size: Largest coordinate.
    """
    limits = np.finfo(spread.dtype.as_numpy_dtype)
    return (spread > 8 * float(limits.eps) * size) & (spread > 1e6 * float(limits.tiny))


def is_in_range(landmarks, scale=None):
    """Returns which landmarks `[B, L]` are numbers that no sum or square of them overflows.

    Args:
        landmarks: `[B, L, 2]`, pixels.
        scale: Pixels per millimetre, `[B]`; `None` for a free one, where only sums are formed.

    >>> is_in_range(tf.constant([[[1e38, 0.0], [1e30, 0.0]]])).numpy()
    array([[False,  True]])
    """
    largest = 1e-3 * float(np.finfo(landmarks.dtype.as_numpy_dtype).max)
    limit = tf.constant(largest, landmarks.dtype)
    if scale is not None:
        limit = tf.reshape(tf.minimum(limit, 1e-3 * largest**0.5 * scale), [-1, 1, 1])
    return tf.reduce_all(tf.abs(landmarks) <= limit, -1)


def without_invalid(batch):
    """Blanks missing landmarks, and whole poses that are not valid input.

    Args:
        batch: Dict of `landmarks` `[B, L, 2]` and perhaps `weights` and `noise` `[B, L]`,
            `scale` `[B]` and `bone_lengths` `[B, L - 1]`.

    Returns:
        Landmarks, weights (`None` where there are none) and, `[B]`, which poses are valid.
    """
    landmarks, weights = batch["landmarks"], batch.get("weights")
    finite = is_in_range(landmarks, batch.get("scale"))
    if weights is not None:
        finite = (finite | (weights <= 0)) & _is_number(weights)
    if "noise" in batch:
        finite &= _is_number(batch["noise"])
    valid = tf.reduce_all(finite, -1)
    if "bone_lengths" in batch:
        lengths = batch["bone_lengths"]
        valid &= tf.reduce_all(_is_number(lengths), -1) & (tf.reduce_sum(lengths, -1) > 0)
    if "scale" in batch:
        valid &= _is_number(batch["scale"]) & (batch["scale"] > 0)
    seen = valid[:, tf.newaxis]
    if weights is not None:
        seen &= weights > 0
        weights = tf.where(seen, weights, 0)
    return tf.where(seen[..., tf.newaxis], landmarks, 0), weights, valid


def where_valid(valid, tensor):
    """Returns `[B, ...]` with NaN in place of poses `[B]` that are not valid."""
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, float("nan"))


def _is_number(values):
    return tf.math.is_finite(values) & (values >= 0)
