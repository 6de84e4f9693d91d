"""Priors narrowed to the marks of a convention."""

import dataclasses

import numpy as np
import pytest

import tf_lift
from tf_lift import skeletons
from tf_lift.prior.gaussian import symmetry
from tf_lift.prior.narrowing import marks_map, narrow, typical_proportions

SKELETON = skeletons.CMU_17
INDEX = {name: index for index, name in enumerate(SKELETON.joint_names)}


def moments(prior):
    flat = (prior.basis * prior.stddev[..., None, None]).reshape(*prior.stddev.shape, -1)
    return prior.mean_pose, np.swapaxes(flat, 1, 2) @ flat


@pytest.mark.parametrize("name", ["h36m17", "coco17", "openpose25", "mediapipe33", "lsp14"])
def test_a_narrowed_prior_has_the_proportions_of_the_convention(cmu_prior, name):
    typical = typical_proportions(narrow(cmu_prior, name))
    for part, (low, high) in skeletons.get(name).proportions.items():
        assert typical[part] == pytest.approx((low + high) / 2, rel=5e-3)


def test_the_narrowed_moments_are_those_of_the_moved_joints(cmu_prior):
    narrowed = narrow(cmu_prior, "coco17")
    own, wanted = typical_proportions(cmu_prior), skeletons.COCO_17.proportions
    mean, covariance = moments(cmu_prior)

    # Joint by joint, as the words say it.
    def moved(poses):
        poses = poses - poses[..., :1, :]
        made = poses.copy()
        for part, (left, right) in {
            "hips": ("left_hip", "right_hip"),
            "shoulders": ("left_shoulder", "right_shoulder"),
        }.items():
            factor = sum(wanted[part]) / 2 / own[part]
            ends = [INDEX[left], INDEX[right]]
            middle = poses[..., ends, :].mean(-2, keepdims=True)
            made[..., ends, :] = middle + factor * (poses[..., ends, :] - middle)
        factor = sum(wanted["forearm"]) / 2 / own["forearm"]
        for side in ("left", "right"):
            elbow, wrist = (INDEX[f"{side}_{part}"] for part in ("elbow", "wrist"))
            made[..., wrist, :] = poses[..., elbow, :] + factor * (
                poses[..., wrist, :] - poses[..., elbow, :]
            )
        return made

    found_mean, found_covariance = moments(narrowed)
    np.testing.assert_allclose(found_mean, moved(mean), atol=1e-6)
    rows = covariance.reshape(cmu_prior.mixture_size, 51, 17, 3)
    half = moved(rows).reshape(cmu_prior.mixture_size, 51, 51).swapaxes(1, 2)
    expected = moved(half.reshape(rows.shape)).reshape(covariance.shape)
    np.testing.assert_allclose(found_covariance, expected, atol=1e-5)
    np.testing.assert_array_equal(narrowed.noise_stddev, cmu_prior.noise_stddev)


def test_narrowing_again_changes_next_to_nothing(cmu_prior):
    narrowed = narrow(cmu_prior, "coco17")
    again = narrow(narrowed, "coco17")
    np.testing.assert_allclose(again.mean_pose, narrowed.mean_pose, atol=0.1)


def test_a_narrowed_prior_stays_its_own_mirror_image(cmu_prior):
    assert symmetry.mirror_error(narrow(cmu_prior, "mediapipe33"), SKELETON) < 1e-6


def test_names_follow_the_joints(cmu_prior):
    assert narrow(cmu_prior, "h36m17").skeleton == "h36m17"
    assert narrow(cmu_prior, "coco17").skeleton == "cmu17"
    assert narrow(cmu_prior, "coco17") is narrow(cmu_prior, skeletons.COCO_17)


@pytest.mark.parametrize("name", ["cmu17", "mpi_inf_3dhp17"])
def test_own_or_unknown_proportions_change_nothing(cmu_prior, name):
    assert narrow(cmu_prior, name) is cmu_prior


def test_a_prior_without_legs_is_left_alone():
    sticks = skeletons.Skeleton("sticks", ("a", "b", "c"), (-1, 0, 1))
    assert typical_proportions(dataclasses.make_dataclass("Prior", ["skeleton"])(sticks)) == {}


def test_neck_and_head_move_together():
    weights = marks_map(SKELETON, {"neck": 1.5, "head": 2.0})
    pose = np.zeros([17, 3])
    pose[[INDEX[name] for name in ("thorax", "neck_nose", "head_top")], 2] = 500, 600, 700
    np.testing.assert_allclose((weights @ pose)[INDEX["neck_nose"], 2], 650)
    np.testing.assert_allclose((weights @ pose)[INDEX["head_top"], 2], 850)
    np.testing.assert_allclose(weights.sum(1), 1)


def test_the_lift_narrows_to_the_skeleton_of_its_landmarks(cmu_prior, rng):
    poses = cmu_prior.sample(20, seed=0)
    landmarks = rng.normal(size=[20, 17, 2])
    names = skeletons.COCO_17.joint_names
    for joint, name in enumerate(names):
        if name in INDEX:
            landmarks[:, joint] = poses[:, INDEX[name]][:, [0, 2]] * [1, -1]
    landmarks[:, :5] = (poses[:, INDEX["head_top"]][:, [0, 2]] * [1, -1])[:, np.newaxis]
    lifted = tf_lift.lift(landmarks, cmu_prior, skeleton="coco17")["joints_3d"].numpy()
    points, visibility, _ = skeletons.convert(landmarks, "coco17", "cmu17")
    expected = tf_lift.lift(np.nan_to_num(points), narrow(cmu_prior, "coco17"), visibility)
    np.testing.assert_allclose(lifted, expected["joints_3d"].numpy(), atol=1e-3)
    own = tf_lift.lift(np.nan_to_num(points), cmu_prior, visibility)["joints_3d"].numpy()
    assert np.abs(lifted - own).max() > 5.0
