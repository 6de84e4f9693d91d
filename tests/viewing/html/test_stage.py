import dataclasses

import numpy as np
import pytest
from stage_poses import standing_poses

from tf_lift import skeletons
from tf_lift.ops.geometry import rotations
from tf_lift.viewing.html import stage as stages

HEAD = skeletons.H36M_17.joint_names.index("head_top")


def test_people_stand_where_they_were(tiny_prior):
    poses = standing_poses(tiny_prior, frames=3)
    stage = stages.arrange(poses)
    assert stage.is_placed and stage.rate_is_known
    np.testing.assert_allclose(stage.times, [0, 0.1, 0.2])
    np.testing.assert_allclose(stage.joints[1, 0] - stage.joints[0, 0], [2, 0, 0], atol=1e-9)
    # The feet are on the floor, and the head is as far above them as in the prior.
    height = np.ptp(tiny_prior.mean_pose[0][:, 2]) / 1000
    np.testing.assert_allclose(stage.joints[..., 2].min(1), 0, atol=1e-9)
    np.testing.assert_allclose(stage.joints[:, HEAD, 2], height, atol=1e-9)
    np.testing.assert_allclose(stage.stddev, 0.05)
    assert (stage.low <= stage.joints.min((0, 1))).all()
    assert (stage.high >= stage.joints.max((0, 1))).all()


def test_what_is_far_is_behind_and_what_is_right_is_right(tiny_prior):
    poses = standing_poses(tiny_prior, frames=1)
    root = np.array([[0.0, 400, 5000], [500, 400, 7000]])
    first, second = stages.arrange(dataclasses.replace(poses, root_position=root)).joints[:, 0]
    np.testing.assert_allclose(second - first, [0.5, 2, 0], atol=1e-9)


@pytest.mark.parametrize("placed", [True, False])
def test_the_camera_is_turned_upright(tiny_prior, placed):
    poses = standing_poses(tiny_prior, frames=2)
    expected = stages.arrange(poses if placed else dataclasses.replace(poses, root_position=None))
    pitch, roll = 0.4, -0.3
    level = rotations.world_to_camera(0.0)
    cos, sin = np.cos(roll), np.sin(roll)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turn = turn @ rotations.world_to_camera(0.0, pitch) @ level.T
    count = len(poses.scale)
    turned = dataclasses.replace(
        poses,
        joints_3d=poses.joints_3d @ turn.T,
        root_position=poses.root_position @ turn.T if placed else None,
        pitch=np.full(count, pitch),
        roll=np.full(count, roll),
    )
    np.testing.assert_allclose(stages.arrange(turned).joints, expected.joints, atol=1e-6)


def test_people_of_unknown_position_stand_side_by_side(tiny_prior):
    poses = standing_poses(tiny_prior, frames=2, people=3, root_position=None)
    # The last person is the leftmost in the image.
    landmarks = poses.projected_landmarks.copy()
    landmarks[poses.person == 2, :, 0] -= 500
    visibility = np.zeros_like(poses.visibility)
    changed = dataclasses.replace(poses, projected_landmarks=landmarks, visibility=visibility)
    stage = stages.arrange(changed)
    assert not stage.is_placed
    places = stage.joints[:3, 0, 0]
    np.testing.assert_allclose(np.diff(places[[2, 0, 1]]), 1.6)
    np.testing.assert_allclose(stage.joints[..., 2].min(1), 0, atol=1e-9)


def test_rows_are_sorted_and_missing_poses_vanish(tiny_prior):
    poses = standing_poses(tiny_prior, frames=4)
    joints_3d = poses.joints_3d.copy()
    joints_3d[3] = np.nan  # Person 1 of frame 1.
    order = np.random.default_rng(0).permutation(8)
    poses = dataclasses.replace(poses, joints_3d=joints_3d, frames=np.arange(6)).take(order)
    stage = stages.arrange(poses)
    assert stage.first_row.tolist() == [0, 2, 3, 5, 7, 7, 7]
    assert stage.person.tolist() == [0, 1, 0, 0, 1, 0, 1]
    assert stage.frame_numbers.tolist() == list(range(6))
    assert np.isfinite(stage.joints).all()


def test_people_share_a_slot_if_they_are_never_there_together(tiny_prior):
    poses = standing_poses(tiny_prior, frames=4, people=2)
    # Person 0 leaves before person 5 comes; person 1 is there all the time.
    person = np.where((poses.person == 0) & (poses.frame >= 2), 5, poses.person)
    stage = stages.arrange(dataclasses.replace(poses, person=person))
    assert stage.person_numbers.tolist() == [0, 1, 5]
    assert stage.slots.tolist() == [0, 1, 0]


def test_people_that_repeat_in_a_frame_are_numbered(tiny_prior):
    poses = standing_poses(tiny_prior, frames=2, people=3)
    stage = stages.arrange(dataclasses.replace(poses, person=None))
    assert stage.person.tolist() == [0, 1, 2] * 2


def test_rows_are_frames_where_nothing_else_is_known(tiny_prior):
    poses = standing_poses(tiny_prior, frames=3, people=1)
    stage = stages.arrange(dataclasses.replace(poses, frame=None, frames=None, fps=None))
    assert stage.first_row.tolist() == [0, 1, 2, 3]
    assert not stage.rate_is_known
    np.testing.assert_allclose(stage.times, [0, 0.04, 0.08])


def test_times_come_from_the_poses(tiny_prior):
    poses = standing_poses(tiny_prior, frames=3, people=1)
    time = np.array([5.0, 5.5, 6.0])
    poses = dataclasses.replace(poses, fps=None, time=time, frames=np.arange(5))
    np.testing.assert_allclose(stages.arrange(poses).times, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(stages.arrange(poses, fps=4).times, np.arange(5) / 4)


def test_nobody_is_an_empty_stage(tiny_prior):
    poses = standing_poses(tiny_prior, frames=3)
    stage = stages.arrange(poses.take(np.zeros(0, np.int64)))
    assert stage.joints.shape == (0, 17, 3)
    assert stage.first_row.tolist() == [0, 0, 0, 0]
    assert np.isfinite([stage.low, stage.high]).all()


def test_bad_rate(tiny_prior):
    with pytest.raises(ValueError, match=r"`fps` must be positive. Received: -1"):
        stages.arrange(standing_poses(tiny_prior), fps=-1)
