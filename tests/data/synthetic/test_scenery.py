"""The floor, its shadow, and the noise of a camera."""

import numpy as np

from tf_lift.data.synthetic import scenery, views

UP = np.array([0.0, -1.0, 0.0])
LIGHT = {"direction": np.array([0.6, -0.8, 0.0], np.float32)}


def test_the_shadow_lies_on_the_floor_along_the_light(rng):
    points = rng.uniform(-500, 500, [3, 100]).astype(np.float32) + [[0], [300], [4000]]
    ground = scenery.Ground.below(points.astype(np.float32), UP, LIGHT, rng)
    np.testing.assert_allclose(ground.height, points[1].max(), rtol=1e-6)
    np.testing.assert_allclose(ground.shadow[1], ground.height, rtol=1e-4)
    # A point that is h above the floor has its shadow h * 0.6 / 0.8 away from the light.
    fall = points[1].max() - points[1]
    np.testing.assert_allclose(ground.shadow[0], points[0] - fall * 0.75, atol=0.1)
    np.testing.assert_allclose(ground.shadow[2], points[2])


def test_backgrounds_are_pixels(rng):
    camera = views.crop_camera(np.array([0, 0, 4000.0]), np.array([0.0, 0.0, 0.6]), 32)
    points = rng.uniform(-500, 500, [3, 100]).astype(np.float32) + np.float32([[0], [300], [4000]])
    for _ in range(20):
        ground = scenery.Ground.below(points, UP, LIGHT, rng)
        image = scenery.background(camera, 32, UP, ground, rng)
        assert image.shape == (3, 32, 32) and image.dtype == np.float32
        assert image.min() >= 0 and image.max() <= 255


def test_noise_keeps_the_picture(rng):
    image = np.full([3, 64, 64], 40, np.float32)
    image[:, :, 32:] = 160
    for _ in range(10):
        noisy = scenery.degrade(image, rng)
        assert noisy.shape == (64, 64, 3) and noisy.dtype == np.uint8
        left, right = noisy[:, :31].astype(float), noisy[:, 33:].astype(float)
        assert right.mean() - left.mean() > 80
        assert right.std() > 0.1
