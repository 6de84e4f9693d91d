"""What surrounds a person: background, floor and shadow; and what a camera adds."""

import dataclasses

import numpy as np

__all__ = ["Ground", "background", "degrade"]


@dataclasses.dataclass(frozen=True)
class Ground:
    """The floor under a person, and the shadow on it.

    Attributes:
        height: Distance of the floor below the camera along the vertical, mm.
        shadow: Array of shape `[3, num_points]`: points of the floor in the shade.
        darkness: How much light the shadow takes, 0 to 1.
    """

    height: float
    shadow: np.ndarray
    darkness: float

    @classmethod
    def below(cls, points, up, light, rng):
        """Puts the floor below the lowest point and casts the shadow of all points."""
        points = points[:, :: max(1, points.shape[1] // 4000)]
        height = up.astype(np.float32) @ points
        floor = float(height.min())
        fall = (height - floor) / max(float(light["direction"] @ up), 0.2)
        shadow = points - light["direction"][:, None] * fall
        return cls(-floor, shadow, float(rng.uniform(0.2, 0.6)))


def background(camera, size, up, ground, rng):
    """Returns a background [size, size, 3], float32: walls, floor, clutter, shadow."""
    x = (np.arange(size, dtype=np.float32) - camera.principal_point_px[0]) / camera.focal_px
    y = (np.arange(size, dtype=np.float32) - camera.principal_point_px[1]) / camera.focal_px
    x, y = x.astype(np.float32), y.astype(np.float32)
    wall, floor = _colour(rng), _colour(rng)
    texture = _noise(size, rng)
    image = wall + texture[..., None] * rng.uniform(5, 45)
    image *= 1.0 + np.linspace(-1, 1, size, dtype=np.float32)[:, None, None] * rng.normal(0, 0.15)
    for _ in range(rng.integers(0, 9)):
        _add_box(image, size, rng)
    # A ray (x, y, 1) meets the floor where it goes down; the wall stands on the floor at
    # some distance behind the person.
    down = -(up[0] * x[None, :] + up[1] * y[:, None] + up[2])
    distance = ground.height / np.maximum(down, 1e-3)
    person = float(np.median(ground.shadow[2]))
    is_floor = (down > 1e-3) & (distance < person * rng.uniform(1.1, 2.5))
    if rng.random() < 0.85:
        grain = _noise(size, rng)[..., None] * rng.uniform(3, 25)
        image = np.where(is_floor[..., None], floor + grain, image)
        _add_shadow(image, is_floor, camera, ground)
    for _ in range(rng.integers(0, 4)):
        _add_line(image, size, rng)
    return np.clip(image, 0, 255).astype(np.float32)


def _colour(rng):
    grey = rng.uniform(25, 235)
    return (grey + rng.normal(0, 1, 3) * rng.choice([6, 30])).astype(np.float32)


def _noise(size, rng):
    """Smooth noise of a few octaves, about -1 to 1, [size, size]."""
    image = np.zeros([size, size], np.float32)
    for cells in (3, 7, 17, 43):
        grid = rng.normal(0, 1, [cells, cells]).astype(np.float32)
        weights = _upsampling(size, cells)
        image += (weights @ grid @ weights.T) * np.float32(rng.uniform(0.1, 1.0) * 1.5 / cells**0.5)
    return image


_WEIGHTS: dict = {}


def _upsampling(size, cells):
    """Matrix [size, cells] of linear interpolation."""
    if (size, cells) not in _WEIGHTS:
        place = np.linspace(0, cells - 1, size)[:, None]
        weights = np.clip(1 - np.abs(place - np.arange(cells)), 0, 1)
        _WEIGHTS[size, cells] = weights.astype(np.float32)
    return _WEIGHTS[size, cells]


def _add_box(image, size, rng):
    low = rng.integers(-size // 4, size, 2)
    extent = (rng.uniform(0.05, 0.5, 2) * size).astype(int) + 2
    high = np.minimum(low + extent, size)
    low = np.maximum(low, 0)
    if (high <= low).any():
        return
    region = image[low[1] : high[1], low[0] : high[0]]
    colour = _colour(rng)
    share = np.float32(rng.uniform(0.5, 1.0))
    slope = np.linspace(1, rng.uniform(0.6, 1.2), region.shape[1], dtype=np.float32)
    region *= 1 - share
    region += share * colour * slope[:, None]
    if rng.random() < 0.4:
        region[:2] *= 0.6
        region[:, :2] *= 0.6


def _add_line(image, size, rng):
    start, end = rng.uniform(0, size, [2, 2])
    steps = np.linspace(0, 1, size * 2)[:, None]
    x, y = (start + steps * (end - start)).T.astype(int)
    image[np.clip(y, 0, size - 1), np.clip(x, 0, size - 1)] = _colour(rng)


def _add_shadow(image, is_floor, camera, ground):
    size = image.shape[0]
    cell = 4
    coarse = -(-size // cell)
    shade = ground.shadow
    shade = shade[:, shade[2] > 500]
    x = (camera.focal_px * shade[0] / shade[2] + camera.principal_point_px[0] + 0.5) / cell
    y = (camera.focal_px * shade[1] / shade[2] + camera.principal_point_px[1] + 0.5) / cell
    inside = (x >= 0) & (x < coarse) & (y >= 0) & (y < coarse)
    index = y[inside].astype(int) * coarse + x[inside].astype(int)
    mask = np.zeros(coarse * coarse, np.float32)
    mask[index] = 1.0
    mask = mask.reshape(coarse, coarse)
    for axis in (0, 1):
        mask = (np.roll(mask, 1, axis) + 2 * mask + np.roll(mask, -1, axis)) / 4
    weights = _upsampling(size, coarse)
    mask = weights @ mask @ weights.T
    image *= 1 - ground.darkness * (mask * is_floor)[..., None]


def degrade(image, rng):
    """Adds blur, noise, exposure and rounding; returns uint8."""
    if rng.random() < 0.35:
        image = _blur(image, np.float32(rng.uniform(0.05, 0.25)))
    image = image * np.float32(rng.uniform(0.75, 1.25)) + np.float32(rng.normal(0, 10))
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.5, 7))
    return np.clip(image, 0, 255).astype(np.uint8)


def _blur(image, share):
    """Three-tap blur along both axes; `share` is the weight of each neighbour."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        first = padded[:-2] if axis == 0 else padded[:, :-2]
        last = padded[2:] if axis == 0 else padded[:, 2:]
        image = image * (1 - 2 * share) + share * (first + last)
    return image
