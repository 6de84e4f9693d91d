"""Lens distortion with OpenCV's five coefficients, and its inverse."""

import numpy as np
import tensorflow as tf

from tf_lift.ops import dtypes, shapes

__all__ = ["NUM_STEPS", "distort", "undistort"]

# Newton steps of `undistort`. Calibrated lenses converge to the last bit in 4 to 6 steps. Towards
# the edge of the invertible region the polynomial's slope goes to zero and each step only halves
# the error, so 20 steps reduce it by a factor of 1e6.
NUM_STEPS = 20

# Number of places between the optical axis and a point at which invertibility is checked.
_NUM_SAMPLES = 16


def distort(points, distortion) -> tf.Tensor:
    """Applies lens distortion to points of the image plane at focal length 1.

    With r^2 = x^2 + y^2 and c = 1 + k1 r^2 + k2 r^4 + k3 r^6,

        x_d = c x + 2 p1 x y + p2 (r^2 + 2 x^2)
        y_d = c y + p1 (r^2 + 2 y^2) + 2 p2 x y.

    Args:
        points: Tensor of shape `[..., L, 2]`: (x / z, y / z) of the camera frame.
        distortion: Tensor of shape `[..., 5]`: k1, k2, p1, p2, k3, in OpenCV's order.

    Returns:
        Tensor of shape `[..., L, 2]`.

    Raises:
        ValueError: If a shape does not fit.

    References:
        Brown. Decentering distortion of lenses. Photogrammetric Engineering 1966.

    >>> distort([[0.5, 0.0]], [0.4, 0.0, 0.0, 0.0, 0.0]).numpy().round(3)
    array([[0.55, 0.  ]], dtype=float32)
    """
    with tf.name_scope("distort"):
        points, coefficients = _arguments(points, distortion)
        x, y = tf.unstack(points, axis=-1)
        return tf.stack(_distorted(x, y, coefficients), -1)


def undistort(points, distortion, num_steps=NUM_STEPS) -> tf.Tensor:
    """Inverts `distort` by Newton's method.

    Distorting the result again gives the input to 1e-11 (float64) or 1e-5 (float32) of
    1 + |point|: to 1e-6 px in float64 for focal lengths below 1e5 px. A point becomes NaN if
    no point is distorted to it, or only one beyond the place where the lens folds the image
    over.

    The gradient is that of the implicit function, from one linear 2 x 2 system at the
    solution: it is exact for any number of steps, stores none of them, and reaches the
    coefficients too. It is of first order only.

    Args:
        points: Tensor of shape `[..., L, 2]`, at focal length 1.
        distortion: Tensor of shape `[..., 5]`: k1, k2, p1, p2, k3.
        num_steps: Number of Newton steps.

    Returns:
        Tensor of shape `[..., L, 2]`: (x / z, y / z) of the camera frame; NaN, with zero
        gradient, where there is no inverse.

    Raises:
        ValueError: If a shape does not fit.

    >>> undistort([[0.55, 0.0]], [0.4, 0.0, 0.0, 0.0, 0.0]).numpy().round(3)
    array([[0.5, 0. ]], dtype=float32)
    >>> undistort([[0.9, 0.0]], [-0.4, 0.0, 0.0, 0.0, 0.0]).numpy()  # The maximum is 0.61.
    array([[nan, nan]], dtype=float32)
    """
    with tf.name_scope("undistort"):
        points, coefficients = _arguments(points, distortion)
        x, y = _solve(tf.stop_gradient(points), _stop_gradient(coefficients), num_steps)
        defined = _is_inverse(x, y, tf.stop_gradient(points), _stop_gradient(coefficients))
        x, y = tf.where(defined, x, 0), tf.where(defined, y, 0)
        # For f(x, k) = d the implicit function has dx = J^-1 (dd - f_k dk). This is the gradient
        # of one more Newton step x - J^-1 (f(x, k) - d) with x and J held fixed.
        solved = _newton_step(
            x, y, points, coefficients, _jacobian(x, y, _stop_gradient(coefficients))
        )
        return tf.where(defined[..., tf.newaxis], tf.stack(solved, -1), float("nan"))


def _arguments(points, distortion):
    """Returns the points, and the five coefficients with an axis for the points."""
    points, distortion = dtypes.to_common_float(points, distortion)
    shapes.check_shape(points, "points", None, 2)
    shapes.check_shape(distortion, "distortion", 5)
    return points, tf.unstack(distortion[..., tf.newaxis, :], num=5, axis=-1)


def _stop_gradient(tensors):
    return [tf.stop_gradient(tensor) for tensor in tensors]


def _distorted(x, y, coefficients):
    k1, k2, p1, p2, k3 = coefficients
    square = x**2 + y**2
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    return (
        radial * x + 2 * p1 * x * y + p2 * (square + 2 * x**2),
        radial * y + p1 * (square + 2 * y**2) + 2 * p2 * x * y,
    )


def _jacobian(x, y, coefficients):
    """Returns the derivatives (x_d by x, x_d by y = y_d by x, y_d by y)."""
    k1, k2, p1, p2, k3 = coefficients
    square = x**2 + y**2
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    slope = k1 + square * (2 * k2 + square * 3 * k3)
    return (
        radial + 2 * slope * x**2 + 2 * p1 * y + 6 * p2 * x,
        2 * slope * x * y + 2 * p1 * x + 2 * p2 * y,
        radial + 2 * slope * y**2 + 6 * p1 * y + 2 * p2 * x,
    )


def _newton_step(x, y, points, coefficients, jacobian):
    xx, xy, yy = jacobian
    distorted_x, distorted_y = _distorted(x, y, coefficients)
    error_x, error_y = distorted_x - points[..., 0], distorted_y - points[..., 1]
    inverse = tf.math.divide_no_nan(tf.ones_like(xx), xx * yy - xy**2)
    return (
        x - inverse * (yy * error_x - xy * error_y),
        y - inverse * (xx * error_y - xy * error_x),
    )


def _solve(points, coefficients, num_steps):
    # Start at the distorted point: Newton's steps then rise to the solution from below for a
    # barrel and fall to it from above for a cushion, without overshoot.
    start = tuple(tf.unstack(points + 0 * coefficients[0][..., tf.newaxis], axis=-1))
    return tf.while_loop(
        lambda x, y: True,
        lambda x, y: _newton_step(x, y, points, coefficients, _jacobian(x, y, coefficients)),
        start,
        maximum_iterations=num_steps,
    )


def _is_inverse(x, y, points, coefficients):
    """Returns whether (x, y) is distorted to `points` with no fold between it and the axis."""
    distorted_x, distorted_y = _distorted(x, y, coefficients)
    error = tf.maximum(tf.abs(distorted_x - points[..., 0]), tf.abs(distorted_y - points[..., 1]))
    tolerance = 1e-11 if points.dtype == tf.float64 else 1e-5
    # A comparison with NaN is false.
    defined = error <= tolerance * (1 + tf.reduce_max(tf.abs(points), -1))
    fractions = tf.constant(np.arange(1, _NUM_SAMPLES + 1) / _NUM_SAMPLES, points.dtype)
    xx, xy, yy = _jacobian(
        fractions * x[..., tf.newaxis],
        fractions * y[..., tf.newaxis],
        [coefficient[..., tf.newaxis] for coefficient in coefficients],
    )
    return defined & tf.reduce_all((xx * yy > xy**2) & (xx + yy > 0), -1)
