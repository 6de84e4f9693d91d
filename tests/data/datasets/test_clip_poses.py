"""Poses taken from one clip: how many, which, and which not."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.datasets import clip_poses
from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion

H36M = skeletons.H36M_17


def clip(poses, fps=50.0):
    return gaps.make(poses, joint_names=H36M.joint_names, parents=H36M.parents, fps=fps)


@pytest.mark.parametrize(
    ("num_frames", "source_fps", "fps", "expected"),
    [
        (148, 120.0, 10.0, range(0, 148, 12)),
        (145, 120.0, 10.0, range(0, 145, 12)),
        (37, 120.00048, 10.0, [0, 12, 24, 36]),
        (20, 29.97, 10.0, [0, 3, 6, 9, 12, 15, 18]),
        (11, 25.0, 10.0, [0, 2, 5, 7, 10]),
        (4, 25.0, 10.0, [0, 2]),
        (8, 60.0, 40.0, [0, 1, 3, 4, 6, 7]),
        (5, 50.0, None, range(5)),
        (5, 8.0, 10.0, range(5)),
        (5, 9.99, 10.0, range(5)),
        (1, 120.0, 10.0, [0]),
    ],
)
def test_frames_nearest_in_time(num_frames, source_fps, fps, expected):
    found = clip_poses.frame_choice(num_frames, source_fps, fps)
    np.testing.assert_array_equal(found, list(expected))


def test_every_choice_is_the_nearest_frame(rng):
    for _ in range(50):
        count, source_fps = rng.integers(1, 400), rng.uniform(15.0, 240.0)
        fps = rng.uniform(0.5, 0.98) * source_fps
        indices = clip_poses.frame_choice(count, source_fps, fps)
        ideal = np.arange(len(indices)) * source_fps / fps
        assert np.abs(indices - ideal).max() <= 0.5 + 1e-6
        assert np.all(np.diff(indices) > 0)
        # Every time of the clip has its pose.
        assert len(indices) * source_fps / fps > count - 1


def test_poses_are_frames_of_the_clip():
    poses = mocap_files.walk(60)
    taken = clip_poses.take(clip(poses), H36M, fps=10.0)
    np.testing.assert_array_equal(taken.poses, poses[::5])
    np.testing.assert_array_equal(taken.frame, np.arange(12))
    assert (taken.fps, taken.notes) == (10.0, ())
    assert taken.joint_names == H36M.joint_names


def test_a_lower_rate_is_kept_and_noted():
    taken = clip_poses.take(clip(mocap_files.walk(20, fps=5.0), fps=5.0), H36M, fps=10.0)
    assert (len(taken.poses), taken.fps) == (20, 5.0)
    assert taken.notes == ("has 5 frames per second, fewer than asked: all are taken",)


def test_frames_that_lack_a_joint():
    poses = mocap_files.walk(60)
    poses[[10, 11, 15, 31], 13] = np.nan
    motion = clip(poses)
    with pytest.raises(ValueError, match="2 of 12 poses lack a joint, the first left_wrist in fra"):
        clip_poses.take(motion, H36M, fps=10.0)

    taken = clip_poses.take(motion, H36M, fps=10.0, drop_bad_frames=True)

    np.testing.assert_array_equal(taken.frame, [0, 1, *range(4, 12)])
    np.testing.assert_array_equal(taken.poses, poses[[0, 5, *range(20, 60, 5)]])
    assert "2 of 12 poses lack a joint, the first left_wrist in frame 10: left out" in taken.notes
    # Frames that are not selected do not matter.
    poses[[10, 15]] = mocap_files.walk(60)[[10, 15]]
    assert clip_poses.take(clip(poses), H36M, fps=10.0).notes == ()
    with pytest.raises(ValueError, match="no frame is left that has all joints"):
        clip_poses.take(
            clip(poses * np.where(np.arange(17) == 3, np.nan, 1)[:, None]),
            H36M,
            drop_bad_frames=True,
        )


def test_a_marker_that_plays_no_part_may_be_missing():
    poses = mocap_files.walk(10)
    extra = np.full([10, 1, 3], np.nan)
    motion = gaps.make(
        np.concatenate([poses, extra], axis=1), joint_names=(*H36M.joint_names, "toy"), fps=50.0
    )
    np.testing.assert_array_equal(clip_poses.take(motion, H36M).poses, poses)


def test_frozen_frames_are_noted_or_left_out():
    poses = mocap_files.walk(100)
    poses[41:71] = poses[40]
    taken = clip_poses.take(clip(poses), H36M, fps=10.0)
    assert len(taken.poses) == 20
    assert taken.notes == (
        "stands still for 0.60 s, first from frame 40: leave it out with `--drop-bad-frames`",
    )
    taken = clip_poses.take(clip(poses), H36M, fps=10.0, drop_bad_frames=True)
    np.testing.assert_array_equal(taken.frame, [*range(9), *range(15, 20)])
    assert taken.notes == ("stands still for 0.60 s, first from frame 40: left out",)


def test_a_reference_pose_is_left_out_and_noted():
    poses = mocap_files.walk(61, fps=120.0)
    expected = poses[1::12].copy()
    poses[0, [13, 16]] += [0.0, 0.0, 900.0]
    taken = clip_poses.take(clip(poses, fps=120.0), H36M, fps=10.0)
    np.testing.assert_array_equal(taken.poses, expected)
    np.testing.assert_array_equal(taken.frame, np.arange(5))
    assert "reference pose" in taken.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: p / 1000,
            "millimetres.*it would fit metres.; give the file's unit with `--unit`",
        ),
        (lambda p: p[..., [0, 2, 1]], "z up.*seems to be y.; give the file's up axis with `--up`"),
        (lambda p: p[:, ::-1], "in its order, left and right alike"),
    ],
)
def test_poses_that_are_not_human_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        clip_poses.take(clip(change(mocap_files.walk(20))), H36M)


def test_a_person_who_lies_passes_where_up_is_given():
    lying = mocap_files.walk(20)[..., [2, 1, 0]] * [1, 1, -1]
    taken = clip_poses.take(clip(lying), H36M, up="z")
    assert len(taken.poses) == 20
    assert taken.notes[0].startswith(
        "is `--up z` right, or does the person lie? `poses` must have z up. Received: 0%"
    )


def test_own_joints_are_kept_unchanged():
    motion = Motion(np.arange(60.0).reshape(10, 2, 3), ("a", "b"), (-1, 0), fps=50.0)
    taken = clip_poses.take(motion, None)
    np.testing.assert_array_equal(taken.poses, motion.positions)
    assert (taken.joint_names, taken.parents) == (("a", "b"), (-1, 0))


def test_other_joints_are_named():
    motion = Motion(mocap_files.walk(10)[:, :2], ("paw", "tail"), (-1, 0), fps=50.0)
    with pytest.raises(ValueError, match="no known map to h36m17.*Received: the joints paw, tail"):
        clip_poses.take(motion, H36M)
