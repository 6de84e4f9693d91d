import numpy as np
import pytest

from tf_lift.evaluation import baselines


def test_mean_pose_has_no_error_on_people_who_are_it(tiny_prior):
    # The component of weight 0.7, seen from the front at 0.1 px/mm around (40, 50).
    pose = tiny_prior.mean_pose[0]
    joints_3d = np.stack([pose[:, 0], -pose[:, 2], pose[:, 1]], -1)
    landmarks = joints_3d[:, :2] - joints_3d[:, :2].mean(0)
    people = {
        "landmarks": np.stack([0.1 * landmarks + [40, 50]] * 3),
        "joints_3d": np.stack([joints_3d] * 3),
    }
    errors = baselines.mean_pose(tiny_prior, people, people)
    assert errors["landmark_error_px"] == pytest.approx(0, abs=1e-4)
    assert errors["mpjpe_mm"] == pytest.approx(0, abs=1e-2)


def test_mean_pose_stands_at_the_mean_place_with_the_mean_size(tiny_prior):
    pose = tiny_prior.mean_pose[0]
    flat = np.stack([pose[:, 0], -pose[:, 2]], -1)
    flat -= flat.mean(0)
    train = {"landmarks": np.stack([0.1 * flat + [40, 50], 0.3 * flat + [60, 50]])}
    people = {
        "landmarks": (0.2 * flat + [53, 54])[None],
        "joints_3d": np.zeros([1, 17, 3]),
    }
    errors = baselines.mean_pose(tiny_prior, train, people)
    assert errors["landmark_error_px"] == pytest.approx(5)


def test_true_landmarks_are_lifted():
    people = {"landmarks": np.ones([2, 17, 2]), "joints_3d": np.zeros([2, 17, 3])}

    def lift(landmarks):
        import tensorflow as tf

        return {"joints_3d": tf.pad(landmarks, [[0, 0], [0, 0], [0, 1]])}

    errors = baselines.true_landmarks(lift, people)
    assert errors["landmark_error_px"] == 0
    assert errors["n_mpjpe_mm"] >= 0
