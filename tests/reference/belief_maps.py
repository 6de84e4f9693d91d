"""Belief maps in slow NumPy float64, one cell at a time, from the equations."""

import itertools
import math

import numpy as np


def gaussian(row, column, x, y, stddev):
    return math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * stddev**2))


def from_landmarks(landmarks, height, width, stddev=1.0):
    """[B, L, 2] -> [B, H, W, L + 1]."""
    batch, num_landmarks, _ = landmarks.shape
    maps = np.zeros([batch, height, width, num_landmarks + 1])
    for b, i, j in itertools.product(range(batch), range(height), range(width)):
        for landmark in range(num_landmarks):
            x, y = landmarks[b, landmark]
            if math.isfinite(x) and math.isfinite(y):
                maps[b, i, j, landmark] = gaussian(i, j, x, y, stddev)
        maps[b, i, j, -1] = max(0.0, 1.0 - max(maps[b, i, j, :-1]))
    return maps


def from_landmarks_gradient(landmarks, upstream, stddev=1.0):
    """S9: dc/dx = sum_z dc/db(z) [G(z; x + 1) - G(z; x - 1)] / 2.

    The background b_bg = 1 - max_l b_l adds -upstream_bg to the upstream of the largest
    Gaussian of each cell.
    """
    batch, height, width, _ = upstream.shape
    maps = from_landmarks(landmarks, height, width, stddev)
    gradient = np.zeros(landmarks.shape)
    for b, i, j in itertools.product(range(batch), range(height), range(width)):
        received = upstream[b, i, j, :-1].copy()
        received[np.argmax(maps[b, i, j, :-1])] -= upstream[b, i, j, -1]
        for landmark, u in enumerate(received):
            x, y = landmarks[b, landmark]
            if not (math.isfinite(x) and math.isfinite(y)):
                continue
            right, left = gaussian(i, j, x + 1, y, stddev), gaussian(i, j, x - 1, y, stddev)
            down, up = gaussian(i, j, x, y + 1, stddev), gaussian(i, j, x, y - 1, stddev)
            gradient[b, landmark, 0] += u * (right - left) / 2
            gradient[b, landmark, 1] += u * (down - up) / 2
    return gradient


def to_landmarks(maps):
    """[B, H, W, C] -> [B, C, 2], the first maximum row by row."""
    batch, height, width, channels = maps.shape
    landmarks = np.full([batch, channels, 2], np.nan)
    for b, c in itertools.product(range(batch), range(channels)):
        if np.isnan(maps[b, :, :, c]).any():
            continue
        best = -math.inf
        landmarks[b, c] = 0, 0
        for i, j in itertools.product(range(height), range(width)):
            if maps[b, i, j, c] > best:
                best = maps[b, i, j, c]
                landmarks[b, c] = j, i
    return landmarks


def to_landmarks_gradient(maps, upstream, step=1.0):
    """The quadrant sub-gradient, cell by cell.

    For g = dc/dY and m = step |g|: +m at the peak Y; -m N(z; Y, 1) at the other cells z
    of the quadrant on the side of -g, borders on that side included. On an axis where g
    is 0 both sides count, without the line on which no cell gains.
    """
    batch, height, width, channels = maps.shape
    landmarks = to_landmarks(maps)
    gradient = np.zeros(maps.shape)
    for b, c in itertools.product(range(batch), range(channels)):
        g = upstream[b, c]
        x, y = landmarks[b, c]
        if math.isnan(x) or (g == 0).all():
            continue
        m = step * math.hypot(*g)
        for i, j in itertools.product(range(height), range(width)):
            gain_x, gain_y = -g[0] * (j - x), -g[1] * (i - y)
            if (j, i) == (x, y):
                gradient[b, i, j, c] = m
            elif gain_x >= 0 and gain_y >= 0 and gain_x + gain_y > 0:
                density = math.exp(-((j - x) ** 2 + (i - y) ** 2) / 2) / (2 * math.pi)
                gradient[b, i, j, c] = -m * density
    return gradient
