"""Checks that numbers can be the poses of a person."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion import pose_checks
from tf_lift.data.synthetic import bodies
from tf_lift.skeletons import COCO_17, H36M_17

POSES = mocap_files.walk()


def test_a_person_passes():
    pose_checks.check_finite(POSES)
    pose_checks.check_unit(POSES, H36M_17)
    pose_checks.check_upright(POSES, H36M_17)
    pose_checks.check_sides(POSES, H36M_17)
    assert not pose_checks.frozen_frames(POSES, 50.0).any()
    assert not pose_checks.has_starting_pose(POSES, 50.0)


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        (1 / 1000, "it would fit metres"),
        (1 / 10, "it would fit centimetres"),
        (1 / 15, "it would fit centimetres or inches"),
        (1 / 25.4, "it would fit inches or centimetres"),
        (1000 * 4100 / 4171, "1e\\+03 times that of an adult"),
    ],
)
def test_the_unit_that_fits_best_comes_first(factor, hint):
    with pytest.raises(ValueError, match=rf"millimetres.*Received: [\d.e+]+ \({hint}\)"):
        pose_checks.check_unit(POSES * factor, H36M_17)


def test_the_unit_that_was_used_counts():
    with pytest.raises(ValueError, match=r"\(it would fit millimetres\)"):
        pose_checks.check_unit(POSES * 1000.0, H36M_17, used_mm=1000.0)


@pytest.mark.parametrize("other", [s for s in skeletons.SKELETONS.values() if s.num_joints == 17])
def test_joints_in_the_order_of_another_skeleton_are_found(other):
    # The person's joints, where the other skeleton has them, and else its nose.
    poses = np.repeat(POSES[:, [9]] + [90.0, 0.0, 60.0], 17, axis=1)
    for index, name in enumerate(other.joint_names):
        if name in H36M_17.joint_names:
            poses[:, index] = POSES[:, H36M_17.joint_names.index(name)]
        elif "_e" in name:
            poses[:, index] += np.array([-60.0, 60.0 if "left" in name else -60.0, 30.0])
    if other.joint_names == H36M_17.joint_names:
        pose_checks.check_sides(poses, H36M_17)
        return
    with pytest.raises(ValueError, match="joints of 'h36m17' in its order, left and right alike"):
        pose_checks.check_sides(poses, H36M_17)


def test_sides_may_differ_as_those_of_people_do():
    poses = POSES.copy()
    poses[:, 3] = poses[:, 2] + 0.6 * (poses[:, 3] - poses[:, 2])
    pose_checks.check_sides(poses, H36M_17)
    poses[:, 3] = poses[:, 2] + 0.4 * (poses[:, 3] - poses[:, 2])
    with pytest.raises(ValueError, match=r"Received: 43\d(\.\d)? from left_knee to left_ankle"):
        pose_checks.check_sides(poses, H36M_17)


def test_of_few_poses_only_gross_differences_count():
    poses = POSES[:9].copy()
    poses[:, 3] = poses[:, 2] + 0.4 * (poses[:, 3] - poses[:, 2])
    pose_checks.check_sides(poses, H36M_17)
    with pytest.raises(ValueError, match="left and right alike"):
        pose_checks.check_sides(np.repeat(poses, 2, axis=0), H36M_17)
    poses[:, 3] = poses[:, 2] + 0.5 * (poses[:, 3] - poses[:, 2])
    with pytest.raises(ValueError, match="left and right alike"):
        pose_checks.check_sides(poses, H36M_17)


def test_skeletons_without_a_head_over_ankles_pass_whatever_is_up():
    hands = skeletons.Skeleton("hands", ("left_wrist", "right_wrist"), (-1, 0))
    pose_checks.check_upright(np.zeros([3, 2, 3]), hands)
    with pytest.raises(ValueError, match="z up"):
        pose_checks.check_upright(np.zeros([3, 17, 3]), COCO_17)


@pytest.mark.parametrize(
    ("values", "fps", "frozen"),
    [
        ([0, 1, 2, 3], 4.0, []),
        ([0, 1, 1, 2], 4.0, []),
        ([0, 1, 1, 1, 2], 4.0, [2, 3]),
        ([0, 1, 1, 1, 2], 20.0, []),
        ([5, 5, 5, 5, 5, 1, 2, 7, 7, 7, 7, 7], 20.0, [1, 2, 3, 4, 8, 9, 10, 11]),
        ([3, 3, 3], 4.0, [1, 2]),
        ([3], 4.0, []),
    ],
)
def test_frozen_frames(values, fps, frozen):
    positions = np.zeros([len(values), 2, 3])
    positions[:, 1, 2] = values
    np.testing.assert_array_equal(np.flatnonzero(pose_checks.frozen_frames(positions, fps)), frozen)


def test_a_reference_pose_is_not_part_of_the_motion():
    posed = mocap_files.walk(30, fps=120.0)
    posed[0, 13] = posed[0, 12] + [0.0, 280.0, 0.0]
    posed[0, 16] = posed[0, 15] + [900.0, 0.0, 0.0]
    assert pose_checks.has_starting_pose(posed, 120.0)
    # The same between slow frames can be a motion.
    assert not pose_checks.has_starting_pose(posed, 10.0)
    # A jump of the whole person does not count.
    jumped = mocap_files.walk(30, fps=120.0)
    jumped[0] += 5000.0
    assert not pose_checks.has_starting_pose(jumped, 120.0)
    assert not pose_checks.has_starting_pose(posed[:2], 120.0)
    # Continuing noise is not a reference pose.
    posed[1::2, 16] += 900.0
    assert not pose_checks.has_starting_pose(posed, 120.0)


def test_the_height_of_who_stands_somewhere_is_that_of_standing(poses):
    standing = np.linalg.norm(poses[:, 10] - poses[:, [3, 6]].mean(axis=1), axis=-1)
    height = pose_checks.height(poses, H36M_17)
    assert height >= np.quantile(standing, 0.95)
    assert height < 1.1 * standing.max()
    assert pose_checks.height(2.0 * poses, H36M_17) == pytest.approx(2.0 * height)


def test_the_height_of_who_sits_is_that_of_the_bones(poses):
    straight = np.repeat(bodies.STANDING[None].astype(float), 5, axis=0)
    sitting = straight.copy()
    for hip, knee, ankle in ((1, 2, 3), (4, 5, 6)):
        thigh = np.linalg.norm(straight[0, knee] - straight[0, hip])
        sitting[:, knee] = sitting[:, hip] + [0.0, -thigh, 0.0]
        shin = straight[0, ankle] - straight[0, knee]
        sitting[:, ankle] = sitting[:, knee] + shin
    assert np.linalg.norm(sitting[0, 10] - sitting[0, 3]) < 1400
    assert pose_checks.height(sitting, H36M_17) == pytest.approx(
        pose_checks.height(straight, H36M_17), rel=0.06
    )


def test_a_skeleton_without_a_head_has_no_height(poses):
    trunk = skeletons.Skeleton("trunk", ("left_hip", "right_hip"), (-1, 0))
    assert np.isnan(pose_checks.height(poses[:, [4, 1]], trunk))
    assert pose_checks.check_height(float("nan")) == ""


def test_odd_heights_are_remarked_and_impossible_ones_refused():
    assert pose_checks.check_height(1300.0) == pose_checks.check_height(1800.0) == ""
    remark = pose_checks.check_height(1082.0, 25.4)
    assert remark.startswith("1,082 mm from ankles to head in the unit taken, inch: adults have")
    assert "`--unit`" in remark
    assert "37 mm" in pose_checks.check_height(1900.0, 37.0)
    for height in (400.0, 2500.0):
        with pytest.raises(ValueError, match="a person must have 550 to 2,400 mm from ankles"):
            pose_checks.check_height(height)
