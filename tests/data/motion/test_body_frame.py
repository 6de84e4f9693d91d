"""Unit and up axis of a clip, guessed from its skeleton."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion import body_frame

NAMES = ("Hips", "LeftFoot", "RightToe", "Head")
STANDING = np.array([[0, 0, 1.0], [0.2, 0, 0], [-0.2, 0, 0], [0, 0, 1.7]])


def test_longest_path_runs_between_two_ends():
    #     2 - 1 - 0 - 3 - 4,  and 5 below 3: the longest path is from 2 or 5 ...
    parents = (-1, 0, 1, 0, 3, 3)
    positions = np.zeros([3, 6, 3])
    positions[:, :, 0] = [0, -3, -5, 4, 10, 4]
    positions[:, 5, 1] = 7
    positions[2] *= 100  # The median over frames does not mind.
    assert body_frame.longest_path(positions, parents) == 16.0
    # ... and a root with one child, such as a marker on the floor, is not an end.
    floor = np.full([3, 1, 3], 50.0)
    above = tuple(p + 1 for p in parents)
    path = body_frame.longest_path(np.concatenate([floor, positions], axis=1), (-1, *above))
    assert path == 16.0


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("mm", 1.0),
        ("cm", 10),
        ("m", 1000),
        ("inch", 25.4),
        ("foot", 304.8),
        ("cmu", 25.4 / 0.45),
    ],
)
@pytest.mark.parametrize("size", [0.85, 1.0, 1.2])
def test_unit_of_people_of_all_sizes(poses, unit, length, size):
    found = body_frame.find_unit_mm(poses * size / length, skeletons.H36M_17.parents)
    assert found == pytest.approx(length), unit


def test_units_cannot_be_confused():
    low, high = body_frame.LONGEST_PATH_MM
    units = sorted([1.0, 10.0, 1000.0, 25.4, 304.8, 25.4 / 0.45])
    assert high / low < np.min(np.array(units[1:]) / units[:-1])


def test_a_size_that_fits_no_unit_is_an_error():
    with pytest.raises(ValueError, match=r"path along the bones is 1.55 units.*1600 to 3300 mm"):
        body_frame.find_unit_mm([[[0.0, 0, 0], [0, 0, 1.55]]], (-1, 0))


@pytest.mark.parametrize("axis", ["y", "z"])
def test_up_is_where_the_head_is(axis):
    pose = STANDING[:, [0, 2, 1]] if axis == "y" else STANDING
    assert body_frame.find_up(pose, pose[None], NAMES) == axis
    # The rest pose decides for clips that are upside down or lying; ...
    lying = pose[:, [1, 2, 0]]
    assert body_frame.find_up(pose, lying[None], NAMES) == axis
    assert body_frame.find_up(-pose, lying[None], NAMES) == axis
    # ... the clip decides where the rest pose does not.
    assert body_frame.find_up(np.zeros([4, 3]), pose[None], NAMES) == axis
    crooked = pose @ np.array([[1, 0, 0], [0, 0.8, 0.6], [0, -0.6, 0.8]])
    assert body_frame.find_up(crooked, pose[None], NAMES) == axis


@pytest.mark.parametrize("names", [("a", "b", "c", "d"), ("a", "LeftFoot", "b", "c")])
def test_up_is_y_by_default(names):
    assert body_frame.find_up(STANDING, STANDING[None], names) == "y"


def test_given_unit_and_axis_are_used():
    options = {"rest_pose": STANDING, "joint_names": NAMES, "parents": (-1, 0, 0, 0)}
    positions = body_frame.to_mm_and_z_up(STANDING[None], unit_mm=2.0, up="y", **options)
    np.testing.assert_allclose(positions[0], 2.0 * STANDING[:, [0, 2, 1]] * [1, -1, 1])
    guessed = body_frame.to_mm_and_z_up(STANDING[None], unit_mm=None, up=None, **options)
    np.testing.assert_allclose(guessed[0], 1000.0 * STANDING)


@pytest.mark.parametrize("unit_mm", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_units_are_refused(unit_mm):
    with pytest.raises(ValueError, match="`unit_mm` must be positive"):
        body_frame.to_mm_and_z_up(
            STANDING[None], STANDING, NAMES, (-1, 0, 0, 0), unit_mm=unit_mm, up="y"
        )
