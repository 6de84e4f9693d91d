"""The most likely scale: a minimum, stable, with its gradient."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize

from tf_lift.ops.lift.scale_estimation import cost, most_likely_inverse_scale

CASES = [(2.0, 3.0), (2.0, -3.0), (0.01, 40.0), (5.0, 0.0), (3e3, -70.0)]


@pytest.mark.parametrize(("square", "product"), CASES)
def test_minimises_minus_twice_the_log_likelihood(square, product):
    noise_variance, dimensions = 1.7, 32.0

    def deviance(log_scale):
        scale = np.exp(log_scale)
        energy = scale**2 * square - 2 * scale * product
        return energy / noise_variance - 2 * dimensions * log_scale

    expected = np.exp(optimize.minimize_scalar(deviance, bracket=(-3.0, 3.0), tol=1e-10).x)
    found = most_likely_inverse_scale(*map(np.float64, (square, product)), noise_variance, 32.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("square", "product"), CASES)
def test_gradient_equals_finite_differences(square, product):
    arguments = [tf.constant(value, tf.float64) for value in (square, product)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        found = most_likely_inverse_scale(*arguments, 1.7, 32.0)
    gradient = tape.gradient(found, arguments)
    for i in range(2):
        step = 1e-6 * max(abs(float(arguments[i])), 1e-3)
        up, down = ([*arguments] for _ in range(2))
        up[i], down[i] = arguments[i] + step, arguments[i] - step
        difference = [most_likely_inverse_scale(*pair, 1.7, 32.0) for pair in (up, down)]
        expected = (difference[0] - difference[1]) / (2 * step)
        np.testing.assert_allclose(gradient[i], expected, rtol=1e-6)


def test_float32_has_no_cancellation():
    """A product far below zero: the difference of the two near-equal roots is lost in float32."""
    square, product = np.float32(1e-3), np.float32(-1e3)
    exact = most_likely_inverse_scale(np.float64(square), np.float64(product), 1.0, 32.0)
    np.testing.assert_allclose(
        most_likely_inverse_scale(square, product, 1.0, 32.0), exact, rtol=1e-6
    )


@pytest.mark.parametrize(("square", "dimensions"), [(0.0, 32.0), (2.0, 0.0), (0.0, 0.0)])
def test_undetermined_is_one_without_gradient(square, dimensions):
    arguments = [tf.constant([square, 2.0]), tf.constant([0.0, 3.0])]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        found = most_likely_inverse_scale(*arguments, 1.0, tf.constant([dimensions, 2.0]))
    np.testing.assert_array_equal(found, [1.0, 2.0])
    for gradient in tape.gradient(found, arguments):
        assert gradient[0] == 0 and gradient[1] != 0


def test_cost_is_lowest_at_the_most_likely_scale():
    """Along the inverse scale, with the energy of M8."""
    square, product, constant, noise_variance, dimensions = 2.0, 30.0, 500.0, 4.0, 12.0
    forms = np.float64(square), np.float64(product)
    best = float(most_likely_inverse_scale(*forms, noise_variance, dimensions))

    def at(inverse_scale):
        inverse_scale = tf.constant(inverse_scale, tf.float64)
        energy = inverse_scale**2 * square - 2 * inverse_scale * product + constant
        return float(cost(energy, inverse_scale, noise_variance, 1.5, dimensions))

    assert at(best) < min(at(0.999 * best), at(1.001 * best))
    energy = best**2 * square - 2 * best * product + constant
    np.testing.assert_allclose(at(best), energy / 4 + 1.5 - 24 * np.log(best), rtol=1e-12)
