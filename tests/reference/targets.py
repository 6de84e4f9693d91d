"""Target maps cell by cell, written from the paper's description."""

import numpy as np


def belief_map_targets(people, image_size, stride, stddev_px):
    """Targets [H, W, L + 1] of people [num_people, L, 2] px in one image."""
    cells = image_size // stride
    num_landmarks = len(people[0])
    maps = np.zeros([cells, cells, num_landmarks + 1])
    for i in range(cells):
        for j in range(cells):
            for landmark in range(num_landmarks):
                total = 0.0
                for person in people:
                    x, y = person[landmark]
                    dx = stride * j + (stride - 1) / 2 - x
                    dy = stride * i + (stride - 1) / 2 - y
                    value = np.exp(-(dx**2 + dy**2) / (2 * stddev_px**2))
                    total += value if value >= 0.01 else 0.0
                maps[i, j, landmark] = min(total, 1.0)
            maps[i, j, -1] = max(0.0, 1.0 - max(maps[i, j, :-1]))
    return maps
