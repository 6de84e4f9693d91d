"""Warnings about cameras that did not take the landmarks."""

import warnings

import numpy as np
import pytest

import tf_lift
from tf_lift.inference import misfits, poses

CAMERA = tf_lift.Camera(1200.0, image_size=(1280, 960), pitch=0.1, roll=0.0)


@pytest.fixture(scope="module")
def seen():
    """A prior, and landmarks `[8, 17, 2]` that `CAMERA` sees of people 2.5 m away."""
    prior = tf_lift.PosePrior.load("cmu")
    joints = prior.sample(8, seed=3)
    # The camera looks down: right, down, away.
    axes = np.array([[1, 0, 0], [0, -np.sin(0.1), -np.cos(0.1)], [0, np.cos(0.1), -np.sin(0.1)]])
    placed = joints @ axes.T + [300.0, 0.0, 2500.0]
    return prior, 1200.0 * placed[..., :2] / placed[..., 2:] + [639.5, 479.5]


def lifted(seen, camera):
    prior, landmarks = seen
    return poses.lift_landmarks(landmarks, prior, camera=camera)


def test_the_right_camera_fits(seen):
    with warnings.catch_warnings():
        warnings.simplefilter("error", misfits.MisfitWarning)
        assert misfits.warn_of_camera(lifted(seen, CAMERA), CAMERA) < 30


def test_a_wrong_calibration_is_named(seen):
    wrong = tf_lift.Camera(200.0, image_size=(1280, 960), pitch=-0.9, roll=1.2)
    found = lifted(seen, wrong)
    with pytest.warns(misfits.MisfitWarning, match="the camera does not fit .* Check its focal"):
        distance = misfits.warn_of_camera(found, wrong)
    apart = np.linalg.norm(found.landmarks - found.projected_landmarks, axis=-1)
    expected = np.median(np.sqrt(np.nanmean(apart**2, -1)) / found.scale)
    assert distance == pytest.approx(expected)


def test_what_cannot_be_checked_is_not(seen):
    found = lifted(seen, CAMERA)
    for camera in (None, "level", tf_lift.Camera(pitch=0.1, roll=0.0)):
        assert misfits.warn_of_camera(found, camera) is None
    assert misfits.warn_of_camera(found.take(np.zeros(0, int)), CAMERA) is None
