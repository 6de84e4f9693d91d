"""The smoother against one large Gaussian, its gradient and its gaps."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import linear_motion

from tf_lift.ops.sequences import kalman


def motions(interval=0.1):
    density, stddev = tf.constant([[4e4, 9e5, 1e3], [90.0, 40.0, 200.0]], tf.float64)
    return {
        "constant_velocity": kalman.constant_velocity(density, interval, 900.0, 700.0),
        "returning": kalman.returning(density, stddev, interval),
    }


def measurements(rng, frames=9):
    values = 100 * rng.standard_normal([frames, 3, 2])
    variance = rng.uniform(1, 400, [frames, 3])
    variance[0, 1] = variance[3:6, 0] = variance[-1, 2] = np.inf
    return values, variance


def fields(motion, point):
    return [[float(entry[point]) for entry in part] for part in motion]


@pytest.mark.parametrize("name", ["constant_velocity", "returning"])
def test_equals_conditioning_of_one_gaussian(rng, name):
    motion = motions()[name]
    values, variance = measurements(rng)
    mean, spread = kalman.smooth(tf.constant(values), tf.constant(variance), motion)
    for point in range(3):
        for axis in range(2):
            expected = linear_motion.smooth(
                values[:, point, axis], variance[:, point], *fields(motion, point)
            )
            np.testing.assert_allclose(mean[:, point, axis], expected[0], rtol=1e-7, atol=1e-7)
            np.testing.assert_allclose(spread[:, point], expected[1], rtol=1e-6, atol=1e-6)


def test_likelihood_of_small_innovations_is_gaussian(rng):
    values, variance = measurements(rng)
    values *= 0.05  # Within three deviations, where the tail does not begin.
    motion = motions()["constant_velocity"]
    both = tf.nest.map_structure(lambda entry: tf.stack([entry, entry]), motion)
    levels = np.array([1.0, 4.0])
    found = kalman.log_likelihood(
        tf.constant(values), tf.constant(variance), tf.constant(levels), both
    )
    expected = [
        sum(
            linear_motion.log_likelihood(
                values[:, point, axis], level + variance[:, point], *fields(motion, point)
            )
            for point in range(3)
            for axis in range(2)
        )
        for level in levels
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_likelihood_of_gross_errors_is_that_of_full_matrices(rng):
    values, variance = measurements(rng)
    values[4:6] *= 30
    motion = motions()["constant_velocity"]
    one = tf.nest.map_structure(lambda entry: entry[tf.newaxis], motion)
    found = kalman.log_likelihood(
        tf.constant(values), tf.constant(variance), tf.constant([7.0], tf.float64), one
    )
    total = 0.0
    for point in range(3):
        transition, noise, start = fields(motion, point)
        transition = np.reshape(transition, [2, 2])
        noise = np.array([[noise[0], noise[1]], [noise[1], noise[2]]])
        mean, covariance = np.zeros([2, 2]), np.diag(start)
        for value, spread in zip(values[:, point], 7.0 + variance[:, point], strict=True):
            if np.isfinite(spread):
                innovation, own = value - mean[0], covariance[0, 0] + spread
                square = np.mean(innovation**2) / own
                news = min(1.0, 9 / square)
                total -= np.log(own) + (square if square < 9 else 9 + 9 * np.log(square / 9))
                gain = news * covariance[:, 0] / own
                mean = mean + np.outer(gain, innovation)
                kept = np.eye(2) - np.outer(gain, [1, 0])
                covariance = kept @ covariance @ kept.T + spread * np.outer(gain, gain)
            mean = transition @ mean
            covariance = transition @ covariance @ transition.T + noise
    np.testing.assert_allclose(found, [total], rtol=1e-9)


def test_gradient(rng):
    values, variance = measurements(rng, frames=5)
    motion = motions()["returning"]

    def mean(values):
        return kalman.smooth(values, tf.constant(variance), motion)[0]

    helpers.check_gradient(mean, [values], rng, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_any_number_of_frames_in_a_graph(rng, frames):
    values, variance = measurements(rng, frames=7)
    motion = motions()["constant_velocity"]
    smooth = tf.function(
        lambda values, variance: kalman.smooth(values, variance, motion),
        input_signature=[
            tf.TensorSpec([None, 3, 2], tf.float64),
            tf.TensorSpec([None, 3], tf.float64),
        ],
    )
    values, variance = tf.constant(values[:frames]), tf.constant(variance[:frames])
    for actual, expected in zip(
        smooth(values, variance), kalman.smooth(values, variance, motion), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-9)
        assert np.isfinite(expected).all()


def test_deviation_in_a_gap_grows_and_stays_bounded():
    variance = np.ones([201, 1])
    variance[3:-3] = np.inf
    motion = kalman.returning(tf.constant([1e6], tf.float64), tf.constant([80.0], tf.float64), 0.04)
    _, spread = kalman.smooth(tf.zeros([201, 1, 1], tf.float64), tf.constant(variance), motion)
    stddev = np.sqrt(spread[:, 0])
    assert np.all(np.diff(stddev[2:40]) > 0)
    np.testing.assert_allclose(stddev, stddev[::-1], rtol=1e-6)
    np.testing.assert_allclose(stddev[100], 80.0, rtol=1e-3)


def test_frame_rate_changes_nothing_where_frames_are_the_same(rng):
    """Half of the frames missing at twice the rate: the same estimates at the others."""
    values, variance = measurements(rng, frames=6)
    slow = kalman.smooth(tf.constant(values), tf.constant(variance), motions(0.1)["returning"])
    many, missing = np.zeros([11, 3, 2]), np.full([11, 3], np.inf)
    many[::2], missing[::2] = values, variance
    fast = kalman.smooth(tf.constant(many), tf.constant(missing), motions(0.05)["returning"])
    for each, expected in zip(fast, slow, strict=True):
        np.testing.assert_allclose(each[::2], expected, rtol=1e-6, atol=1e-6)
