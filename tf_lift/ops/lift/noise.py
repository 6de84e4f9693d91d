"""Landmarks that are not exact: how far to trust them, and what of them is the pose."""

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import inputs as lift_input

__all__ = ["add_residuals", "trust", "trust_landmarks"]


def trust(noise_stddev, landmark_stddev, inverse_scale):
    """Returns the weight of landmarks whose own noise adds to that of the prior.

    Args:
        noise_stddev: mm; the prior's, `[B, 1]`.
        landmark_stddev: Standard deviation of each coordinate, `[B, L]`, pixels.
        inverse_scale: mm per pixel, `[B, 1]`.

    Returns:
        `[B, L]`, of (0, 1]: prior's variance / (prior's + landmarks' variance in mm^2).

    References:
        docs/method.md, equation 21.

    >>> float(trust(tf.constant(12.0), tf.constant(4.0), tf.constant(3.0)))
    0.5
    """
    variance = noise_stddev**2
    return variance / (variance + (inverse_scale * landmark_stddev) ** 2)


def trust_landmarks(landmarks, weights, batch, tables):
    """Returns the weights of landmarks that have noise, without a gradient.

    The noise is that of pixels, so its size in mm takes the scale. A fit that takes noise
    for pose has the wrong one, so it is estimated from second moments: the visible
    landmarks' squared spread, less that of their noise, is on average that of the
    prior's poses.

    Args:
        landmarks: `[B, L, 2]`, pixels.
        weights: `[B, L]` or `None`.
        batch: Dict of `noise` `[B, L]`, pixels, and `scale` `[B]` where it is given.
        tables: `LiftTables`.

    Returns:
        `[B, L]`.
    """
    seen = tf.ones_like(landmarks[..., 0]) if weights is None else weights
    noise = tf.where(tf.math.is_finite(batch["noise"]), batch["noise"], 0)
    variance = tf.reduce_mean(tf.convert_to_tensor(tables.noise_stddev) ** 2)
    frame = lift_input.find_frame(tf.stop_gradient(landmarks), seen, batch.get("scale"))
    inverse_scale = 1 / frame.unit
    if tables.free_scale:
        mean = ppca.mean_weights(tf.cast(seen > 0, noise.dtype), True)
        centre = tf.einsum("bl,blc->bc", mean, frame.landmarks)[:, tf.newaxis]
        spread = tf.einsum("bl,blc->b", mean, (frame.landmarks - centre) ** 2)
        of_noise = 2 * tf.reduce_sum(mean * noise**2, -1) / frame.unit**2
        moments = _second_moments(tables)
        of_poses = tf.einsum("bl,l->b", mean, tf.linalg.diag_part(moments)) + 2 * variance
        of_poses -= tf.einsum("bl,lm,bm->b", mean, moments, mean)
        # Where noise is all there is, a tenth of the spread.
        spread = tf.maximum(spread - of_noise, 0.1 * spread)
        inverse_scale *= tf.sqrt(tf.math.divide_no_nan(of_poses, spread))
    trusted = trust(tf.sqrt(variance), noise, inverse_scale[:, tf.newaxis])
    return tf.stop_gradient(seen * trusted)


def _second_moments(tables):
    """Returns `[L, L]`, mm^2: mean products of two joints' places in the image."""
    flat = tf.convert_to_tensor(tables.directions)[:, :, :2]
    share = tf.exp(-tf.convert_to_tensor(tables.mixture_cost) / 2)
    share /= tf.reduce_sum(share)
    return tf.einsum("m,mlcj,mncj->ln", share, flat, flat)


def add_residuals(joints_3d, landmarks, weights, free_scale):
    """Adds to a fitted pose what the landmarks show of it beyond the bases.

    The prior's noise is part of the pose: what landmarks, less their own noise, differ
    from the fit is where the joints are. Depth and joints that are not seen stay.

    Args:
        joints_3d: `[..., L, 3]`, mm, the fit.
        landmarks: `[..., L, 2]`, mm.
        weights: `[..., L]`, see `trust`, at most 1 is used; 0 for a missing one.
        free_scale: Whether the position is free.

    Returns:
        `[..., L, 3]`.

    References:
        docs/method.md, equation 22.
    """
    residuals = landmarks - joints_3d[..., :2]
    centre = tf.einsum("...l,...lc->...c", ppca.mean_weights(weights, free_scale), residuals)
    residuals = tf.minimum(weights, 1)[..., tf.newaxis] * (residuals - centre[..., tf.newaxis, :])
    return joints_3d + tf.pad(residuals, [[0, 0]] * (len(residuals.shape) - 1) + [[0, 1]])
