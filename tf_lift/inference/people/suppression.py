"""Non-maximum suppression: one detection out of the many that the network has of one person."""

import numpy as np

__all__ = ["intersection_over_union", "weighted_suppression"]


def intersection_over_union(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Computes the area that two boxes share over the area that they cover together.

    Args:
        box: Array of shape `[..., 4]`, (left, top, right, bottom).
        boxes: Array of shape `[..., 4]`; the leading dimensions broadcast.

    Returns:
        Array of shape `[...]`, 0 to 1; 0 for two boxes without area.

    >>> intersection_over_union([0, 0, 2, 2], [[1, 0, 3, 2], [2, 0, 4, 2]]).round(3)
    array([0.333, 0.   ])
    """
    box, boxes = np.asarray(box, np.float64), np.asarray(boxes, np.float64)
    corner = np.maximum(box[..., :2], boxes[..., :2])
    opposite = np.minimum(box[..., 2:], boxes[..., 2:])
    shared = np.prod(np.maximum(opposite - corner, 0), axis=-1)
    together = _area(box) + _area(boxes) - shared
    return np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)


def weighted_suppression(
    boxes: np.ndarray, points: np.ndarray, scores: np.ndarray, max_overlap: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merges detections that overlap: each group's mean, weighted by the scores.

    Takes the best detection and all that overlap it, merges them, and goes on with the rest.

    Args:
        boxes: Array of shape `[N, 4]`, (left, top, right, bottom).
        points: Array of shape `[N, P, 2]`.
        scores: Array of shape `[N]`, positive.
        max_overlap: Intersection over union above which two detections are one person's.

    Returns:
        Boxes, points and scores of M people, best first. Each score is the group's highest.

    >>> boxes = np.array([[0, 0, 4, 4], [0, 1, 4, 5], [9, 9, 10, 10]])
    >>> merged = weighted_suppression(boxes, np.zeros([3, 1, 2]), np.array([0.6, 0.9, 0.7]))
    >>> merged[0].tolist(), merged[2].tolist()
    ([[0.0, 0.6, 4.0, 4.6], [9.0, 9.0, 10.0, 10.0]], [0.9, 0.7])
    """
    rest = np.argsort(-scores, kind="stable")
    groups = []
    while len(rest):
        # The best itself, though a box without area overlaps nothing.
        same = intersection_over_union(boxes[rest[0]], boxes[rest]) > max_overlap
        same[0] = True
        groups.append(rest[same])
        rest = rest[~same]
    weights = [scores[group] / scores[group].sum() for group in groups]
    pairs = list(zip(weights, groups, strict=True))
    return (
        np.array([w @ boxes[group] for w, group in pairs]).reshape(-1, 4),
        np.array([np.tensordot(w, points[g], 1) for w, g in pairs]).reshape(-1, *points.shape[1:]),
        np.array([scores[group[0]] for group in groups]),
    )


def _area(box):
    return np.prod(np.maximum(box[..., 2:] - box[..., :2], 0), axis=-1)
