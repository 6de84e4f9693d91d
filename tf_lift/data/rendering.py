"""Draws one person: z-buffered surface points, light, ground, background, camera noise."""

import numpy as np

from tf_lift.data import bodies, lofts, scenery, wardrobe
from tf_lift.data.cameras import Camera

__all__ = ["render"]

# Each pixel is the mean of 2 x 2, which smooths the outlines.
_OVERSAMPLING = 2
# Points per (oversampled) pixel along each direction, so that surfaces have no holes.
_POINTS_PER_PIXEL = 1.3
# How far in front of a joint its own flesh may lie, mm at nominal size: half the depth of
# the part of the body around it, plus room for clothes.
_FLESH_MM = np.array([150, 130, 95, 85, 130, 95, 85, 150, 130, 95, 130, 90, 75, 65, 90, 75, 65])


def render(
    joints: np.ndarray,
    up: np.ndarray,
    camera: Camera,
    image_size: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Renders one person.

    Args:
        joints: Array of shape `[17, 3]`, mm, camera frame (`camera`'s own, origin at the
            camera).
        up: Array of shape `[3]`: unit vector against gravity, camera frame.
        camera: Focal length and principal point of the crop.
        image_size: Side of the image, px.
        rng: Source of everything random: clothes, light, background, noise.

    Returns:
        Tuple of the image, uint8 `[image_size, image_size, 3]`, and the visibility, bool
        `[17]`: False where a surface other than the joint's own flesh lies in front of
        it. A joint outside the image has no pixel to test and counts as visible here.
    """
    outfit = wardrobe.draw_outfit(rng)
    light = _draw_light(rng, up)
    rings = bodies.control_rings(joints, up, outfit.figure)
    fine = image_size * _OVERSAMPLING
    focal = camera.focal_px * _OVERSAMPLING
    offset = (camera.principal_point_px + 0.5) * _OVERSAMPLING - 0.5
    pixel_mm = joints[:, 2].min() / focal / _POINTS_PER_PIXEL
    level = int(np.floor(np.log(pixel_mm) / np.log(1.15)))
    grid = lofts.row_grid(level, outfit.left_out)
    rows, slopes = grid.weights @ rings, grid.slopes @ rings
    along = rows[:, 9]
    rows[:, 3:9] *= wardrobe.loosened(outfit, grid.part, along)[:, None]
    points, row, cosine, sine = lofts.visible_samples(rows, slopes, grid.groups)
    focal, offset = np.float32(focal), offset.astype(np.float32)
    x = np.rint(points[0] * (focal / points[2]) + offset[0]).astype(np.int32)
    y = np.rint(points[1] * (focal / points[2]) + offset[1]).astype(np.int32)
    inside = np.flatnonzero((x >= 0) & (x < fine) & (y >= 0) & (y < fine))
    nearest = _nearest(y[inside] * fine + x[inside], points[2, inside], fine * fine)
    seen = np.flatnonzero(nearest >= 0)
    winners = inside[nearest[seen]]
    depth = np.full(fine * fine, np.inf, np.float32)
    depth[seen] = points[2, winners]
    depth = depth.reshape(fine, fine)
    colours = _shade(outfit, light, grid.part, rows, slopes, row, cosine, sine, winners, rng)
    shadow = scenery.Ground.below(points, up, light, rng)
    background = scenery.background(camera, image_size, up, shadow, rng)
    layer = np.zeros([fine * fine, 4], np.float32)
    layer[seen, :3] = colours
    layer[seen, 3] = 1.0
    size = image_size
    layer = layer.reshape(size, _OVERSAMPLING, size, _OVERSAMPLING, 4).mean((1, 3))
    image = layer[..., :3] + (1.0 - layer[..., 3:]) * background
    return scenery.degrade(image, rng), _visible(joints, depth, focal, offset)


def _nearest(pixel, depth, num_pixels):
    """Index of the nearest point of each pixel, -1 for none."""
    # Far to near by 16 bits of depth (0.05 mm): radix sort, and the last assignment wins.
    low, high = depth.min(), depth.max()
    keys = ((high - depth) * np.float32(65535.0 / max(high - low, 1e-3))).astype(np.uint16)
    order = np.argsort(keys, kind="stable")
    nearest = np.full(num_pixels, -1, np.int32)
    nearest[pixel[order]] = order
    return nearest


def _shade(outfit, light, part, rows, slopes, row, cosine, sine, winners, rng):
    """Colours [num_seen, 3] of the points that are seen, 0 to 255."""
    row, cosine, sine = row[winners], cosine[winners][:, None], sine[winners][:, None]
    first, second = rows[row, 3:6], rows[row, 6:9]
    along = slopes[row, :3] + cosine * slopes[row, 3:6] + sine * slopes[row, 6:9]
    around = cosine * second - sine * first
    normal = np.cross(around, along)
    outward = cosine * first + sine * second
    normal *= np.where((normal * outward).sum(1, keepdims=True) < 0, -1, 1)
    normal /= np.sqrt((normal * normal).sum(1, keepdims=True)) + 1e-9
    part = part[row]
    cosine, sine = cosine[:, 0], sine[:, 0]
    place = rows[row, 9]
    colours = wardrobe.albedo(outfit, part, place, cosine, sine)
    diffuse = np.maximum(normal @ light["direction"], 0.0)
    sky = 0.5 + 0.5 * (normal @ light["up"])
    # Surfaces that turn away from the eye look darker against the light behind the camera.
    facing = np.clip(-normal[:, 2], 0.0, 1.0)
    shade = light["ambient"] * (0.55 + 0.45 * sky) * (0.7 + 0.3 * facing)
    shade = shade + light["strength"] * diffuse
    return np.clip(colours * (shade[:, None] * light["colour"]), 0, 255)


def _draw_light(rng, up):
    """A sun or lamp: direction towards it (camera frame), colour, strength."""
    direction = rng.normal(0, 1, 3) * (1.0, 0.4, 0.6) - (0, 0, 0.6)
    direction = direction - (direction @ up) * up
    direction /= np.linalg.norm(direction) + 1e-6
    elevation = rng.uniform(0.4, 1.3)
    direction = np.cos(elevation) * direction + np.sin(elevation) * up
    strength = rng.uniform(0.25, 0.8)
    return {
        "direction": direction.astype(np.float32),
        "up": up.astype(np.float32),
        "strength": np.float32(strength),
        "ambient": np.float32(rng.uniform(0.95, 1.15) - 0.55 * strength),
        "colour": (1.0 + rng.normal(0, 0.04, 3)).astype(np.float32),
    }


def _visible(joints, depth, focal, offset):
    size = depth.shape[0]
    back = np.linalg.norm(joints[8] - joints[7]) + np.linalg.norm(joints[7] - joints[0])
    pixel = np.rint(joints[:, :2] / joints[:, 2:] * focal + offset).astype(int)
    inside = ((pixel >= 0) & (pixel < size)).all(1)
    x, y = np.clip(pixel, 0, size - 1).T
    behind = depth[y, x] < joints[:, 2] - _FLESH_MM * (back / 551.0)
    return ~(inside & behind)
