"""Noisy landmarks: their weights in the fit, and their residuals as part of the pose."""

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import inputs as lift_input
from tf_lift.ops.lift import size

__all__ = ["add_residuals", "trust", "trust_landmarks"]


def trust(noise_stddev, landmark_stddev, inverse_scale):
    """Computes the weights of landmarks whose own noise adds to the prior's.

    Args:
        noise_stddev: The prior's noise, `[B, 1]`, mm.
        landmark_stddev: Standard deviation of each coordinate, `[B, L]`, pixels.
        inverse_scale: mm per pixel, `[B, 1]`.

    Returns:
        `[B, L]`, in (0, 1]: the prior's variance over the sum of both variances, mm^2.

    References:
        docs/method.md, M21.

    >>> float(trust(tf.constant(12.0), tf.constant(4.0), tf.constant(3.0)))
    0.5
    """
    variance = noise_stddev**2
    return variance / (variance + (inverse_scale * landmark_stddev) ** 2)


def trust_landmarks(landmarks, weights, batch, tables):
    """Computes the weights of noisy landmarks, without a gradient.

    The noise is given in pixels, and its size in mm depends on the scale. A fit would take
    noise for pose and find a wrong scale, so the scale is estimated from second moments: on
    average, the squared spread of the visible landmarks, less that of their noise, is the
    squared spread of the prior's poses.

    Args:
        landmarks: `[B, L, 2]`, pixels.
        weights: `[B, L]` or `None`.
        batch: Dict of `noise`, the standard deviations `[B, L]` in pixels, and at a given
            scale `scale` `[B]`.
        tables: `LiftTables`.

    Returns:
        `[B, L]`: `weights` times those of `trust`.

    References:
        docs/method.md, M21.
    """
    weights = tf.ones_like(landmarks[..., 0]) if weights is None else weights
    noise = tf.where(tf.math.is_finite(batch["noise"]), batch["noise"], 0)
    variance = tf.reduce_mean(tf.convert_to_tensor(tables.noise_stddev) ** 2)
    frame = lift_input.find_frame(tf.stop_gradient(landmarks), weights, batch.get("scale"))
    inverse_scale = 1 / frame.unit
    if tables.free_scale:
        spread = size.spread(frame.landmarks, weights)
        mean = ppca.mean_weights(tf.cast(weights > 0, noise.dtype), True)
        noise_spread = 2 * tf.reduce_sum(mean * noise**2, -1) / frame.unit**2
        pose_spread = size.expected_spread(weights, tables.second_moments, variance)
        # At least a tenth of the spread is pose, even where noise explains all of it.
        spread = tf.maximum(spread - noise_spread, 0.1 * spread)
        inverse_scale *= tf.sqrt(tf.math.divide_no_nan(pose_spread, spread))
    trusted = trust(tf.sqrt(variance), noise, inverse_scale[:, tf.newaxis])
    return tf.stop_gradient(weights * trusted)


def add_residuals(joints_3d, landmarks, weights, free_scale):
    """Adds to a fitted pose the residuals of its landmarks.

    The prior's noise is part of the pose: residuals beyond the landmarks' own noise are
    displacements of the joints. Depths and the joints of missing landmarks stay.

    Args:
        joints_3d: `[..., L, 3]`, mm, the fit.
        landmarks: `[..., L, 2]`, mm.
        weights: `[..., L]`, see `trust`, clipped to 1; 0 for a missing landmark.
        free_scale: Whether the position is free.

    Returns:
        `[..., L, 3]`.

    References:
        docs/method.md, M22.
    """
    residuals = landmarks - joints_3d[..., :2]
    centre = tf.einsum("...l,...lc->...c", ppca.mean_weights(weights, free_scale), residuals)
    residuals = tf.minimum(weights, 1)[..., tf.newaxis] * (residuals - centre[..., tf.newaxis, :])
    return joints_3d + tf.pad(residuals, [[0, 0]] * (len(residuals.shape) - 1) + [[0, 1]])
