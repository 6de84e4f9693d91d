import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import mean_pose
from tf_lift.data.synthetic import views


@pytest.fixture(scope="module")
def prior():
    return tf_lift.PosePrior.load("cmu")


def test_the_pose_stands_and_faces_the_camera(prior):
    pose = mean_pose.facing(prior)
    np.testing.assert_array_equal(pose[0], 0)
    assert pose[10, 1] < pose[8, 1] < 0 < pose[2, 1] < pose[3, 1]  # y points down.
    assert pose[11, 0] > 100 > -100 > pose[14, 0]
    np.testing.assert_allclose(pose[11, 2], pose[14, 2])


@pytest.mark.parametrize("known", ["level", "attitude"])
def test_the_best_yaw_is_found_upright_in_the_known_attitude(prior, known):
    camera = tf_lift.Camera(1000.0, (0.0, 0.0), pitch=0.5, roll=0.2)
    pose = mean_pose.facing(prior)
    attitude = (0.5, 0.2) if known == "attitude" else (0.0, 0.0)
    world = pose @ views.view_rotation(0.0, 0.0, 0.0)
    yaws = np.radians([0.0, 40.0, 200.0])  # Multiples of the searched step of 5 degrees.
    truth = np.stack([world @ views.view_rotation(yaw, *attitude).T for yaw in yaws])
    arguments = (known, prior, truth, [camera], np.zeros(3, int))
    np.testing.assert_allclose(mean_pose.predict(*arguments, best_yaw=True), truth, atol=1e-6)
    facing = mean_pose.predict(*arguments)
    np.testing.assert_allclose(facing, np.broadcast_to(truth[0], truth.shape), atol=1e-6)
