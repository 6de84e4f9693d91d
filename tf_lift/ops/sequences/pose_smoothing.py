"""Lifted poses of one person over time: smoothed by their own uncertainty."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.sequences import kalman

__all__ = ["DISTANCE_MM", "PLACE_UNIT", "SIZE_UNIT", "smooth_places", "smooth_poses"]

# Fractions of a joint's deviation that differ from one frame to the next, in the image plane and
# in depth. The rest, most of it, is the same in neighbouring frames: no smoothing removes it, and
# taking it for noise blurs the motion. Of 0.05 to 0.4 in depth and 0 to 0.1 in the image plane.
_FLAT_PART, _DEPTH_PART = 0.05, 0.3

# Deviations along the axes of a joint whose landmark was filled in, over that of the landmark.
_FILL_PARTS = (1.0, 1.0, 2.0)

# Deviations, from one frame to the next, of a place in the image plane, in mm, and of the log of
# the scale, over the mean deviation of the joints in mm.
PLACE_UNIT = _FLAT_PART
SIZE_UNIT = 0.2 / 500

# Distance of a person from the camera where it is not known, mm: for how fast the size changes.
DISTANCE_MM = 3_000.0

_TINY = 1e-6


def smooth_poses(joints_3d, stddev, fill, density, spread, interval):
    """Smooths the joints of lifted poses, each frame weighed by its deviation.

    Args:
        joints_3d: `[T, L, 3]`, float64, mm, camera frame, origin at joint 0.
        stddev: `[T, L]`, float64, mm; infinite for the frames to fill.
        fill: `[T, L]`, float64, mm: deviation of landmarks that were filled in, else 0.
        density: `[L]`, float64: power of the joints' acceleration, mm^2/s^3.
        spread: `[L]`, float64: deviation of the joints about their mean place, mm.
        interval: Time between two frames, s.

    Returns:
        Joints `[T, L, 3]`, and their deviation `[T, L]`, summed over the axes; the latter
        without a gradient.

    References:
        docs/method.md, M40 to M42 and M46.
    """
    known = tf.math.is_finite(stddev)
    finite = tf.where(known, tf.maximum(stddev, 1), 1)
    count = tf.reduce_sum(tf.cast(known, stddev.dtype), 0)
    # A deviation usual for the joint, which the frames share: the geometric mean.
    usual = tf.exp(tf.math.divide_no_nan(tf.reduce_sum(tf.math.log(finite), 0), count))
    # Twice as uncertain a frame is one among more alternatives: its own part grows faster.
    own = tf.where(known, finite**2 / usual, np.inf)[..., tf.newaxis]
    parts = tf.constant([_FLAT_PART, _FLAT_PART, _DEPTH_PART], stddev.dtype)
    variance = (parts * own) ** 2 + _TINY
    variance += (tf.constant(_FILL_PARTS, stddev.dtype) * fill[..., tf.newaxis]) ** 2

    # About the mean place of the joint, as the frames that show it have it.
    trust = tf.where(known, 1 / finite**2, 0)[..., tf.newaxis]
    centre = tf.math.divide_no_nan(tf.reduce_sum(trust * joints_3d, 0), tf.reduce_sum(trust, 0))
    values = tf.where(known[..., tf.newaxis], joints_3d - centre, 0)

    num_joints = joints_3d.shape[1]
    motion = kalman.returning(_each_axis(density), _each_axis(spread), interval)
    mean, left = kalman.smooth(
        tf.reshape(values, [-1, 3 * num_joints, 1]),
        tf.reshape(variance, [-1, 3 * num_joints]),
        motion,
    )
    mean, left = (tf.reshape(each, [-1, num_joints, 3]) for each in (mean, left))
    shared = tf.where(known, tf.minimum(stddev, usual), usual)
    deviation = tf.sqrt(shared**2 + tf.reduce_sum(left, -1))
    is_joint = tf.cast(tf.range(num_joints) > 0, stddev.dtype)
    return is_joint[:, tf.newaxis] * (mean + centre), is_joint * deviation


def smooth_places(places, stddev, unit, density, interval):
    """Smooths what a pose has one of: its place in the image or room, the log of its scale.

    Args:
        places: `[T, D]`, float64.
        stddev: `[T]`, float64, mm: mean deviation of the joints, infinite for frames to fill.
        unit: `[D]`, float64: deviation of each number for a deviation of 1 mm.
        density: `[D]`, float64: power of the second derivative of each.
        interval: Time between two frames, s.

    Returns:
        `[T, D]`.

    References:
        docs/method.md, M39, M41 and M42.
    """
    known = tf.math.is_finite(stddev)[:, tf.newaxis]
    first = tf.argmax(tf.cast(known[:, 0], tf.int32))
    start = tf.where(known[first], places[first], 0)
    values = tf.where(known, places - start, 0)
    variance = (unit * stddev[:, tf.newaxis]) ** 2 + (_TINY * unit) ** 2
    # Wide enough for any place, in units of what a millimetre changes.
    motion = kalman.constant_velocity(density, interval, 1e5 * unit, 1e4 * unit)
    return start + kalman.smooth(values[..., tf.newaxis], variance, motion)[0][..., 0]


def _each_axis(values):
    return tf.repeat(values, 3)
