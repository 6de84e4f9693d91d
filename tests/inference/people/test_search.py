import numpy as np
import pytest

from tf_lift.inference.people import search
from tf_lift.inference.people.regions import Region


@pytest.mark.parametrize("size", [(640, 480), (300, 1000), (500, 500), (1000, 10)])
@pytest.mark.parametrize("parts", [2, 4])
def test_squares_cover_the_image_with_overlap(size, parts):
    places = search.squares(*size, parts)
    side = max(size) / parts
    assert all(place.size == side and not place.turn for place in places)
    # A body of 0.4 of the side is whole in one of them, wherever it is.
    extent = np.minimum(0.4 * side, size)
    for x in np.linspace(-0.5, size[0] - extent[0] - 0.5, 23):
        for y in np.linspace(-0.5, size[1] - extent[1] - 0.5, 23):
            corners = np.array([[x, y], [x + extent[0], y + extent[1]]])
            inside = [place.from_image(corners) for place in places]
            assert any((c >= -1e-9).all() and (c <= 1 + 1e-9).all() for c in inside)


class Seeing:
    """A network that sees, in any square, nobody or one body of a size."""

    def __init__(self, distance):
        self.distance = distance
        self.calls = 0

    def __call__(self, pixels):
        self.calls += 1
        assert pixels.shape == (224, 224, 3) and pixels.dtype == np.float32
        assert pixels.min() >= -1 and pixels.max() <= 1
        boxes, logits = np.zeros([2254, 12], np.float32), np.full([2254, 1], -99, np.float32)
        if self.distance:
            logits[1568] = 5.0  # The first anchor of stride 16, at (8, 8).
            boxes[1568, 2:4] = 20
            boxes[1568, 7] = -self.distance
        return {"boxes": boxes, "logits": logits}


@pytest.mark.parametrize(
    ("distance", "rounds"),
    # Regions of 2.5 distances of 224 px: 0.56 and 0.33 of the square.
    [(50, [1]), (0, [1, 6]), (30, [1, 6, 30])],
)
def test_smaller_squares_are_searched_where_people_are_small(distance, rounds):
    network = Seeing(distance)
    found = search.find_bodies(np.zeros([600, 800, 3], np.uint8), network)
    assert network.calls == sum(rounds)
    assert bool(found) == bool(distance)


def test_small_images_are_not_searched_in_parts():
    network = Seeing(0)
    assert search.find_bodies(np.zeros([100, 150, 3], np.uint8), network) == []
    assert network.calls == 1


def test_body_in_pixels_of_the_image():
    (region,) = search.find_bodies(np.zeros([600, 800, 3], np.uint8), Seeing(50))
    # Point 0 at (8, 8), point 1 50 px above, of 224 that cover 800 px with 100 px above the image.
    scale = 800 / 224
    expected = (8 * scale - 0.5, 8 * scale - 100.5)
    assert region == Region(pytest.approx(expected), pytest.approx(2.5 * 50 * scale), 0.0)
