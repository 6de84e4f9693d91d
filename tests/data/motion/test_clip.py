"""One clip of motion capture: its attributes and its checks."""

import numpy as np
import pytest

from tf_lift.data.motion import clip as motion

NAMES = ("hip", "knee", "ankle")


def make(**changes):
    arguments = {
        "positions": np.arange(36.0).reshape(4, 3, 3),
        "joint_names": NAMES,
        "parents": (-1, 0, 1),
        "fps": 20,
    }
    return motion.Motion(**arguments | changes)


def test_values_have_one_type_whatever_was_given():
    clip = make(
        positions=np.ones([4, 3, 3], np.float32), joint_names=np.array(NAMES), parents=[-1, 0, 1]
    )
    assert clip.positions.dtype == np.float64
    assert clip.joint_names == NAMES
    assert clip.parents == (-1, 0, 1)
    assert (clip.num_frames, clip.num_joints, clip.duration) == (4, 3, 0.2)
    assert (clip.clip, clip.subject) == ("", "")


@pytest.mark.parametrize("parents", [(-1, -1, -1), (2, 0, -1), (1, -1, 1)])
def test_markers_and_any_order_of_joints(parents):
    assert make(parents=parents).parents == parents


def test_a_bad_position_is_named():
    positions = np.zeros([4, 3, 3])
    positions[2, 1, 0] = np.nan
    positions[3, 1, 0] = np.inf
    with pytest.raises(ValueError, match="2 of 12 positions, the first in frame 2, joint 'knee'"):
        make(positions=positions)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.zeros([4, 2, 3])}, r"`positions` must have shape \[T, 3, 3\]"),
        ({"positions": np.zeros([0, 3, 3])}, r"positions.shape=\(0, 3, 3\)"),
        ({"positions": np.zeros([3, 3])}, r"positions.shape=\(3, 3\)"),
        ({"joint_names": ("hip", "knee", "hip")}, r"`joint_names` must be different.*\['hip'\]"),
        ({"parents": (-1, 0)}, "`parents` must have one entry for each of the 3 joints.*2"),
        ({"parents": (-1, 0, 3)}, r"`parents` must be joint indices below 3, or -1.*\[3\]"),
        ({"parents": (-2, 0, 1)}, r"`parents` must be joint indices.*\[-2\]"),
        ({"parents": (-1, 2, 1)}, "`parents` must lead to a root.*circle through 'knee'"),
        ({"fps": 0.0}, "`fps` must be positive. Received: 0"),
        ({"fps": float("nan")}, "`fps` must be positive. Received: nan"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("a/05_02.bvh", ("05_02", "05")),
        ("walk.c3d", ("walk", "")),
        ("S1_a_b.amc", ("S1_a_b", "S1")),
    ],
)
def test_labels_come_from_the_name(path, labels):
    assert motion.labels_of(path) == labels
