import numpy as np
import pytest

from tf_lift.data.synthetic import views


def test_view_rotation_follows_the_convention():
    level = views.view_rotation(0.0, 0.0, 0.0)
    np.testing.assert_allclose(level @ [1, 2, 3], [1, -3, 2])
    # Viewed from above, the top of an upright object is nearer to the camera.
    above = views.view_rotation(0.4, np.pi / 6, 0.0)
    np.testing.assert_allclose(above @ [0, 0, 1], [0, -np.cos(np.pi / 6), -0.5], atol=1e-12)
    # A roll rotates x (right) towards y (down).
    rolled = views.view_rotation(0.0, 0.0, np.pi / 2)
    np.testing.assert_allclose(rolled @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    # Yaw is a rotation about the vertical, x towards y (away).
    turned = views.view_rotation(np.pi / 2, 0, 0)
    np.testing.assert_allclose(turned @ [1, 0, 0], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("ray", [(0, 0, 1), (0.3, -0.2, 1), (-2, 1, 0.5)])
def test_ray_rotation_is_the_smallest_rotation(ray):
    ray = np.array(ray, float)
    rotation = views.ray_rotation(ray)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ ray, [0, 0, np.linalg.norm(ray)], atol=1e-12)
    # Its angle is exactly that between ray and z axis.
    angle = np.arccos((np.trace(rotation) - 1) / 2)
    assert angle == pytest.approx(np.arccos(ray[2] / np.linalg.norm(ray)))


def test_the_middle_of_the_crop_is_the_central_ray(rng):
    root = np.array([300.0, -200.0, 4000.0])
    camera = views.crop_camera(root, np.array([0.12, -0.03, 0.4]), 100)
    # A point on the ray at the box's centre: in the middle of the image, x = y = 0.
    point = np.array([0.12, -0.03, 1.0]) * 3000 - root
    np.testing.assert_allclose(camera.project(camera.ray_rotation @ point), [49.5, 49.5])
    # The border of the box is the border of the image.
    corner = np.array([0.12 + 0.2, -0.03 - 0.2, 1.0]) * 3000 - root
    np.testing.assert_allclose(camera.project(camera.ray_rotation @ corner), [99.5, -0.5])
