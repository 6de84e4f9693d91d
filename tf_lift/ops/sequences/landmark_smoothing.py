"""Landmarks of one person over time: their noise, and the landmarks without most of it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.sequences import kalman

__all__ = ["Levels", "find_levels", "smooth"]

# Levels of noise to compare, mm on the person, and of the acceleration's power relative to that
# of the motion capture: steps of a factor 1.4 and 3.
_NOISES_MM = 0.5 * 2.0 ** np.arange(0, 8.5, 0.5)
_ACTIVITIES = 10.0 ** np.arange(-2, 1.5, 0.5)
# Log-likelihood against each doubling of the noise: decides where a few frames cannot.
_PENALTY = 1.0

# Deviations of position and velocity before the first frame: of anybody.
_POSITION_MM = 10_000.0
_VELOCITY_MM = 3_000.0

# A landmark that is farther from where all other frames expect it than so many deviations has a
# noise of that distance. Motion has longer tails than a Gaussian, hence not three. The worst are
# found first: they spoil what is expected of their neighbours.
_OUTLIERS = (10.0, 5.0, 5.0, 5.0)


class Levels(NamedTuple):
    """Levels of a sequence, both scalars: they carry no gradient.

    Attributes:
        noise: Standard deviation of each coordinate of sure landmarks, mm on the person.
        activity: Power of the acceleration relative to that of the motion capture.
    """

    noise: tf.Tensor
    activity: tf.Tensor


def find_levels(landmarks, extra, density, interval) -> Levels:
    """Finds the most likely noise of landmarks, with the liveliness of the person.

    Noise differs from one frame to the next, motion is smooth: 20 frames at 10 per second
    tell the noise within 20 %.

    Args:
        landmarks: `[T, L, 2]`, float64, mm, finite.
        extra: `[T, L]`, float64, mm^2: variance of a landmark beyond that of the noise that all
            share; infinite for missing ones.
        density: `[L]`, float64: power of the joints' acceleration, mm^2/s^3.
        interval: Time between two frames, s.

    References:
        docs/method.md, M43.
    """
    noises = np.repeat(_NOISES_MM, len(_ACTIVITIES))
    activities = np.tile(_ACTIVITIES, len(_NOISES_MM))
    motion = kalman.constant_velocity(
        activities[:, np.newaxis] * density, interval, _POSITION_MM, _VELOCITY_MM
    )
    likelihood = kalman.log_likelihood(landmarks, extra, tf.constant(noises**2), motion)
    best = tf.argmax(likelihood - _PENALTY * np.log2(noises))
    return Levels(tf.gather(tf.constant(noises), best), tf.gather(tf.constant(activities), best))


def smooth(landmarks, extra, levels, density, interval):
    """Computes the landmarks that all frames together imply, for every frame.

    Args:
        landmarks: `[T, L, 2]`, float64, mm, finite.
        extra: `[T, L]`, float64, see `find_levels`.
        levels: `Levels`.
        density: `[L]`, float64.
        interval: Time between two frames, s.

    Returns:
        Landmarks `[T, L, 2]`, and the standard deviation `[T, L]` of each coordinate, mm: of
        the noise that is left, and in gaps of what the motion may have been; no gradient.

    References:
        docs/method.md, M41, M42 and M44.
    """
    motion = kalman.constant_velocity(
        levels.activity * density, interval, _POSITION_MM, _VELOCITY_MM
    )
    least = levels.noise**2 + extra
    known = tf.math.is_finite(least)
    variance = least
    for limit in _OUTLIERS:
        mean, spread = kalman.smooth(landmarks, variance, motion)
        # The distance from what the other frames imply follows from that to the smoothed place.
        noise = tf.where(known, variance, 1)
        gain = noise / tf.maximum(noise - spread, 1e-12 * noise)
        distance = gain * tf.reduce_max(tf.abs(tf.stop_gradient(landmarks - mean)), -1)
        expected = tf.where(known, least, 1) + noise * (gain - 1)
        is_outlier = known & (distance**2 > limit**2 * expected)
        variance = tf.where(is_outlier, tf.maximum(least, distance**2), least)
    mean, spread = kalman.smooth(landmarks, variance, motion)
    return mean, tf.sqrt(spread)
