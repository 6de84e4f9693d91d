"""Draws the surroundings of a person (background, floor, shadow), and adds camera noise."""

import dataclasses

import numpy as np

__all__ = ["Ground", "background", "degrade"]


@dataclasses.dataclass(frozen=True)
class Ground:
    """The floor below a person, and the shadow on it.

    Attributes:
        height: Vertical distance of the floor below the camera, mm.
        shadow: Array of shape `[3, num_points]`: points of the floor in the shadow.
        darkness: Fraction of light that the shadow removes, 0 to 1.
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
    """Draws a background [3, size, size], float32: walls, floor, clutter, shadow."""
    x = np.arange(size, dtype=np.float32) - np.float32(camera.principal_point_px[0])
    y = np.arange(size, dtype=np.float32) - np.float32(camera.principal_point_px[1])
    x, y = x / np.float32(camera.focal_px), (y / np.float32(camera.focal_px))[:, None]
    wall, floor = _colour(rng), _colour(rng)
    image = _tinted(wall, _noise(size, rng) * np.float32(rng.uniform(5, 45)))
    if rng.random() < 0.3:
        image += _stripes(size, rng)
    image *= 1 + np.linspace(-1, 1, size, dtype=np.float32)[:, None] * np.float32(
        rng.normal(0, 0.15)
    )
    for _ in range(rng.integers(0, 10)):
        _add_box(image, size, rng)
    for _ in range(rng.integers(0, 4)):
        _add_blob(image, size, rng)
    # A ray (x, y, 1) that points down meets the floor. The wall stands on the floor at a random
    # distance behind the person.
    up = up.astype(np.float32)
    down = -(up[0] * x + up[1] * y + up[2])
    person = np.median(ground.shadow[2])
    if rng.random() < 0.85:
        is_floor = down * person * np.float32(rng.uniform(1.1, 2.5)) > ground.height
        shade = 1 - ground.darkness * _shadow_mask(size, camera, ground)
        grain = _noise(size, rng) * np.float32(rng.uniform(3, 25))
        if rng.random() < 0.4:
            grain += _tiles(x, down, ground, rng)
        image = np.where(is_floor, _tinted(floor, grain) * shade, image)
    for _ in range(rng.integers(0, 3)):
        _add_line(image, size, rng)
    return np.clip(image, 0, 255, out=image)


def _tinted(colour, brightness):
    return colour[:, None, None] + brightness


def _colour(rng):
    grey, strength = rng.uniform(25, 235), 22 * rng.random() ** 2 + 3
    return (grey + rng.normal(0, strength, 3)).astype(np.float32)


def _noise(size, rng):
    """Draws smooth noise of a few octaves, about -1 to 1, [size, size]."""
    image = np.zeros([size, size], np.float32)
    for cells in (3, 7, 17, 43):
        grid = rng.normal(0, 1, [cells, cells]).astype(np.float32)
        weights = _upsampling(size, cells)
        image += (weights @ grid @ weights.T) * np.float32(rng.uniform(0.1, 1.0) * 1.5 / cells**0.5)
    return image


_WEIGHTS: dict = {}


def _upsampling(size, cells):
    """Returns the matrix [size, cells] of linear interpolation."""
    if (size, cells) not in _WEIGHTS:
        position = np.linspace(0, cells - 1, size)[:, None]
        weights = np.clip(1 - np.abs(position - np.arange(cells)), 0, 1)
        _WEIGHTS[size, cells] = weights.astype(np.float32)
    return _WEIGHTS[size, cells]


def _stripes(size, rng):
    """Draws evenly spaced lines, horizontal, vertical or both: panels, shelves, bricks."""
    position = np.arange(size, dtype=np.float32) * np.float32(128 / size)
    lines = [np.sin(position * rng.uniform(0.15, 1.2) + rng.uniform(0, 6)) > 0.9 for _ in range(2)]
    kind = rng.integers(3)
    rows, columns = (lines[0] * float(kind != 1))[:, None], lines[1] * float(kind != 0)
    return (np.maximum(rows, columns) * rng.normal(0, 40)).astype(np.float32)


def _tiles(x, down, ground, rng):
    """Draws a chequered or planked floor in perspective."""
    away = ground.height / np.maximum(down, 0.02)
    turn, period = rng.uniform(0, np.pi), rng.uniform(200, 900) / np.pi
    cosine, sine = np.float32(np.cos(turn) / period), np.float32(np.sin(turn) / period)
    pattern = np.sin(away * (x * cosine + sine)) > 0
    if rng.random() < 0.6:
        pattern ^= np.sin(away * (cosine - x * sine)) > 0
    # Fade distant tiles, which would be smaller than a pixel.
    fade = np.clip(2.0 - away / 9000, 0, 1)
    return pattern * fade * np.float32(rng.uniform(8, 60) * rng.choice([-1, 1]))


def _add_box(image, size, rng):
    """Draws a rectangle: window, door, picture, furniture."""
    left, top = rng.integers(-size // 4, size, 2)
    width, height = (rng.uniform(0.05, 0.5, 2) * size).astype(int) + 2
    region = image[:, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if not region.size:
        return
    opacity = np.float32(rng.uniform(0.5, 1.0))
    slope = np.linspace(1, rng.uniform(0.6, 1.2), region.shape[1], dtype=np.float32)[:, None]
    colour = (opacity * _colour(rng))[:, None, None]
    if rng.random() < 0.35:
        region[:, :2] *= np.float32(0.5)
        region[:, :, :2] *= np.float32(0.5)
        region = region[:, 2:, 2:]
        slope = slope[2:]
    region *= 1 - opacity
    region += colour * slope


def _add_blob(image, size, rng):
    """Draws a soft ellipse: foliage, lamps, distant objects."""
    middle = rng.uniform(0, size, 2).astype(np.float32)
    radius = (rng.uniform(0.04, 0.25, 2) * size).astype(np.float32)
    low = np.maximum(middle - radius, 0).astype(int)
    high = np.minimum(middle + radius + 1, size).astype(int)
    x = (np.arange(low[0], high[0], dtype=np.float32) - middle[0]) / radius[0]
    y = (np.arange(low[1], high[1], dtype=np.float32) - middle[1]) / radius[1]
    opacity = np.clip((1 - x * x - (y * y)[:, None]) * rng.uniform(1, 8), 0, 1).astype(np.float32)
    region = image[:, low[1] : high[1], low[0] : high[0]]
    region += opacity * (_colour(rng)[:, None, None] - region)


def _add_line(image, size, rng):
    """Draws a straight line two pixels wide: cable, pole, edge."""
    start, end = rng.uniform(0, size, [2, 2])
    if rng.random() < 0.7:
        end[rng.integers(2)] = start[rng.integers(2)]
    steps = np.linspace(0, 1, size * 2)[:, None]
    x, y = np.clip(start + steps * (end - start), 0, size - 2).T.astype(int)
    colour = _colour(rng)[:, None]
    for shift in (0, 1):
        image[:, y + shift, x] = colour
        image[:, y, x + shift] = colour


def _shadow_mask(size, camera, ground):
    """Computes the blurred coverage [size, size] by the shadow, from a grid of 1/4 the size."""
    coarse = -(-size // 4)
    x, y, z = ground.shadow[:, ground.shadow[2] > 500]
    scale = np.float32(camera.focal_px * coarse / size) / z
    x = (x * scale + np.float32(camera.principal_point_px[0] * coarse / size)).astype(np.int32)
    y = (y * scale + np.float32(camera.principal_point_px[1] * coarse / size)).astype(np.int32)
    inside = (x >= 0) & (x < coarse) & (y >= 0) & (y < coarse)
    mask = np.zeros([coarse, coarse], np.float32)
    mask[y[inside], x[inside]] = 1.0
    weights = _softening(size, coarse)
    return weights @ mask @ weights.T


_SOFTENING: dict = {}


def _softening(size, coarse):
    """Returns the matrix of interpolation from the coarse grid after two three-tap blurs."""
    if (size, coarse) not in _SOFTENING:
        blur = np.eye(coarse) / 2 + (np.eye(coarse, k=1) + np.eye(coarse, k=-1)) / 4
        _SOFTENING[size, coarse] = (_upsampling(size, coarse) @ blur @ blur).astype(np.float32)
    return _SOFTENING[size, coarse]


def degrade(image, rng):
    """Adds blur, exposure and noise to [3, size, size]; returns uint8 [size, size, 3]."""
    if rng.random() < 0.35:
        image = _blur(image, np.float32(rng.uniform(0.05, 0.25)))
    # The sum of two random bytes has a triangular distribution with standard deviation 104, and
    # is faster to draw than normal noise.
    pairs = np.frombuffer(rng.bytes(2 * image.size), np.uint8).reshape(2, *image.shape)
    noise = pairs[0].astype(np.float32)
    noise += pairs[1]
    noise *= np.float32(rng.uniform(0.5, 7) / 104)
    noise += np.float32(rng.normal(0, 10)) - noise.mean()
    image = image * np.float32(rng.uniform(0.75, 1.25))
    image += noise
    np.clip(image, 0, 255, out=image)
    return np.ascontiguousarray(np.moveaxis(image.astype(np.uint8), 0, -1))


def _blur(image, neighbour_weight):
    """Blurs both axes with three taps; `neighbour_weight` applies to each neighbour."""
    result = image.copy()
    result[:, 1:-1] += neighbour_weight * (image[:, :-2] + image[:, 2:] - 2 * image[:, 1:-1])
    image = result.copy()
    result[:, :, 1:-1] += neighbour_weight * (
        image[:, :, :-2] + image[:, :, 2:] - 2 * image[:, :, 1:-1]
    )
    return result
