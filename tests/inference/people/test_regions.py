import math

import numpy as np
import pytest
from reference import people as reference

from tf_lift.inference.people import regions
from tf_lift.inference.people.regions import Region


def smooth_image(rng, width, height):
    """Returns an image [height, width, 3] whose neighbouring pixels differ by a few values."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / a + y / b) for a, b in rng.uniform(4, 9, [3, 2])]
    return np.round(127 + 120 * np.stack(waves, -1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("centre", "size", "turn"),
    [
        ((20.0, 15.0), 16.0, 0.0),
        ((17.3, 12.8), 14.5, 0.7),
        ((3.0, 2.0), 20.0, -2.0),
        ((38.0, 29.0), 12.0, math.pi),
        ((-200.0, 10.0), 16.0, 0.3),
    ],
)
def test_crop_is_that_of_a_loop_over_pixels(rng, centre, size, turn):
    image = smooth_image(rng, 40, 30)
    cropped = regions.crop(image, Region(centre, size, turn), 16)
    expected = reference.sample(image, centre, size, turn, 16)
    # Pillow rounds, and its border is at the same place to 1e-6.
    assert np.abs(cropped - expected).max() <= 1.001


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_crop_of_a_large_square_averages(rng, turn):
    # Fine noise has the mean of all of it, not that of the few pixels next to the samples.
    image = rng.integers(0, 256, [400, 400, 3]).astype(np.uint8)
    cropped = regions.crop(image, Region((199.5, 199.5), 256.0, turn), 16)
    assert np.abs(cropped - 127.5).max() < 40
    # A ramp is a ramp, at the same place.
    ramp = np.tile((np.arange(420) // 2).astype(np.uint8)[None, :, None], [420, 1, 3])
    region = Region((211.2, 208.0), 250.0, turn)
    u, v = np.meshgrid((np.arange(16) + 0.5) / 16, (np.arange(16) + 0.5) / 16)
    x = region.to_image(np.stack([u, v], -1))[..., 0]
    # On average, halves of numbers are rounded down by 0.25.
    np.testing.assert_allclose(regions.crop(ramp, region, 16)[..., 0], x / 2 - 0.25, atol=1.25)


def test_points_go_to_the_image_and_back(rng):
    region = Region((30.0, -4.0), 70.0, 2.2)
    points = rng.normal(size=[5, 3, 2])
    np.testing.assert_allclose(region.from_image(region.to_image(points)), points, atol=1e-12)
    np.testing.assert_allclose(region.to_image(np.array([0.5, 0.5])), region.centre)
    assert np.linalg.norm(np.diff(region.corners(), axis=0), axis=1) == pytest.approx(70)


@pytest.mark.parametrize("angle", np.linspace(-3, 3, 7))
def test_body_is_upright_in_its_region(angle):
    hips = np.array([50.0, 60.0])
    circle = hips + 20 * np.array([math.sin(angle), -math.cos(angle)])
    region = regions.around_body(hips, circle)
    assert region.size == pytest.approx(50)
    np.testing.assert_allclose(region.from_image(hips), [0.5, 0.5])
    np.testing.assert_allclose(region.from_image(circle), [0.5, 0.5 - 1 / 2.5], atol=1e-12)
    assert region.turn == pytest.approx(angle)


@pytest.mark.parametrize("circle", [[1.0, 2.0], [np.nan, 0.0], [np.inf, 0.0]])
def test_points_without_a_direction_give_no_region(circle):
    assert regions.around_body([1.0, 2.0], circle) is None


def test_upright_is_for_people_who_lean():
    for turn, expected in ((0.1, 0.1), (0.5, 0.0), (-0.9, 0.0), (1.3, 1.3), (3.0, 3.0)):
        assert regions.upright(Region((1.0, 2.0), 9.0, turn)) == Region((1.0, 2.0), 9.0, expected)


def test_whole_image_is_in_its_square():
    region = regions.whole(30, 20)
    corners = region.from_image(np.array([[-0.5, -0.5], [29.5, 19.5]]))
    np.testing.assert_allclose(corners, [[0, 1 / 6], [1, 5 / 6]])
