"""Deviations grow with the misfit, and with the unknown ray to the person."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import transform

import tf_lift
from tf_lift.ops.lift import calibration
from tf_lift.ops.lift.options import ReadOut

STDDEV = tf.constant([[0.0, 30.0]] * 5)
MISFIT = tf.constant([0.0, 0.2, 1.2, np.inf, np.nan])
DIMENSIONS = tf.constant([32.0, 12.0, 2.0, 0.0, 32.0])


def expected(factor=1.0):
    grown = [
        30 * factor * (calibration.GROWTH * misfit + calibration.FEW / count**0.5)
        for misfit, count in ((0.0, 32), (0.2, 12), (1.2, 2))
    ]
    # Landmarks that determine no pose have the deviations of the prior.
    return [*grown, 30, np.nan]


@pytest.mark.parametrize(
    ("read_out", "factor"),
    [
        (ReadOut("mean"), 1.0),
        (ReadOut("map"), calibration.SINGLE),
        (ReadOut("mean", parents=(-1, 0)), calibration.BONES),
        (ReadOut("min_energy", parents=(-1, 0)), calibration.BONES * calibration.SINGLE),
    ],
)
def test_deviations_grow_with_the_misfit(read_out, factor):
    found = calibration.calibrate(STDDEV, MISFIT, DIMENSIONS, read_out).numpy()
    np.testing.assert_allclose(found[:, 1], expected(factor), rtol=1e-6)
    np.testing.assert_array_equal(found[:4, 0], 0)


def test_an_unknown_ray_adds_its_variance(rng):
    joints = rng.normal(0.0, 300.0, [5, 2, 3])
    joints[:, 0] = 0
    joints_3d = tf.constant(joints, tf.float32)
    found = calibration.calibrate(STDDEV, MISFIT, DIMENSIONS, ReadOut("mean"), joints_3d)
    # What small turns of the camera about its x and y axes move the joint by.
    moved = [
        transform.Rotation.from_rotvec(1e-6 * np.eye(3)[axis]).apply(joints[:, 1]) - joints[:, 1]
        for axis in (0, 1)
    ]
    variance = (1e6 * calibration.RAY_STDDEV) ** 2 * (np.square(moved)).sum((0, 2))
    variance[3] = 0
    total = np.sqrt(np.square(expected()) + variance)
    np.testing.assert_allclose(found[:, 1], total, rtol=1e-4)
    np.testing.assert_array_equal(found[:4, 0], 0)


def test_deviations_have_no_gradient(rng):
    joints = tf.constant(rng.normal(0.0, 300.0, [5, 2, 3]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([STDDEV, MISFIT, joints])
        found = calibration.calibrate(STDDEV, MISFIT, DIMENSIONS, ReadOut("mean"), joints)
    assert tape.gradient(found, [STDDEV, MISFIT, joints]) == [None] * 3


@pytest.mark.parametrize(
    ("camera", "is_unknown"),
    [
        (None, True),
        (tf_lift.Camera(pitch=0.1, roll=0.0), True),
        (tf_lift.Camera(1000.0, (0.0, 0.0)), False),
        ("level", False),
    ],
)
def test_only_cameras_of_unknown_rays_add_it(tiny_prior, monkeypatch, rng, camera, is_unknown):
    pose = tiny_prior.mean_pose[0]
    landmarks = 0.3 * pose[:, [0, 2]] * [1, -1] + rng.normal(0.0, 2.0, [2, 17, 2])
    lift = functools.partial(tf_lift.lift, landmarks, tiny_prior, num_rotations=8, camera=camera)
    found = lift()
    monkeypatch.setattr(calibration, "RAY_STDDEV", 0.0)
    known = lift()["joints_3d_stddev"].numpy()
    monkeypatch.undo()
    added = calibration.ray_variance(found["joints_3d"]).numpy() if is_unknown else 0.0
    total = np.sqrt(known**2 + added)
    np.testing.assert_allclose(found["joints_3d_stddev"], total, rtol=1e-5)
