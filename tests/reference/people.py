"""Slow oracles of the detector of people: loops over cells, boxes and pixels."""

import math

import numpy as np


def anchors():
    """Centres of the anchors: of strides 8, 16 and 32, with 2, 2 and 6 anchors a cell."""
    found = []
    for stride, count in ((8, 2), (16, 2), (32, 6)):
        for row in range(224 // stride):
            for column in range(224 // stride):
                found += [((column + 0.5) * stride / 224, (row + 0.5) * stride / 224)] * count
    return np.array(found)


def shared_fraction(one, two, steps=400):
    """Intersection over union of two boxes by counting the points of a grid over both."""
    low, high = np.minimum(one, two)[:2], np.maximum(one, two)[2:]
    x, y = ((np.arange(steps) + 0.5) / steps * (high - low)[:, None] + low[:, None])[:, :]
    x, y = np.meshgrid(x, y)
    inside = [(x > b[0]) & (x < b[2]) & (y > b[1]) & (y < b[3]) for b in (one, two)]
    return (inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum()


def suppress(boxes, points, scores, max_overlap):
    """Groups of detections around the best ones, each averaged with its scores as weights."""
    left = set(range(len(scores)))
    merged = []
    while left:
        best = max(left, key=lambda index: scores[index])
        group = [i for i in left if i == best or _overlap(boxes[i], boxes[best]) > max_overlap]
        total = sum(scores[i] for i in group)
        merged.append(
            (
                sum(scores[i] * boxes[i] for i in group) / total,
                sum(scores[i] * points[i] for i in group) / total,
                scores[best],
            )
        )
        left -= set(group)
    return [np.array(part) for part in zip(*merged, strict=True)]


def _overlap(one, two):
    width = max(0.0, min(one[2], two[2]) - max(one[0], two[0]))
    height = max(0.0, min(one[3], two[3]) - max(one[1], two[1]))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, two)]
    return width * height / (sum(areas) - width * height)


def sample(image, centre, size, turn, side):
    """Bilinear samples of a turned square, pixel by pixel; black outside of the image."""
    height, width = image.shape[:2]
    result = np.zeros([side, side, 3])
    for v in range(side):
        for u in range(side):
            right, down = ((u + 0.5) / side - 0.5) * size, ((v + 0.5) / side - 0.5) * size
            x = centre[0] + math.cos(turn) * right - math.sin(turn) * down
            y = centre[1] + math.sin(turn) * right + math.cos(turn) * down
            if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
                continue
            column, row = math.floor(x), math.floor(y)
            for i, wy in ((row, 1 - (y - row)), (row + 1, y - row)):
                for j, wx in ((column, 1 - (x - column)), (column + 1, x - column)):
                    nearest = image[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]
                    result[v, u] += wy * wx * nearest
    return result


def centre_of_mass(point, heat_map):
    """The mean of the 7 x 7 cells around a point by probability; the point if none is sure."""
    height, width = heat_map.shape
    column, row = round(point[0] * width), round(point[1] * height)
    if not (0 <= column < width and 0 <= row < height):
        return point
    total = x = y = peak = 0.0
    for i in range(max(0, row - 3), min(height, row + 4)):
        for j in range(max(0, column - 3), min(width, column + 4)):
            probability = 1 / (1 + math.exp(-heat_map[i, j]))
            peak = max(peak, probability)
            total, x, y = total + probability, x + probability * j, y + probability * i
    return point if peak < 0.5 else np.array([x / total / width, y / total / height])


def keypoint_similarity(predicted, true, area):
    """COCO's similarity of 17 keypoints, all labelled."""
    sigmas = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062]
    sigmas += [0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
    terms = [
        math.exp(-((p - t) @ (p - t)) / (2 * area * (2 * sigma) ** 2))
        for p, t, sigma in zip(predicted, true, sigmas, strict=True)
    ]
    return sum(terms) / len(terms)
