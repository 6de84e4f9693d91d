"""Landmarks from the outputs of the landmark network."""

import numpy as np

from tf_lift.inference.people import networks

__all__ = ["NUM_LANDMARKS", "decode", "sharpen"]

# The skeleton's landmarks; the six rows after them define the square of the next frame, and hands.
NUM_LANDMARKS = 33
# x, y, z, visibility, presence.
NUM_VALUES = 5

# Cells of a heat map around a landmark whose centre of mass sharpens it: three on each side.
_WINDOW = 7
# Height of the peak from which a heat map is believed.
_MIN_PEAK = 0.5
# Cell i has its middle at i + 0, not at i + 0.5: mirrored photos have landmarks that are shifted by
# 0.1 px of the input then, otherwise by 1.9 px. Landmarks that are not sharpened count from the
# first pixel's edge (0.2 px).
_MIDDLE = 0.0


def decode(outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Computes landmarks and their confidences from the network's outputs.

    Args:
        outputs: `landmarks` `[195]` and `heat_maps` `[64, 64, 39]`, logits.

    Returns:
        Landmarks `[39, 2]`, 0 to 1 over the network's input, and confidences `[39]`, 0 to 1: the
        probability that the landmark is in the picture times the probability that it is not
        hidden.
    """
    rows = outputs["landmarks"].astype(np.float64).reshape(-1, NUM_VALUES)
    points = rows[:, :2] / networks.LANDMARKS.input_size
    visibility, presence = _sigmoid(rows[:, 3]), _sigmoid(rows[:, 4])
    return sharpen(points, outputs["heat_maps"]), visibility * presence


def sharpen(points: np.ndarray, heat_maps: np.ndarray) -> np.ndarray:
    """Moves points to the centre of mass of their heat maps nearby, where these are sure.

    Args:
        points: Array of shape `[P, 2]`, 0 to 1 over the maps.
        heat_maps: Array of shape `[height, width, P]`, logits.

    Returns:
        Array of shape `[P, 2]`: the centre of mass of the 7 x 7 cells around a point, those
        inside the map, if the highest of them has a probability of at least 0.5; else the point.

    >>> maps = np.full([5, 5, 1], -50.0)
    >>> maps[1, 2] = maps[1, 3] = 9.0
    >>> sharpen(np.array([[0.4, 0.4]]), maps).round(3)
    array([[0.5, 0.2]])
    """
    height, width, count = heat_maps.shape
    size = np.array([width, height])
    # Centre of the windows; points outside of the map have none.
    cells = np.rint(np.clip(points, -1, 2) * size - _MIDDLE).astype(int)
    inside = ((cells >= 0) & (cells < size)).all(1)
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    x, y = cells[:, 0, np.newaxis] + offsets, cells[:, 1, np.newaxis] + offsets
    valid = ((y >= 0) & (y < height))[:, :, np.newaxis] & ((x >= 0) & (x < width))[:, np.newaxis]
    logits = heat_maps[
        np.clip(y, 0, height - 1)[:, :, np.newaxis],
        np.clip(x, 0, width - 1)[:, np.newaxis],
        np.arange(count)[:, np.newaxis, np.newaxis],
    ]
    mass = np.where(valid, _sigmoid(logits.astype(np.float64)), 0.0)
    moments = np.stack(
        [np.einsum("pyx,px->p", mass, x + _MIDDLE), np.einsum("pyx,py->p", mass, y + _MIDDLE)], -1
    )
    total = np.maximum(mass.sum((1, 2)), np.finfo(np.float64).tiny)
    sure = inside & (mass.max((1, 2)) >= _MIN_PEAK)
    return np.where(sure[:, np.newaxis], moments / total[:, np.newaxis] / size, points)


def _sigmoid(values):
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
