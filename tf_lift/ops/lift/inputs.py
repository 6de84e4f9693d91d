"""The input of a lift: what of it is valid, and the unit it is lifted in."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component as ppca

__all__ = ["Frame", "find_frame", "where_valid", "without_invalid"]


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
    # Points that differ by no more than rounding: any scale is noise.
    usable = spread > 8 * float(np.finfo(landmarks.dtype.as_numpy_dtype).eps) * size
    # No result depends on the unit of the landmarks, so it needs no gradient.
    unit = tf.stop_gradient(tf.where(usable, spread, 1))
    landmarks = tf.where(tf.reshape(usable, [-1, 1, 1]), landmarks - centre, 0)
    return Frame(landmarks / tf.reshape(unit, [-1, 1, 1]), centre, unit, usable)


def without_invalid(batch):
    """Blanks missing landmarks, and whole poses that are not valid input.

    Args:
        batch: Dict of `landmarks` `[B, L, 2]` and perhaps `weights` and `noise` `[B, L]`,
            `scale` `[B]` and `bone_lengths` `[B, L - 1]`.

    Returns:
        Landmarks, weights (`None` where there are none) and, `[B]`, which poses are valid.
    """
    landmarks, weights = batch["landmarks"], batch.get("weights")
    finite = tf.reduce_all(tf.math.is_finite(landmarks), -1)
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
