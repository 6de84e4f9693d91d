"""Searches an image for bodies: in the whole of it, and in parts where people are small."""

import math
from collections.abc import Callable

import numpy as np

from tf_lift.inference.people import anchors, networks, suppression
from tf_lift.inference.people.regions import Region, around_body, crop, whole

__all__ = ["find_bodies", "squares"]

# Probability from which a detection counts. The landmark network confirms it. A lower one finds
# more people: three people side by side in each of 8 photos with margins of several widths are
# all found in 33 of 48 with 0.4, in 22 with 0.5.
MIN_SCORE = 0.4

# Side of a body's region, over that of the square that the network looks at, below which it
# misses others as small. Of three people whose height is 0.39 of the side it finds 1.25 on average,
# at 0.26 none. So smaller squares are searched where it sees one that small, or nobody. They find
# people down to 0.08 of an image.
_SMALL = 0.5
# Each round's squares are half as large, and overlap by 0.4 of their side.
_STEP = 0.6
_MAX_ROUNDS = 3
# Smaller squares hold less than the network's input.
_MIN_SIDE = networks.DETECTION.input_size // 2


def squares(width: int, height: int, parts: int) -> list[Region]:
    """Returns squares that cover an image with overlap, row by row.

    Args:
        width: Width of the image, px.
        height: Height of the image, px.
        parts: Side of the image's longer side over that of the squares.

    >>> [square.centre for square in squares(200, 100, 2)]
    [(49.5, 49.5), (99.5, 49.5), (149.5, 49.5)]
    """
    side = max(width, height) / parts
    return [
        Region((float(x), float(y)), side)
        for y in _centres(height, side)
        for x in _centres(width, side)
    ]


def find_bodies(image: np.ndarray, network: Callable) -> list[Region]:
    """Finds the bodies in an image.

    Args:
        image: Array of shape `[height, width, 3]`, uint8.
        network: The detection network.

    Returns:
        Regions of the bodies, the surest first.
    """
    height, width = image.shape[:2]
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number in range(_MAX_ROUNDS):
        parts = 2**number
        side = max(width, height) / parts
        if number and side < _MIN_SIDE:
            break
        places = squares(width, height, parts) if number else [whole(width, height)]
        found += [_detect(image, network, square) for square in places]
        boxes, points, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        merged = suppression.weighted_suppression(boxes, points, scores)[1]
        regions = [around_body(hips, circle) for hips, circle, *_ in merged]
        bodies = [region for region in regions if region is not None]
        if min((region.size for region in bodies), default=0.0) >= _SMALL * side:
            break
        # Nobody in halves of the image: nobody is there.
        if number and not bodies:
            break
    return bodies


def _detect(image, network, square):
    """Returns boxes, points and scores of the detections in a square, px of the image."""
    pixels = crop(image, square, networks.DETECTION.input_size)
    outputs = network(pixels.astype(np.float32) / 127.5 - 1)
    boxes, points, scores = anchors.decode(outputs["boxes"], outputs["logits"], MIN_SCORE)
    boxes = square.to_image(boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    return suppression.weighted_suppression(boxes, square.to_image(points), scores)


def _centres(length, side):
    """Returns the middles of overlapping intervals over the pixels of one dimension."""
    if length <= side:
        return [(length - 1) / 2]
    count = math.ceil((length - side) / (_STEP * side)) + 1
    return np.linspace(side / 2 - 0.5, length - side / 2 - 0.5, count)
