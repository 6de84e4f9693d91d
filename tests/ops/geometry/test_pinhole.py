"""Pixels, rays and points of a camera against plain equations, and at their degenerate points."""

import helpers
import numpy as np
import pytest
from reference import cameras as reference

from tf_lift.ops.geometry import pinhole

LENS = np.array([-0.2, 0.24, -0.0009, -0.0014, -0.002])
FOCAL_LENGTH = np.array([1145.0, 1131.0])
PRINCIPAL_POINT = np.array([512.5, 515.4])


def make_points(rng, *shape):
    """Points in a room 2 to 8 m away."""
    depth = rng.uniform(2000, 8000, [*shape, 1])
    return np.concatenate([depth * rng.uniform(-0.4, 0.4, [*shape, 2]), depth], -1)


@pytest.mark.parametrize("lens", [None, LENS])
def test_project_equals_the_equations(lens, rng):
    points = make_points(rng, 6)
    expected = reference.project(
        points, FOCAL_LENGTH, PRINCIPAL_POINT, np.zeros(5) if lens is None else lens
    )
    actual = pinhole.project(points, FOCAL_LENGTH, PRINCIPAL_POINT, lens)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("lens", [None, LENS])
def test_pixels_and_rays_are_inverse(lens, rng):
    rays = rng.uniform(-0.4, 0.4, [2, 3, 17, 2])
    pixels = pinhole.to_pixels(rays, FOCAL_LENGTH, PRINCIPAL_POINT, lens)
    again = pinhole.to_rays(pixels, FOCAL_LENGTH, PRINCIPAL_POINT, lens)
    np.testing.assert_allclose(again, rays, rtol=0, atol=1e-12)


def test_each_pose_may_have_its_own_camera(rng):
    points = make_points(rng, 3, 5)
    focal_lengths = rng.uniform(500, 1500, [3, 2])
    centres = rng.uniform(200, 600, [3, 2])
    lenses = LENS * rng.uniform(0, 1, [3, 1])
    together = pinhole.project(points, focal_lengths, centres, lenses)
    for i in range(3):
        alone = reference.project(points[i], focal_lengths[i], centres[i], lenses[i])
        np.testing.assert_allclose(together[i], alone, rtol=1e-12)


def test_roll_is_undone(rng):
    """A camera turned about its axis sees the same, turned the other way."""
    points = make_points(rng, 5)
    roll = np.radians(20.0)
    rolled = points @ reference.about_z(roll).T
    upright = reference.project(points, [900, 900], PRINCIPAL_POINT)
    observed = reference.project(rolled, [900, 900], PRINCIPAL_POINT)
    np.testing.assert_allclose(
        pinhole.undo_roll(observed, roll, PRINCIPAL_POINT), upright, rtol=1e-12
    )
    several = pinhole.undo_roll(np.stack([observed, upright]), [roll, 0.0], PRINCIPAL_POINT)
    np.testing.assert_allclose(several, np.stack([upright, upright]), rtol=1e-6)


@pytest.mark.parametrize("depth", [0.0, -1000.0, np.nan])
def test_points_behind_the_camera_have_no_image(depth, rng):
    points = make_points(rng, 4)
    points[1, 2] = depth
    upstream = rng.standard_normal([4, 2])
    upstream[1] = 0  # The caller masks the NaN.
    value, gradients = helpers.upstream_gradients(
        lambda x, f: pinhole.project(x, f, PRINCIPAL_POINT, LENS), [points, FOCAL_LENGTH], upstream
    )
    assert np.isnan(value[1]).all() and np.isfinite(value.numpy()[[0, 2, 3]]).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.all(gradients[0][1] == 0) and np.all(np.abs(gradients[0][0]) > 0)


def test_a_focal_length_of_zero_gives_no_ray():
    rays = pinhole.to_rays(np.array([[600.0, 400.0]]), np.zeros(2), PRINCIPAL_POINT)
    assert not np.isfinite(rays).any()
    rays = pinhole.to_rays(np.array([[600.0, 400.0]]), np.zeros(2), PRINCIPAL_POINT, LENS)
    assert np.isnan(rays).all()


def test_gradients(rng):
    points = make_points(rng, 2, 3) / 1000
    focal_lengths, centres = rng.uniform(1, 2, [2, 2]), rng.uniform(-1, 1, [2, 2])
    lenses = np.stack([LENS, -LENS])
    pixels = pinhole.project(points, focal_lengths, centres, lenses).numpy()
    inputs = [focal_lengths, centres, lenses]
    helpers.check_gradient(pinhole.project, [points, *inputs], rng)
    helpers.check_gradient(pinhole.to_rays, [pixels, *inputs], rng)
    roll = rng.uniform(-1, 1, [2])
    helpers.check_gradient(pinhole.undo_roll, [pixels, roll, centres], rng)


def test_eager_equals_graph_and_compiled(rng):
    points = make_points(rng, 3, 17) / 1000
    inputs = [rng.uniform(1, 2, [3, 2]), rng.uniform(-1, 1, [3, 2]), np.stack([LENS] * 3)]

    def there_and_back(points, *camera):
        return pinhole.to_rays(pinhole.project(points, *camera) + 0.01, *camera)

    helpers.check_modes(there_and_back, [points, *inputs], rng, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (pinhole.to_rays, (np.zeros([4, 3]), np.ones(2), np.ones(2)), "pixels"),
        (pinhole.to_pixels, (np.zeros([4, 3]), np.ones(2), np.ones(2)), "rays"),
        (pinhole.project, (np.zeros([4, 2]), np.ones(2), np.ones(2)), "points"),
        (pinhole.project, (np.zeros([4, 3]), np.ones(1), np.ones(2)), "focal_length"),
        (pinhole.project, (np.zeros([4, 3]), np.ones(2), np.ones(3)), "principal_point"),
        (pinhole.undo_roll, (np.zeros([4, 3]), 0.0, np.ones(2)), "landmarks"),
        (pinhole.undo_roll, (np.zeros([4, 2]), 0.0, np.ones(3)), "centre"),
    ],
)
def test_shapes_are_checked(function, arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must have shape"):
        function(*arguments)
