"""Quick costs of candidates against the cost as it is defined."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import scale_estimation
from tf_lift.ops.lift.fast import costs
from tf_lift.ops.lift.fast.interpolation import Forms
from tf_lift.ops.lift.fast.observed import Observed
from tf_lift.prior import build_tables

ESTIMATORS = pytest.mark.parametrize("estimator", ["map", "min_energy"])
FREE = pytest.mark.parametrize("free_scale", [True, False])

# The sign of the last two shows a term that is left out or taken twice.
DIMENSIONS, UNUSED = np.array([10.0, 4.0, 0.0]), np.array([2.0, 8.0, 12.0])


def define(
    square, product, constant, noise_variance, normaliser, dimensions, free_scale, estimator
):
    """Returns the costs M12, or energies, at the most likely scale."""
    inverse_scale = np.ones_like(square)
    if free_scale:
        inverse_scale = scale_estimation.most_likely_inverse_scale(
            square, product, noise_variance, dimensions
        ).numpy()
    energy = inverse_scale**2 * square - 2 * inverse_scale * product + constant
    if estimator == "min_energy":
        return energy
    volume = dimensions if free_scale else 0
    return energy / noise_variance + normaliser - 2 * volume * np.log(inverse_scale)


@ESTIMATORS
@FREE
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_quick_costs_are_those_of_the_definition(rng, dtype, compiled, free_scale, estimator):
    square, product, constant = rng.uniform(1, 5, [3, 4, 6])
    noise_variance, normaliser, dimensions = rng.uniform(1, 3, [3, 6])
    arguments = square, product, constant, noise_variance, normaliser, dimensions
    tensors = [tf.constant(part, dtype) for part in arguments]
    found = costs.quick_costs(*tensors, free_scale, estimator, compiled)
    assert found.dtype == dtype
    expected = define(*arguments, free_scale, estimator)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_quick_costs_are_finite_where_rounding_leaves_nothing(compiled):
    """A shortlist must be able to compare them all: landmarks of zero, a pose upside down."""
    square = tf.constant([0.0, -1e-9, 1.0, 1e6])
    product = tf.constant([0.0, 0.0, -1e9, 1e6])
    found = costs.quick_costs(square, product, 1.0, 200.0, 0.0, 30.0, True, "map", compiled)
    assert np.all(np.isfinite(found)), found


def make_forms(rng, shape):
    even, mean_even, constant = rng.uniform(4, 9, [3, *shape])
    odd, mean_odd, log_determinant = rng.uniform(-2, 2, [3, *shape])
    return Forms(even, odd, mean_even, mean_odd, constant, log_determinant)


def make_observed(number=3):
    return Observed(*[None] * 4, tf.constant(DIMENSIONS[:number]), tf.constant(UNUSED[:number]))


@ESTIMATORS
@FREE
def test_costs_of_all_and_of_some_candidates(small_prior, rng, free_scale, estimator):
    """Candidates are in order of components, then angles: the odd parts change half a turn on."""
    tables = build_tables(small_prior, 6, free_scale=free_scale, dtype="float64")
    forms = make_forms(rng, [2, 3, 3])
    expected = np.empty([12, 3])
    for k, turn, angle, pose in np.ndindex(2, 2, 3, 3):
        sign, place = (1, -1)[turn], (k, angle, pose)
        noise_variance = small_prior.noise_stddev[k] ** 2
        normaliser = forms.log_determinant[place] - UNUSED[pose] * np.log(noise_variance)
        expected[6 * k + 3 * turn + angle, pose] = define(
            forms.even[place] + sign * forms.odd[place],
            forms.mean_even[place] + sign * forms.mean_odd[place],
            forms.constant[place],
            noise_variance,
            normaliser - 2 * np.log(small_prior.mixture_weights[k]),
            DIMENSIONS[pose],
            free_scale,
            estimator,
        )
    constants = make_observed(), tables, estimator
    # Without a coordinate no scale is the most likely one.
    known = slice(0, 2 if free_scale else 3)
    found = costs.of_forms(Forms(*map(tf.constant, forms)), *constants).numpy()
    np.testing.assert_allclose(found[:, known], expected[:, known], rtol=1e-12)
    indices = rng.integers(12, size=[5, 3])
    signs = np.where(indices % 6 < 3, 1, -1)
    each = [part[indices // 6, indices % 3, np.arange(3)] for part in forms]
    each[1], each[3] = signs * each[1], signs * each[3]
    found = costs.at(Forms(*map(tf.constant, each)), tf.constant(indices), *constants).numpy()
    expected = np.take_along_axis(expected, indices, 0)
    np.testing.assert_allclose(found[:, known], expected[:, known], rtol=1e-12)
