"""The anchors of the detection network, and detections from its outputs."""

import functools

import numpy as np

from tf_lift.inference.people import networks

__all__ = ["anchors", "decode"]

# Cells of each layer of anchors, px of the input.
STRIDES = (8, 16, 32, 32, 32)
ANCHORS_PER_LAYER = 2

# Boxes and points are relative to the anchor's centre, in units of the input's side.
NUM_POINTS = 4


@functools.cache
def anchors() -> np.ndarray:
    """Returns the centres of all anchors, row by row.

    Layers of one stride share their rows: the anchors of a cell follow each other.

    Returns:
        Array of shape `[2254, 2]`, (x, y), 0 to 1 over the network's input.

    >>> anchors().shape, anchors()[:3]
    ((2254, 2), array([[0.01785714, 0.01785714],
           [0.01785714, 0.01785714],
           [0.05357143, 0.01785714]]))
    """
    parts = []
    for stride in sorted(set(STRIDES)):
        per_cell = ANCHORS_PER_LAYER * STRIDES.count(stride)
        side = networks.DETECTION.input_size // stride
        centres = (np.arange(side) + 0.5) / side
        y, x = np.meshgrid(centres, centres, indexing="ij")
        parts.append(np.repeat(np.stack([x.ravel(), y.ravel()], -1), per_cell, axis=0))
    return np.concatenate(parts)


def decode(
    boxes: np.ndarray, logits: np.ndarray, min_score: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes the detections that score enough.

    Args:
        boxes: Array of shape `[2254, 12]`, px of the input: centre and size of a face's box, then
            four points, all but the size relative to the anchor.
        logits: Array of shape `[2254, 1]`.
        min_score: Probability from which a detection counts.

    Returns:
        Boxes `[N, 4]` as (left, top, right, bottom), points `[N, 4, 2]` and scores `[N]`. Boxes
        and points are 0 to 1 over the network's input. Point 0 is the middle of the hips, point
        1 lies on the circle around the body, above its head.
    """
    # A logit below -80 would overflow; its probability is 0 anyway.
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -80, 80)))
    rows = np.flatnonzero(scores >= min_score)
    origin = anchors()[rows]
    values = boxes[rows].astype(np.float64) / networks.DETECTION.input_size
    centre, size = values[:, :2] + origin, values[:, 2:4]
    points = values[:, 4:].reshape(-1, NUM_POINTS, 2) + origin[:, np.newaxis]
    return np.concatenate([centre - size / 2, centre + size / 2], 1), points, scores[rows]
