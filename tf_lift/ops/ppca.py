"""Least-squares fit of a PPCA model, seen by an orthographic camera, to 2D landmarks."""

from typing import NamedTuple

import tensorflow as tf

__all__ = ["PPCAFit", "exact_energy", "fit", "mean_weights"]


class PPCAFit(NamedTuple):
    """The affine map from landmarks to the coefficients of one (component, rotation).

    With D = [W, p] the projected loadings (latents are standard normal) and mean pose,
    the coefficients are b = (s z, s) at a free scale s and (z, 1) at a given one, so the
    landmarks are D b plus a translation and the pose is `directions @ b / s`.

    Attributes:
        matrix: `[..., J + 1, L, 2]`; b = matrix . landmarks + offset.
        offset: `[..., J + 1]`.
        covariance: `[..., J + 1, J + 1]`; noise variance times this is the posterior
            covariance of b.
        log_determinant: `[...]`; of the landmarks' covariance, mm^2.
    """

    matrix: tf.Tensor
    offset: tf.Tensor
    covariance: tf.Tensor
    log_determinant: tf.Tensor


def mean_weights(weights, free_scale):
    """Returns the weights of the mean that a free translation removes.

    Args:
        weights: `[..., L]`, >= 0.
        free_scale: Whether scale and position are free; if not, nothing is removed.

    Returns:
        `[..., L]`: the weights over their sum; zero where they are all zero or the
        position is given.

    >>> mean_weights(tf.constant([1.0, 1.0, 0.0, 2.0]), True).numpy()
    array([0.25, 0.25, 0.  , 0.5 ], dtype=float32)
    """
    if not free_scale:
        return tf.zeros_like(weights)
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, -1, keepdims=True))


def fit(directions, weights, noise_stddev, free_scale):
    """Solves the weighted normal equations of one PPCA model for any landmarks.

    Minimises over the latents z (and the scale s and a translation t when free)

        sum_l weights[l] |y[l] - s (p + W z)[l] - t|**2 + noise**2 |s z|**2

    which is eq. 2 of the paper with its `sigma . a` written as noise times latent. The
    scale's column is eliminated by hand: what remains to factor, W'W + noise^2 I, is
    positive definite whatever landmarks are missing.

    Args:
        directions: `[..., L, 3, J + 1]`: R [W, mu] in the camera frame, mm.
        weights: `[..., L]`, >= 0; 0 for a missing landmark.
        noise_stddev: `[...]`, mm.
        free_scale: Whether scale and translation are free (weak perspective).

    Returns:
        A `PPCAFit`. Where the landmarks leave the scale undetermined, the row of the
        scale is zero.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2.
        docs/method.md, section 1.

    >>> directions = tf.reshape(tf.constant([1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), [1, 3, 2])
    >>> fit(directions, tf.ones([1]), tf.constant(0.5), False).matrix.numpy().round(2)[0]
    array([[0.8, 0. ]], dtype=float32)
    """
    noise_variance = noise_stddev[..., tf.newaxis, tf.newaxis] ** 2
    design = _centred_design(directions, mean_weights(weights, free_scale))
    size = tf.shape(design)[-1]
    num_joints = design.shape[-3]
    # [..., 2L, J + 1], the landmarks' coordinates in one axis.
    design = tf.reshape(design, tf.concat([tf.shape(design)[:-3], [2 * num_joints, size]], 0))
    row_weights = tf.repeat(weights, 2, axis=-1)
    loadings, mean = design[..., :-1], design[..., -1]
    weighted = tf.linalg.matrix_transpose(row_weights[..., tf.newaxis] * loadings)
    identity = tf.eye(size - 1, dtype=design.dtype)
    factor = tf.linalg.cholesky(tf.matmul(weighted, loadings) + noise_variance * identity)
    regression = tf.linalg.cholesky_solve(factor, weighted)  # [..., J, 2L]
    inverse = tf.linalg.cholesky_solve(factor, tf.broadcast_to(identity, tf.shape(factor)))
    mean_latents = tf.linalg.matvec(regression, mean)

    dimensions = 2.0 * tf.reduce_sum(tf.cast(weights > 0, design.dtype), -1)
    if free_scale:
        # What of the mean pose the loadings cannot explain measures the scale.
        unexplained = mean - tf.linalg.matvec(loadings, mean_latents)
        pivot = tf.reduce_sum(row_weights * mean * unexplained, -1, keepdims=True)
        energy = tf.reduce_sum(row_weights * mean**2, -1, keepdims=True)
        determined = pivot > 1e-5 * energy
        inverse_pivot = tf.where(determined, 1 / tf.where(determined, pivot, 1), 0)
        scale_row = inverse_pivot * row_weights * unexplained
        matrix = tf.concat(
            [
                regression - mean_latents[..., tf.newaxis] * scale_row[..., tf.newaxis, :],
                scale_row[..., tf.newaxis, :],
            ],
            -2,
        )
        offset = tf.zeros_like(matrix[..., 0])
        # Inverse of the bordered normal equations.
        border = tf.concat([-mean_latents, tf.ones_like(pivot)], -1)
        covariance = _pad_last(inverse) + (
            inverse_pivot[..., tf.newaxis] * border[..., tf.newaxis] * border[..., tf.newaxis, :]
        )
        dimensions = tf.maximum(dimensions - 2, 0)
    else:
        matrix = tf.concat([regression, tf.zeros_like(regression[..., :1, :])], -2)
        offset = tf.concat([-mean_latents, tf.ones_like(mean_latents[..., :1])], -1)
        covariance = _pad_last(inverse)
    log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1) + (
        dimensions - tf.cast(size - 1, design.dtype)
    ) * tf.math.log(noise_variance[..., 0, 0])
    shape = tf.concat([tf.shape(matrix)[:-1], [num_joints, 2]], 0)
    return PPCAFit(tf.reshape(matrix, shape), offset, covariance, log_determinant)


def _pad_last(matrix):
    """Adds a last row and column of zeros."""
    matrix = tf.concat([matrix, tf.zeros_like(matrix[..., :1])], -1)
    return tf.concat([matrix, tf.zeros_like(matrix[..., :1, :])], -2)


def _centred_design(directions, mean):
    """Returns the projected directions `[..., L, 2, J + 1]` less their weighted mean."""
    design = directions[..., :2, :]
    return design - tf.einsum("...l,...lcj->...cj", mean, design)[..., tf.newaxis, :, :]


def exact_energy(landmarks, directions, weights, noise_stddev, matrix, offset, free_scale):
    """Returns the coefficients of a fit and its energy as a sum of squares.

    The energy is summed from the residuals, not from a quadratic form of the landmarks:
    that loses about three digits to cancellation, too many in float32 to rank
    candidates that are close.

    Args:
        landmarks: `[..., L, 2]`, in the unit of `directions` at a given scale.
        directions: `[..., L, 3, J + 1]`, mm.
        weights: `[..., L]`.
        noise_stddev: `[...]`, mm.
        matrix: See `PPCAFit`.
        offset: See `PPCAFit`.
        free_scale: Whether scale and translation are free.

    Returns:
        Coefficients `[..., J + 1]`, residuals `[..., L, 2]` in the unit of the landmarks,
        energy `[...]` in mm^2: infinite unless the scale is positive.

    >>> directions = tf.reshape(tf.constant([1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), [1, 3, 2])
    >>> ones, noise = tf.ones([1]), tf.constant(0.5)
    >>> model = fit(directions, ones, noise, False)
    >>> landmarks = tf.constant([[4.0, 0.0]])
    >>> energy = exact_energy(landmarks, directions, ones, noise, *model[:2], False)[2]
    >>> round(float(energy), 4)  # 4 mm of a loading of 1 mm: 0.8^2 + (0.5 * 3.2)^2.
    3.2
    """
    mean = mean_weights(weights, free_scale)
    design = _centred_design(directions, mean)
    coefficients = tf.einsum("...jlc,...lc->...j", matrix, landmarks) + offset
    centre = tf.einsum("...l,...lc->...c", mean, landmarks)[..., tf.newaxis, :]
    residuals = landmarks - centre - tf.einsum("...lcj,...j->...lc", design, coefficients)
    energy = tf.reduce_sum(weights * tf.reduce_sum(residuals**2, -1), -1)
    energy += noise_stddev**2 * tf.reduce_sum(coefficients[..., :-1] ** 2, -1)
    scale = coefficients[..., -1]
    usable = scale > 0
    energy = tf.where(usable, energy / tf.where(usable, scale, 1) ** 2, float("inf"))
    return coefficients, residuals, energy
