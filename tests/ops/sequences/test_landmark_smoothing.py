"""The noise that landmarks tell, and the landmarks without it."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.sequences import landmark_smoothing

DENSITY = tf.constant([7e2, 1e3, 1.5e3, 2e3], tf.float64) ** 2
FPS = 10


def walk(rng, frames=60, activity=1.0):
    """Returns places `[T, 4, 2]` of points whose acceleration is white noise, mm."""
    fine = 20
    step = 1 / FPS / fine
    force = np.sqrt(activity * DENSITY / step)[:, np.newaxis]
    force = force * rng.standard_normal([frames * fine, 4, 2])
    return np.cumsum(np.cumsum(force * step, 0) * step, 0)[::fine]


@pytest.mark.parametrize(("noise", "activity"), [(4.0, 0.1), (16.0, 0.1), (16.0, 1.0), (64.0, 1.0)])
def test_noise_and_activity_are_found(rng, noise, activity):
    places = walk(rng, activity=activity)
    seen = places + noise * rng.standard_normal(places.shape)
    known = rng.random(seen.shape[:2]) > 0.2
    extra = np.where(known, rng.choice([0.0, 30.0], known.shape) ** 2, np.inf)
    seen += np.sqrt(np.where(known, extra, 0))[..., np.newaxis] * rng.standard_normal(seen.shape)
    levels = landmark_smoothing.find_levels(tf.constant(seen), tf.constant(extra), DENSITY, 1 / FPS)
    assert abs(np.log2(levels.noise / noise)) < 0.6
    assert abs(np.log10(levels.activity / activity)) < 0.6
    smoothed, stddev = landmark_smoothing.smooth(
        tf.constant(seen), tf.constant(extra), levels, DENSITY, 1 / FPS
    )
    error = smoothed - places
    assert np.std(error[known & (extra == 0)]) < 0.95 * noise
    # The deviations hold, in gaps as well.
    for rows in (known, ~known):
        assert 0.7 < np.mean((error[rows] / stddev[rows][:, np.newaxis]) ** 2) < 1.5


def test_exact_landmarks_stay(rng):
    places = tf.constant(walk(rng))
    extra = tf.zeros([60, 4], tf.float64)
    levels = landmark_smoothing.find_levels(places, extra, DENSITY, 1 / FPS)
    assert levels.noise <= 1.0
    smoothed, _ = landmark_smoothing.smooth(places, extra, levels, DENSITY, 1 / FPS)
    np.testing.assert_allclose(smoothed, places, atol=1.0)


def test_gross_errors_are_replaced_and_move_no_other(rng):
    places = walk(rng, activity=0.1)
    extra = tf.zeros([60, 4], tf.float64)
    seen = places + 3 * rng.standard_normal(places.shape)

    def smooth(points):
        levels = landmark_smoothing.find_levels(tf.constant(points), extra, DENSITY, 1 / FPS)
        return landmark_smoothing.smooth(tf.constant(points), extra, levels, DENSITY, 1 / FPS)[0]

    seen[20, 3] += 700.0
    error = np.abs(smooth(seen) - places)
    assert error[20, 3].max() < 80
    assert np.sqrt(np.mean(error[:, :3] ** 2)) < 3.5


def test_noise_is_found_among_gross_errors(rng):
    places = walk(rng)
    noise = 8.0
    seen = places + noise * rng.standard_normal(places.shape)
    is_gross = rng.random([60, 4]) < 0.05
    seen[is_gross] += rng.uniform(-900, 900, [int(is_gross.sum()), 2])
    extra = tf.zeros([60, 4], tf.float64)
    levels = landmark_smoothing.find_levels(tf.constant(seen), extra, DENSITY, 1 / FPS)
    assert abs(np.log2(levels.noise / noise)) < 1.1
    smoothed, stddev = landmark_smoothing.smooth(tf.constant(seen), extra, levels, DENSITY, 1 / FPS)
    error = np.abs(smoothed - places).max(-1)
    assert np.sqrt(np.mean(error[~is_gross] ** 2)) < 2 * noise
    assert np.median(error[is_gross] / stddev[is_gross]) < 2


def test_levels_of_two_frames_are_low(rng):
    levels = landmark_smoothing.find_levels(
        tf.constant(rng.standard_normal([2, 4, 2])), tf.zeros([2, 4], tf.float64), DENSITY, 0.1
    )
    assert levels.noise <= 2.0
