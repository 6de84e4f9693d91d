"""`tf_lift.lift`: from a prior, in whatever precision and mode."""

import numpy as np
import pytest
import tensorflow as tf

import tf_lift


def make_landmarks(num_poses):
    poses = tf_lift.PosePrior.load().sample(num_poses, seed=4)
    return 0.3 * poses[..., [0, 2]] * [1, -1] + 200


def test_precision_follows_landmarks():
    prior = tf_lift.PosePrior.load()
    landmarks = make_landmarks(2)
    exact = tf_lift.lift(landmarks, prior)
    rounded = tf_lift.lift(landmarks.astype("float32"), prior)
    assert exact["joints_3d"].dtype == tf.float64
    assert rounded["joints_3d"].dtype == tf.float32
    np.testing.assert_allclose(rounded["joints_3d"], exact["joints_3d"], atol=0.1)
    assert tf_lift.lift(landmarks.astype("int32"), prior)["joints_3d"].dtype == tf.float32


def test_compiled_with_a_prior_outside():
    prior = tf_lift.PosePrior.load()
    landmarks = tf.constant(make_landmarks(3), tf.float32)

    @tf.function(jit_compile=True)
    def lift(landmarks):
        return tf_lift.lift(landmarks, prior, num_rotations=40)["joints_3d"]

    expected = tf_lift.lift(landmarks, prior, num_rotations=40)["joints_3d"]
    np.testing.assert_allclose(lift(landmarks), expected, atol=0.1)


def test_recovers_the_poses_of_the_prior():
    """Poses of the model seen without noise: in depth too, all but what cannot be seen."""
    prior = tf_lift.PosePrior.load()
    poses = prior.sample(200, seed=3)
    true = poses[..., [0, 2, 1]] * [1, -1, 1]
    result = tf_lift.lift(0.3 * true[..., :2] + 250, prior)
    error = np.linalg.norm(result["joints_3d"] - true, axis=-1)
    baseline = np.linalg.norm(true - true.mean(0), axis=-1)
    assert np.median(error) < 0.5 * np.median(baseline)
    np.testing.assert_allclose(np.median(result["scale"]), 0.3, rtol=0.05)
    # The deviation is calibrated: most of the truth within one, nearly all within three.
    within = error[:, 1:] / result["joints_3d_stddev"].numpy()[:, 1:]
    assert 0.55 < np.mean(within < 1) < 0.9
    assert np.mean(within < 3) > 0.95


def test_landmarks_of_another_skeleton(tiny_prior, rng):
    landmarks = np.float32(rng.uniform(0, 300, [2, 17, 2]))
    visible = np.tile(np.arange(17) != 9, [2, 1])
    converted, seen, _ = tf_lift.skeletons.convert(landmarks, "coco17", "h36m17", visible)
    expected = tf_lift.lift(np.float32(converted), tiny_prior, seen, num_rotations=8)

    lifted = tf_lift.lift(landmarks, tiny_prior, visible, num_rotations=8, skeleton="coco17")

    np.testing.assert_allclose(lifted["joints_3d"], expected["joints_3d"], atol=1e-2)
    assert not np.asarray(seen).all()
    with pytest.raises(ValueError, match="skeleton"):
        tf_lift.lift(landmarks, tiny_prior, skeleton="nobody")
