"""Clips of which some positions were not measured."""

import dataclasses

import numpy as np
import pytest

from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion

NAMES = ("hip", "knee")


def clip(positions):
    return gaps.make(positions, joint_names=NAMES, fps=10)


def test_whole_clips_are_plain_ones(rng):
    motion = clip(rng.standard_normal([4, 2, 3]))
    assert type(motion) is Motion
    assert motion.parents == (-1, -1)
    assert not gaps.missing_of(motion).any()
    assert not gaps.affected(motion, lambda motion: motion.positions).any()


def test_gaps_are_interpolated_linearly_and_marked():
    positions = np.zeros([6, 2, 3])
    positions[:, 0] = [[0, 0, 0], [9, 9, 9], [1, 2, 3], [4, 8, 12], [9, 9, 9], [9, 9, 9]]
    positions[[1, 4, 5], 0, 1] = [np.nan, np.nan, -np.inf]
    motion = clip(positions)
    np.testing.assert_array_equal(motion.missing[:, 0], [0, 1, 0, 0, 1, 1])
    assert not motion.missing[:, 1].any()
    np.testing.assert_allclose(motion.positions[1, 0], [0.5, 1.0, 1.5])
    np.testing.assert_allclose(motion.positions[4:, 0], [[4, 8, 12], [4, 8, 12]])
    assert np.isnan(positions[1, 0, 1])  # The array that was given is left as it was.


def test_a_joint_that_is_never_measured_is_at_the_origin():
    positions = np.ones([3, 2, 3])
    positions[:, 1, 2] = np.nan
    motion = clip(positions)
    np.testing.assert_array_equal(motion.positions[:, 1], 0.0)
    assert motion.missing[:, 1].all()


def test_joints_depend_on_their_sources():
    positions = np.ones([4, 2, 3])
    positions[1, 0] = np.nan
    positions[2, 1] = np.nan
    motion = clip(positions)

    def convert(motion):
        hip, knee = motion.positions[:, 0], motion.positions[:, 1]
        # A mean, an extrapolation, a copy, and a joint without any source.
        return np.stack([(hip + knee) / 2, 1.5 * knee - 0.5 * hip, knee, 0 * hip], axis=1)

    expected = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(gaps.affected(motion, convert), expected)


def test_missing_has_the_shape_of_the_clip():
    positions = np.full([4, 2, 3], 1.0)
    positions[0] = np.nan
    with pytest.raises(ValueError, match=r"`missing` must have shape \[4, 2\].*\(4, 3\)"):
        dataclasses.replace(clip(positions), missing=np.zeros([4, 3], bool))
    with pytest.raises(ValueError, match=r"`positions` must have shape \[T, 2, 3\]"):
        clip(np.full([4, 3], np.nan))
