"""The fit of a PPCA model, seen by an orthographic camera, to 2D landmarks."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift.scale_estimation import most_likely_inverse_scale

__all__ = ["PPCAFit", "PPCAPose", "dimensions", "fit", "lift_pose", "mean_weights"]


class PPCAFit(NamedTuple):
    """The solved normal equations of a candidate; no landmark position is in them.

    Attributes:
        regression: `[..., J, 2L]`; Q of M14. It maps landmarks in mm, less the projected
            mean pose, to latents.
        variance: `[..., L]`, mm^2; posterior variance of a joint relative to joint 0,
            summed over the three axes, the prior's noise included.
        log_determinant: `[...]`; log-determinant of the covariance of the visible
            landmarks in mm, see M12.
    """

    regression: tf.Tensor
    variance: tf.Tensor
    log_determinant: tf.Tensor


class PPCAPose(NamedTuple):
    """The pose that a candidate, a component at a rotation, fits to landmarks.

    Attributes:
        joints_3d: `[..., L, 3]`, mm, camera frame, relative to the prior's origin.
        pose_per_inverse_scale: `[..., L, 3]`; derivative of `joints_3d` by the inverse
            scale, 0 at a given scale.
        inverse_scale: `[...]`, mm per unit of the landmarks.
        inverse_scale_variance: `[...]`; posterior variance, 0 at a given scale.
        energy: `[...]`, mm^2.
    """

    joints_3d: tf.Tensor
    pose_per_inverse_scale: tf.Tensor
    inverse_scale: tf.Tensor
    inverse_scale_variance: tf.Tensor
    energy: tf.Tensor


def mean_weights(weights, free_scale):
    """Returns the weights of the mean to subtract where the translation is free.

    Args:
        weights: `[..., L]`, >= 0.
        free_scale: Whether scale and position are free; at a given position nothing is
            subtracted.

    Returns:
        `[..., L]`: the weights over their sum; zero where all weights are zero or the
        position is given.

    >>> mean_weights(tf.constant([1.0, 1.0, 0.0, 2.0]), True).numpy()
    array([0.25, 0.25, 0.  , 0.5 ], dtype=float32)
    """
    if not free_scale:
        return tf.zeros_like(weights)
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, -1, keepdims=True))


def fit(directions, weights, noise_stddev, free_scale):
    """Solves the weighted normal equations of one PPCA model for any landmarks.

    Minimises over the latents z (and a translation t where the position is free)

        sum_l weights[l] |y[l] - (p + D z)[l] - t|**2 + noise**2 |z|**2

    for landmarks y in mm: P2 with its `sigma . a` written as noise times latent. The
    factored matrix, D'VD + noise^2 I, is positive definite for any missing landmarks.

    Args:
        directions: `[..., L, 3, J + 1]`: R [W, mu] in the camera frame, mm.
        weights: `[..., L]`, >= 0; 0 for a missing landmark.
        noise_stddev: `[...]`, mm.
        free_scale: Whether scale and translation are free (weak perspective).

    Returns:
        A `PPCAFit`.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2.
        docs/method.md, M3, M12 and M14.

    >>> directions = tf.reshape(tf.constant([1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), [1, 3, 2])
    >>> fit(directions, tf.ones([1]), tf.constant(0.5), False).regression.numpy().round(2)
    array([[0.8, 0. ]], dtype=float32)
    """
    noise_variance = noise_stddev**2
    design = directions[..., :2, :-1]
    mean = mean_weights(weights, free_scale)
    design -= tf.einsum("...l,...lcj->...cj", mean, design)[..., tf.newaxis, :, :]
    loadings = _flat_rows(design)
    weighted = tf.linalg.matrix_transpose(
        tf.repeat(weights, 2, axis=-1)[..., tf.newaxis] * loadings
    )
    num_bases = directions.shape[-1] - 1
    ridge = noise_variance[..., tf.newaxis, tf.newaxis] * tf.eye(num_bases, dtype=design.dtype)
    factor = tf.linalg.cholesky(tf.matmul(weighted, loadings) + ridge)

    # The latents' posterior covariance is noise^2 (D'VD + noise^2 I)^-1.
    rooted = directions[..., :-1] - directions[..., :1, :, :-1]
    whitened = tf.linalg.triangular_solve(factor, tf.linalg.matrix_transpose(_flat_rows(rooted)))
    variance = tf.reduce_sum(whitened**2, -2)
    variance = tf.reshape(variance, tf.concat([tf.shape(variance)[:-1], [-1, 3]], 0))
    variance = noise_variance[..., tf.newaxis] * (tf.reduce_sum(variance, -1) + 3)

    log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
    log_determinant += (dimensions(weights, free_scale) - num_bases) * tf.math.log(noise_variance)
    return PPCAFit(tf.linalg.cholesky_solve(factor, weighted), variance, log_determinant)


def dimensions(weights, free_scale):
    """Returns the number of visible coordinates, less two for a free translation.

    Args:
        weights: `[..., L]`.
        free_scale: Whether scale and position are free.

    Returns:
        `[...]`, of the type of `weights`.

    >>> float(dimensions(tf.constant([1.0, 0.5, 0.0]), True))
    2.0
    """
    visible = 2 * tf.reduce_sum(tf.cast(weights > 0, weights.dtype), -1)
    return tf.maximum(visible - 2, 0) if free_scale else visible


def lift_pose(landmarks, directions, weights, noise_stddev, regression, free_scale):
    """Fits the pose of one PPCA model to landmarks, differentiable by the landmarks.

    The energy is a sum of squared residuals. The quadratic form M8 would lose about three
    digits to cancellation, too many in float32 to rank candidates that are close.

    Args:
        landmarks: `[..., L, 2]`; at a free scale in any unit, less their weighted mean; at
            a given scale in mm.
        directions: `[..., L, 3, J + 1]`, mm.
        weights: `[..., L]`.
        noise_stddev: `[...]`, mm.
        regression: See `PPCAFit`.
        free_scale: Whether scale and translation are free.

    Returns:
        A `PPCAPose`. Landmarks that are all equal or all of weight zero give the mean pose
        and, at a free scale, the inverse scale 1.

    References:
        docs/method.md, M3, M6 and M8 to M11.

    >>> directions = tf.reshape(tf.constant([1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), [1, 3, 2])
    >>> ones, noise = tf.ones([1]), tf.constant(0.5)
    >>> regression = fit(directions, ones, noise, False).regression
    >>> pose = lift_pose(tf.constant([[4.0, 0.0]]), directions, ones, noise, regression, False)
    >>> round(float(pose.energy), 4)  # 4 mm of a loading of 1 mm: 0.8^2 + (0.5 * 3.2)^2.
    3.2
    """
    loadings, mean_pose = directions[..., :-1], directions[..., -1]
    noise_variance = noise_stddev**2
    averaging = mean_weights(weights, free_scale)

    def centred(points):
        centre = tf.einsum("...l,...lc->...c", averaging, points)
        return points - centre[..., tf.newaxis, :]

    def product(left, right):
        return tf.reduce_sum(weights * tf.reduce_sum(left * right, -1), -1)

    def explain(landmarks):
        """Returns the latents of landmarks in mm and their offset from the mean pose."""
        shape = tf.concat([tf.shape(landmarks)[:-2], [regression.shape[-1]]], 0)
        latents = tf.linalg.matvec(regression, tf.reshape(landmarks, shape))
        return latents, tf.einsum("...lcj,...j->...lc", loadings, latents)

    mean = centred(mean_pose[..., :2])
    if free_scale:
        _, pose_per_inverse_scale = explain(landmarks)
        unexplained = landmarks - pose_per_inverse_scale[..., :2]
        square, num_free = product(landmarks, unexplained), dimensions(weights, free_scale)
        inverse_scale = most_likely_inverse_scale(
            square, product(mean, unexplained), noise_variance, num_free
        )
        precision = square / noise_variance + num_free / inverse_scale**2
        inverse_scale_variance = tf.math.divide_no_nan(tf.ones_like(precision), precision)
        difference = inverse_scale[..., tf.newaxis, tf.newaxis] * landmarks - mean
        difference = tf.where((square > 0)[..., tf.newaxis, tf.newaxis], difference, 0)
    else:
        difference = landmarks - mean
        inverse_scale = tf.ones_like(product(difference, difference))
        inverse_scale_variance = tf.zeros_like(inverse_scale)
    latents, offset = explain(difference)
    if not free_scale:
        pose_per_inverse_scale = tf.zeros_like(offset)
    residuals = difference - centred(offset[..., :2])
    energy = product(residuals, residuals) + noise_variance * tf.reduce_sum(latents**2, -1)
    return PPCAPose(
        joints_3d=mean_pose + offset,
        pose_per_inverse_scale=pose_per_inverse_scale,
        inverse_scale=inverse_scale,
        inverse_scale_variance=inverse_scale_variance,
        energy=energy,
    )


def _flat_rows(directions):
    """Joins the axes of joints and coordinates of `[..., L, C, J]`."""
    shape = tf.shape(directions)
    rows = directions.shape[-3] * directions.shape[-2]
    return tf.reshape(directions, tf.concat([shape[:-3], [rows, shape[-1]]], 0))
