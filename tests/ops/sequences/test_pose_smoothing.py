"""Smoothing of lifted poses by their deviations."""

import helpers
import numpy as np
import tensorflow as tf

from tf_lift.ops.sequences import pose_smoothing

JOINTS = 4
DENSITY = tf.constant([1e2, 1e3, 2e3, 1e3], tf.float64) ** 2
SPREAD = tf.constant([50.0, 150.0, 200.0, 150.0], tf.float64)


def smooth(joints, stddev, fill=None):
    fill = np.zeros_like(stddev) if fill is None else fill
    arrays = (tf.constant(each) for each in (joints, stddev, fill))
    return pose_smoothing.smooth_poses(*arrays, DENSITY, SPREAD, 0.1)


def clip(rng, frames=30):
    time = np.arange(frames)[:, np.newaxis, np.newaxis] / 10
    joints = 100 * np.sin(2 * time + rng.uniform(0, 6, [JOINTS, 3]))
    return joints - joints[:, :1]


def test_sure_frames_stay(rng):
    joints = clip(rng)
    moved, stddev = smooth(joints, np.full([30, JOINTS], 1.0))
    np.testing.assert_allclose(moved, joints, atol=0.5)
    np.testing.assert_array_equal(stddev[:, 0], 0)
    np.testing.assert_allclose(stddev[:, 1:], 1.0, rtol=0.1)


def test_an_uncertain_frame_is_corrected_by_its_neighbours(rng):
    joints = clip(rng)
    seen, stddev = joints.copy(), np.full([30, JOINTS], 20.0)
    seen[14, 2] += [0, 0, 250]
    stddev[14, 2] = 200
    moved = smooth(seen, stddev)[0].numpy()
    assert abs(moved[14, 2, 2] - joints[14, 2, 2]) < 40
    # It hardly moves its neighbours, or other joints.
    assert np.abs(moved[[12, 16], 2] - joints[[12, 16], 2]).max() < 5
    assert np.abs(moved[:, [1, 3]] - joints[:, [1, 3]]).max() < 5


def test_gaps_are_filled_with_growing_deviation(rng):
    joints = clip(rng)
    stddev = np.full([30, JOINTS], 20.0)
    stddev[12:17] = np.inf
    hidden = joints.copy()
    hidden[12:17] = 0
    moved, found = (each.numpy() for each in smooth(hidden, stddev))
    assert np.abs(moved[12:17] - joints[12:17]).max() < 40
    assert np.all(found[14, 1:] > found[12, 1:]) and np.all(found[12, 1:] > found[10, 1:])
    # Joints whose landmarks were filled in trust their neighbours more.
    fill = np.zeros_like(stddev)
    fill[14, 2] = 100
    stddev[:] = 20.0
    plain, filled = smooth(joints, stddev)[1].numpy(), smooth(joints, stddev, fill)[1].numpy()
    assert filled[14, 2] > plain[14, 2] and filled[14, 1] == plain[14, 1]


def test_gradient(rng):
    joints, stddev = clip(rng, 4), rng.uniform(5, 90, [4, JOINTS])
    stddev[2, 1] = np.inf
    helpers.check_gradient(
        lambda x: pose_smoothing.smooth_poses(
            x, tf.constant(stddev), tf.zeros_like(stddev), DENSITY, SPREAD, 0.1
        )[0],
        [joints],
        rng,
        atol=1e-6,
    )


def test_places_follow_steady_motion_over_gaps():
    time = np.arange(40.0)
    places = np.stack([1000 + 20 * time, 500 - 3 * time], -1)
    stddev = np.full(40, 60.0)
    stddev[10:20] = np.inf
    stddev[0] = np.inf
    seen = np.where(np.isfinite(stddev)[:, np.newaxis], places, 0)
    ones = tf.ones([2], tf.float64)
    moved = pose_smoothing.smooth_places(
        tf.constant(seen), tf.constant(stddev), 0.05 * ones, 4e5 * ones, 0.1
    )
    np.testing.assert_allclose(moved[1:], places[1:], atol=0.1)
    np.testing.assert_allclose(moved[0], places[0], atol=5)


def test_nothing_known_stays_finite():
    stddev = np.full([3, JOINTS], np.inf)
    moved, _ = smooth(np.zeros([3, JOINTS, 3]), stddev)
    np.testing.assert_array_equal(moved, 0)
