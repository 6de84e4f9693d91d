"""Squares of an image, turned so that a person stands upright in them."""

import dataclasses
import math

import numpy as np
from PIL import Image

__all__ = ["Region", "around_body", "crop", "upright", "whole"]

# Side of a body's square over the distance of the two points that define it: twice the distance
# is the circle around the body, and a quarter more is margin.
SIDE_PER_DISTANCE = 2.5

# A region that is turned by less is as good as upright; one that is turned by more shows a person
# who lies or is upside down, whom the network does not know upright.
_LEAST_TURN = math.radians(9)
_MOST_TURN = math.radians(60)


@dataclasses.dataclass(frozen=True)
class Region:
    """A square in an image, with an upper side of its own.

    Attributes:
        centre: (x, y), px of the image; 0 is the middle of the first pixel.
        size: Side of the square, px.
        turn: rad; positive if the square's upright person appears turned clockwise in the image.
    """

    centre: tuple[float, float]
    size: float
    turn: float = 0.0

    def axes(self) -> np.ndarray:
        """Returns the unit vectors of the square's right and down as rows `[2, 2]`, in (x, y)."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        return np.array([[cos, sin], [-sin, cos]])

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Converts points `[..., 2]` from the square, 0 to 1 over each side, to the image, px.

        >>> Region((5.0, 5.0), 4.0, turn=np.pi / 2).to_image(np.array([0.5, 0.0])).round(3)
        array([7., 5.])
        """
        return np.asarray(self.centre) + self.size * (np.asarray(points) - 0.5) @ self.axes()

    def from_image(self, points: np.ndarray) -> np.ndarray:
        """Converts points `[..., 2]` from the image, px, to the square: inverts `to_image`."""
        return (np.asarray(points) - self.centre) @ self.axes().T / self.size + 0.5

    def corners(self) -> np.ndarray:
        """Returns the corners `[4, 2]` in the image, px."""
        return self.to_image(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))


def whole(width: int, height: int) -> Region:
    """Returns the smallest square around a whole image.

    >>> whole(4, 2)
    Region(centre=(1.5, 0.5), size=4.0, turn=0.0)
    """
    return Region(((width - 1) / 2, (height - 1) / 2), float(max(width, height)))


def around_body(hips, circle) -> Region | None:
    """Returns the square around a body.

    Args:
        hips: (x, y) of the middle of the hips, px.
        circle: (x, y) of the point above the head on the circle around the body, px.

    Returns:
        The square around the hips in which the circle's point is straight above them. `None` if the
        points are not finite, or less than a pixel apart.

    >>> around_body([10.0, 50.0], [10.0, 10.0])
    Region(centre=(10.0, 50.0), size=100.0, turn=0.0)
    """
    right, down = np.subtract(circle, hips)
    distance = math.hypot(right, down)
    if not 1 <= distance < math.inf:
        return None
    centre = (float(hips[0]), float(hips[1]))
    return Region(centre, SIDE_PER_DISTANCE * distance, math.atan2(right, -down))


def upright(region: Region) -> Region:
    """Returns the same square without its turn, if the person leans by 9 to 60 degrees.

    >>> upright(Region((0.0, 0.0), 9.0, turn=0.5)).turn, upright(Region((0.0, 0.0), 9.0, 3.0)).turn
    (0.0, 3.0)
    """
    leans = _LEAST_TURN <= abs(region.turn) <= _MOST_TURN
    return dataclasses.replace(region, turn=0.0) if leans else region


def crop(image: np.ndarray, region: Region, size: int) -> np.ndarray:
    """Samples a square of an image; outside of the image it is black.

    Averages blocks of pixels before it interpolates, so that no pixel of a large image is
    skipped.

    Args:
        image: Array of shape `[height, width, 3]`, uint8.
        region: The square.
        size: Side of the result, px.

    Returns:
        Array of shape `[size, size, 3]`, uint8. Its pixel (u, v) has its middle at
        ((u + 0.5) / size, (v + 0.5) / size) of the square.

    >>> image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, 2)
    >>> crop(image, Region((1.5, 1.5), 2.0), 2)[:, :, 0]
    array([[ 5,  6],
           [ 9, 10]], dtype=uint8)
    """
    factor = max(1, int(region.size / size))
    corners = region.corners()
    # A margin of one block for the interpolation.
    low = np.maximum(np.floor(corners.min(0)).astype(int) - factor, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + factor + 1, image.shape[1::-1])
    if (low >= high).any():
        return np.zeros([size, size, 3], np.uint8)
    part = Image.fromarray(image[low[1] : high[1], low[0] : high[0]])
    if factor > 1:
        part = part.reduce(factor)
    # Pillow's coordinates: (0, 0) is the corner of the first pixel, in the input and in the output.
    axes = region.axes() * region.size / size / factor
    start = (region.to_image(np.zeros(2)) + 0.5 - low) / factor
    matrix = (axes[0, 0], axes[1, 0], start[0], axes[0, 1], axes[1, 1], start[1])
    sampled = part.transform(
        (size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.asarray(sampled)
