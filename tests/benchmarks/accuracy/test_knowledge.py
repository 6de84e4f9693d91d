import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import camera_views, knowledge, measures

OPTIONS: dict = {}


@pytest.fixture(scope="module")
def prior():
    return tf_lift.PosePrior.load("cmu")


@pytest.fixture(scope="module")
def views(prior):
    rng = np.random.default_rng(0)
    poses = prior.sample(20, seed=1)
    return camera_views.make_views(poses, rng, 20, num_cameras=2, conventions=["cmu"])


def lifted(known, views, prior):
    return knowledge.lift(
        known,
        views.landmarks,
        views.visibility,
        prior,
        views.cameras,
        views.camera_index,
        **OPTIONS,
    )


@pytest.fixture(scope="module")
def calibrated(prior, views):
    return lifted("calibrated", views, prior)


def test_the_common_camera_gives_what_each_own_does(prior, views, calibrated):
    found = calibrated
    for number, camera in enumerate(views.cameras):
        rows = views.camera_index == number
        direct = tf_lift.lift(
            views.landmarks[rows], prior, views.visibility[rows], camera=camera, **OPTIONS
        )
        np.testing.assert_allclose(found.joints_3d[rows], direct["joints_3d"], atol=0.1)
        # The misfit compares sizes with those at the pitches of the camera's own tables.
        np.testing.assert_allclose(found.stddev[rows], direct["joints_3d_stddev"], rtol=0.03)


def test_knowledge_helps(prior, views, calibrated):
    level, attitude = (lifted(known, views, prior) for known in ("level", "attitude"))
    errors = [
        measures.measure(found.joints_3d, views.joints_3d)["mpjpe_mm"]
        for found in (level, attitude, calibrated)
    ]
    assert errors[0] > errors[1] + 5 > errors[2] + 10


def test_a_level_camera_needs_no_attitude(prior, views):
    camera = tf_lift.Camera(1000.0, (500.0, 500.0), pitch=0.0, roll=0.0)
    arguments = (views.landmarks, views.visibility, prior, [camera])
    level, attitude = (
        knowledge.lift(known, *arguments, **OPTIONS) for known in ("level", "attitude")
    )
    # Other candidates, between whose angles each turns on its own.
    assert np.median(np.abs(attitude.joints_3d - level.joints_3d)) < 5


def test_bad_knowledge(prior, views):
    with pytest.raises(ValueError, match="`knowledge` must be one of"):
        lifted("all", views, prior)
