"""The input of the reference: which landmarks count, and what they determine."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import inputs

__all__ = ["Input", "read"]


class Input(NamedTuple):
    """Landmarks of B poses as the fit takes them.

    Attributes:
        points: `[B, L, 2]`, 0 where missing: in mm or, at a free scale, pixels less their centre.
        weights: `[B, L]`, 0 where missing.
        centre: `[B, 1, 2]`, pixels; 0 at a given scale.
        unit: `[B]`, pixels per unit of the points.
        determined: `[B]`; whether the landmarks determine a pose.
        valid: `[B]`; whether the input is valid.
    """

    points: tf.Tensor
    weights: tf.Tensor
    centre: tf.Tensor
    unit: tf.Tensor
    determined: tf.Tensor
    valid: tf.Tensor


def read(landmarks, visibility, scale):
    """Returns the `Input` of landmarks, weights or `None`, and a scale or `None`.

    References:
        docs/method.md, M7 and M14.
    """
    free_scale = scale is None
    landmarks = tf.convert_to_tensor(landmarks)
    dtype, weights = landmarks.dtype, visibility
    weights = tf.cast(tf.ones_like(landmarks[..., 0]) if weights is None else weights, dtype)
    unit = tf.convert_to_tensor(1.0 if free_scale else scale, dtype)
    unit = tf.broadcast_to(unit, tf.shape(landmarks)[:1])
    in_range = inputs.is_in_range(landmarks, None if free_scale else unit) | (weights <= 0)
    valid = tf.reduce_all(in_range & tf.math.is_finite(weights) & (weights >= 0), -1)
    valid &= tf.math.is_finite(unit) & (unit > 0)
    weights = tf.where(valid[:, tf.newaxis], weights, 0)
    landmarks = tf.where((weights > 0)[..., tf.newaxis], landmarks, 0)
    unit = tf.where(valid, unit, 1)

    # At a free position landmarks are relative to their centre, C y of M7. Where all visible
    # ones coincide, up to rounding, they determine no scale and count as missing.
    averaging = ppca.mean_weights(weights, free_scale)
    centre = tf.einsum("bl,blc->bc", averaging, landmarks)[:, tf.newaxis]
    points = tf.where((weights > 0)[..., tf.newaxis], landmarks - centre, 0)
    spread, size = (tf.reduce_max(tf.abs(each), [1, 2]) for each in (points, landmarks))
    determined = inputs.determines_scale(spread, size) if free_scale else tf.ones_like(valid)
    weights = tf.where(determined[:, tf.newaxis], weights, 0)
    points = tf.where((weights > 0)[..., tf.newaxis], points, 0) / unit[:, tf.newaxis, tf.newaxis]
    return Input(points, weights, centre, unit, determined, valid)
