"""Renders one person. (First version: discs along the bones.)"""

import numpy as np

_BONES = [(0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (9, 10)]
_BONES += [(8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16)]


def render(joints, up, camera, image_size, rng):
    """Returns the image and the visibility of the joints."""
    image = np.full([image_size, image_size, 3], rng.integers(60, 200), np.float32)
    image += rng.normal(0, 8, image.shape)
    rows, columns = np.mgrid[:image_size, :image_size].astype(np.float32)
    samples = []
    colours = rng.uniform(30, 230, [len(_BONES), 3])
    for (start, end), colour in zip(_BONES, colours, strict=True):
        for step in np.linspace(0, 1, 8):
            samples.append(((1 - step) * joints[start] + step * joints[end], colour))
    for point, colour in sorted(samples, key=lambda item: -item[0][2]):
        x, y = camera.focal_px * point[:2] / point[2] + camera.principal_point_px
        radius = camera.focal_px * 60 / point[2]
        image[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = colour
    return np.clip(image, 0, 255).astype(np.uint8), np.ones(len(joints), bool)
