"""The misfit: its distribution, gradient and degenerate points."""

import functools

import helpers
import lift_contract
import lift_inputs
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tf_lift
from tf_lift.ops.lift import misfit, reference
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import build_tables

ROTATIONS = 12


@pytest.mark.parametrize("dimensions", [2.0, 8.0, 32.0])
def test_limit_is_a_multiple_of_the_chi_squared_quantile(dimensions):
    quantile = scipy.stats.chi2.ppf(0.99, dimensions)
    energy = tf.constant(2.5 * 9 * quantile, tf.float32)
    found = misfit.from_fit(energy, 9.0, tf.constant(dimensions))
    np.testing.assert_allclose(found, misfit.LIMIT, rtol=2e-3)


def test_too_small_a_person_adds_to_the_distance():
    arguments = tf.constant([90.0] * 3), 9.0, tf.constant(8.0)
    plain = misfit.from_fit(*arguments)
    found = misfit.from_fit(*arguments, tf.exp(tf.constant([0.3, -0.5, -1.75])))
    # 8 dimensions times 1.75 - 0.5, next to a distance of 90 / 9.
    np.testing.assert_allclose(found, plain * [1, 1, 2], rtol=1e-6)


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("kind", ["all", "bool", "float"])
def test_gradient_equals_finite_differences(tiny_prior, rng, kind, scale):
    landmarks = 3 * lift_inputs.make_landmarks(tiny_prior, rng, 4, scale)
    weights = None if kind == "all" else rng.random([4, 17]) > 0.2
    if kind == "float":
        weights = weights * rng.uniform(0.2, 2, [4, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")

    def lift(landmarks):
        return helpers.lift(landmarks, tables, weights, scale)["misfit"]

    lift_contract.check_gradient(lift, landmarks, rng)


def _upside_down(landmarks):
    return -landmarks


def _exchanged(landmarks):
    return landmarks[..., ::-1]


def _zeros(landmarks):
    zeros = np.array(landmarks)
    zeros[:, [3, 13, 16]] = 0
    return zeros


@pytest.mark.parametrize("num_missing", [0, 4, 9])
def test_poses_of_the_prior_fit_and_wrong_ones_do_not(num_missing):
    """Samples of the prior's own Gaussians have lighter tails than people."""
    prior = tf_lift.PosePrior.load("cmu")
    rng = np.random.default_rng(0)
    visible = rng.random([60, 17]).argsort(1).argsort(1) >= num_missing
    landmarks = lift_inputs.make_landmarks(prior, rng, 60)
    tables = build_tables(prior, 40, dtype="float64")
    lift = functools.partial(helpers.lift, tables=tables, visibility=visible, estimator="mean")
    right = lift(landmarks)["misfit"].numpy()
    assert np.all(right < misfit.LIMIT) and np.median(right) < 0.3
    if num_missing == 0:
        # Exchanged coordinates show a person who lies, which a few poses of the prior do.
        for wrong, share in ((_upside_down, 0.95), (_exchanged, 0.5), (_zeros, 0.95)):
            found = lift(wrong(landmarks))["misfit"].numpy()
            assert np.mean(found > misfit.LIMIT) > share, wrong
            assert np.median(found) > 3 * np.median(right)


def test_noise_that_is_told_does_not_count():
    prior = tf_lift.PosePrior.load("cmu")
    rng = np.random.default_rng(0)
    landmarks = 0.2 * prior.sample(60, seed=1)[..., [0, 2]] * [1, -1]
    landmarks += rng.normal(0, 8, landmarks.shape)
    tables = build_tables(prior, 40)
    told = helpers.lift(landmarks, tables, landmark_stddev=8.0)["misfit"].numpy()
    untold = helpers.lift(landmarks, tables)["misfit"].numpy()
    assert np.median(told) < 0.35 and np.median(untold) > 2 * np.median(told)


def _degenerate(case):
    landmarks = np.full([17, 2], 100.0)
    if case == "underflow":
        landmarks = np.random.default_rng(0).uniform(0, 1e-40, [17, 2])
    return landmarks


@pytest.mark.parametrize("mode", ["eager", "graph", "compiled", "reference"])
@pytest.mark.parametrize("case", ["coincident", "underflow", "overflow"])
def test_degenerate_landmarks_do_not_fit(tiny_prior, rng, case, mode):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 2).astype(np.float32)
    landmarks[0] = _degenerate(case)
    if case == "overflow":
        landmarks[0] = 1e38 * np.sign(rng.standard_normal([17, 2]))
    tables = build_tables(tiny_prior, ROTATIONS)
    options = LiftOptions("map", num_rotations=ROTATIONS)

    def lift(landmarks):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            if mode == "reference":
                result = reference.lift(landmarks, tiny_prior, options)
            else:
                result = helpers.lift(landmarks, tables, np.ones([2, 17], bool))
        return result, tape.gradient([result["misfit"], result["joints_3d"]], landmarks)

    if mode in ("graph", "compiled"):
        lift = tf.function(lift, jit_compile=mode == "compiled", autograph=False)
    result, gradient = lift(tf.constant(landmarks))
    expected = np.nan if case == "overflow" else np.inf
    np.testing.assert_array_equal(result["misfit"][0], expected)
    assert (result["mixture_index"][0] == -1) == (case == "overflow")
    assert np.isnan(result["joints_3d"][0]).all() == (case == "overflow")
    assert np.all(gradient[0] == 0) and np.any(gradient[1] != 0)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_landmarks_whose_squares_overflow_are_nan_at_a_given_scale(tiny_prior, scale):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False)
    landmarks = np.full([1, 17, 2], 1e18 * scale, np.float32)
    result = helpers.lift(landmarks, tables, scale=scale)
    assert np.isnan(result["misfit"]) and result["mixture_index"] == -1


def test_nothing_to_fit_has_no_misfit(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False)
    result = helpers.lift(np.zeros([1, 17, 2]), tables, np.zeros([1, 17]), scale=1.0)
    assert result["misfit"] == 0


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scale_that_is_no_positive_number_is_named(tiny_prior, scale):
    with pytest.raises(ValueError, match="`scale` must be a positive number"):
        tf_lift.lift(np.ones([17, 2]), tiny_prior, scale=scale)
