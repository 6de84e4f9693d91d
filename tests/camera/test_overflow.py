"""Landmarks that overflow: no pose, and a gradient of zero, whatever is known of the camera."""

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift import Camera

CAMERAS = [
    None,
    "level",
    Camera(1000.0, image_size=(600, 800)),
    Camera(1000.0, image_size=(600, 800), pitch=0.1, roll=0.0),
]


@pytest.mark.parametrize("camera", CAMERAS)
def test_huge_landmarks_have_no_pose_and_no_gradient(tiny_prior, camera):
    landmarks = 0.3 * tiny_prior.sample(3, seed=0)[..., [0, 2]] * [1, -1] + [300, 400]
    landmarks[1] = 1e38 * np.sign(landmarks[1] - [300, 400])
    landmarks[2, 5] = 1e38
    landmarks = tf.constant(landmarks, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        lifted = tf_lift.lift(landmarks, tiny_prior, camera=camera)
        total = tf.reduce_sum(lifted["joints_3d"][0] ** 2) + tf.reduce_sum(lifted["joints_3d"][1])
    gradient = tape.gradient(total, landmarks).numpy()
    np.testing.assert_array_equal(lifted["mixture_index"][1:], [-1, -1])
    assert np.isfinite(lifted["joints_3d"][0]).all()
    assert np.isnan(lifted["joints_3d"][1:]).all() and np.isnan(lifted["misfit"][1:]).all()
    assert np.isfinite(gradient).all() and np.any(gradient[0])
    np.testing.assert_array_equal(gradient[1:], 0)
