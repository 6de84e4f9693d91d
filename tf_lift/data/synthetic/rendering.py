"""Renders one person: z-buffered surface points, light, ground, background, camera noise."""

import dataclasses

import numpy as np

from tf_lift.data.synthetic import bodies, lofts, painting, scenery, wardrobe
from tf_lift.data.synthetic.views import CropCamera

__all__ = ["Body", "draw_body", "draw_light", "render"]

# Each pixel is the mean of 2 x 2 samples, which smooths the outlines.
_OVERSAMPLING = 2
# Points per (oversampled) pixel in each direction; `_fill_holes` closes remaining gaps.
_POINTS_PER_PIXEL = 1.0
# A pixel farther than both its neighbours by this distance (mm) is a gap between points.
_HOLE_MM = np.float32(40.0)
# Largest distance (mm at nominal size) from a joint to its own surface in front: half the depth
# of the body part around it, plus room for clothes.
_FLESH_MM = np.array([150, 130, 95, 85, 130, 95, 85, 150, 130, 95, 130, 90, 75, 65, 90, 75, 65])


def render(
    joints: np.ndarray,
    up: np.ndarray,
    camera: CropCamera,
    image_size: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Renders one person.

    Args:
        joints: Array of shape `[17, 3]`, mm, camera frame, origin at the camera.
        up: Array of shape `[3]`: unit vector against gravity, camera frame.
        camera: Focal length and principal point of the crop.
        image_size: Side of the image, px.
        rng: Random generator for clothes, light, background and noise.

    Returns:
        Tuple of the image, uint8 `[image_size, image_size, 3]`, and the visibility, bool
        `[17]`: False where a surface other than the joint's own lies in front of it. A joint
        outside the image has no pixel to test and counts as visible here.
    """
    outfit = wardrobe.suited(wardrobe.draw_outfit(rng), joints)
    light = draw_light(rng, up)
    body = draw_body(joints, up, camera, image_size, outfit, light)
    ground = scenery.Ground.below(body.points, up, light, rng)
    image = scenery.background(camera, image_size, up, ground, rng)
    top, left = body.corner
    region = image[:, top : top + body.layer.shape[1], left : left + body.layer.shape[2]]
    region *= 1.0 - body.layer[3]
    region += body.layer[:3]
    return scenery.degrade(image, rng), _visible(joints, body, camera)


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """A drawn body, in the smallest window of the image that contains it.

    Attributes:
        corner: Row and column, px, of the window's first pixel.
        layer: Array of shape `[4, height, width]`: colours, 0 to 255, times coverage;
            coverage, 0 to 1.
        depth: Array of shape `[2 * height, 2 * width]`: z of the nearest surface, mm,
            infinity where there is none, for the four quarters of each pixel.
        points: Array of shape `[3, num_points]`: the surface, mm, camera frame.
    """

    corner: tuple[int, int]
    layer: np.ndarray
    depth: np.ndarray
    points: np.ndarray


def draw_body(
    joints: np.ndarray,
    up: np.ndarray,
    camera: CropCamera,
    image_size: int,
    outfit: wardrobe.Outfit,
    light: dict,
) -> Body:
    """Draws one body without background.

    Args:
        joints: As for `render`.
        up: As for `render`.
        camera: As for `render`.
        image_size: As for `render`.
        outfit: The person's outfit.
        light: What `draw_light` returned.
    """
    rings = bodies.control_rings(joints, up, outfit.figure)
    focal = camera.focal_px * _OVERSAMPLING
    pixel_mm = joints[:, 2].mean() / focal / _POINTS_PER_PIXEL
    level = int(np.floor(np.log(pixel_mm) / np.log(1.15)))
    grid = lofts.row_grid(level, outfit.left_out)
    rows, slopes = grid.rows(rings)
    rows[3:9] *= painting.widening_factors(outfit, grid.part, rows[9])
    samples = lofts.visible_samples(rows, slopes, grid.groups)
    offset = ((camera.principal_point_px + 0.5) * _OVERSAMPLING - 0.5).astype(np.float32)
    scale = np.float32(focal) / samples.points[2]
    x = np.rint(samples.points[0] * scale + offset[0]).astype(np.int32)
    y = np.rint(samples.points[1] * scale + offset[1]).astype(np.int32)
    left, width = _window(x, image_size)
    top, height = _window(y, image_size)
    x -= left * _OVERSAMPLING
    y -= top * _OVERSAMPLING
    height, width = height * _OVERSAMPLING, width * _OVERSAMPLING
    # Viewed as unsigned, negative numbers are large: one comparison covers both borders.
    inside = np.flatnonzero((x.view(np.uint32) < width) & (y.view(np.uint32) < height))
    distance = samples.points[2, inside]
    nearest = _nearest(y[inside] * width + x[inside], distance, height * width)
    # The extra last point stands for no surface, infinitely far away.
    depth = np.append(distance, np.float32(np.inf))[nearest].reshape(height, width)
    _fill_holes(nearest.reshape(height, width), depth)
    covered = np.flatnonzero(nearest >= 0)
    layer = np.zeros([4, height * width], np.float32)
    winners = inside[nearest[covered]]
    shaded = _light_up(light, rows, slopes, samples, winners)
    shaded *= _paint(outfit, grid.part, rows[9], samples, winners).T
    for channel in range(3):
        layer[channel, covered] = shaded[channel]
    layer[3, covered] = 1.0
    layer = _halved(layer.reshape(4, height, width))
    return Body((top, left), layer, depth, samples.points)


def _window(pixels, size):
    """Returns first pixel and number of pixels in the image that oversampled pixels cover."""
    first = min(max(int(pixels.min()) // _OVERSAMPLING, 0), size - 1)
    last = min(max(int(pixels.max()) // _OVERSAMPLING, first), size - 1)
    return first, last - first + 1


def _nearest(pixel, depth, num_pixels):
    """Returns the index of the nearest point of each pixel, -1 where there is none."""
    if not depth.size:
        return np.full(num_pixels, -1, np.int32)
    # Radix sort from far to near by 16 bits of depth (0.05 mm); the last assignment wins.
    low, high = depth.min(), depth.max()
    keys = ((high - depth) * np.float32(65535.0 / max(high - low, 1e-3))).astype(np.uint16)
    order = np.argsort(keys, kind="stable")
    nearest = np.full(num_pixels, -1, np.int32)
    nearest[pixel[order]] = order
    return nearest


def _fill_holes(nearest, depth):
    """Fills single pixels far behind both neighbours with the first neighbour's point."""
    for axis in (1, 0):
        flat = np.moveaxis(depth, axis, 1)
        points = np.moveaxis(nearest, axis, 1)
        before, here, after = flat[:, :-2], flat[:, 1:-1], flat[:, 2:]
        holes = here > np.maximum(before, after) + _HOLE_MM
        row, column = np.nonzero(holes)
        flat[row, column + 1] = flat[row, column]
        points[row, column + 1] = points[row, column]


def _halved(layer):
    """Averages 2 x 2 pixels of [channels, height, width]."""
    rows = layer[:, ::2] + layer[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)


def _paint(outfit, part, position, samples, winners):
    """Returns colours [num_covered, 3] of the visible points before lighting, 0 to 255."""
    row = samples.row[winners]
    colours, kind = painting.row_colours(outfit, part, position)
    colours = colours[row]
    angles = samples.cosine[winners], samples.sine[winners]
    painting.paint_points(outfit, colours, kind[row], position[row], *angles)
    return colours


def _light_up(light, rows, slopes, samples, winners):
    """Computes the factors [3, num_covered] by which light scales the points' colours."""
    row, cosine, sine = samples.row[winners], samples.cosine[winners], samples.sine[winners]
    first, second = np.take(rows[3:9], row, axis=1).reshape(2, 3, -1)
    slope = np.take(slopes[:9], row, axis=1).reshape(3, 3, -1)
    axial = slope[0] + cosine * slope[1] + sine * slope[2]
    tangent = cosine * second - sine * first
    normal = np.stack(
        [
            tangent[1] * axial[2] - tangent[2] * axial[1],
            tangent[2] * axial[0] - tangent[0] * axial[2],
            tangent[0] * axial[1] - tangent[1] * axial[0],
        ]
    )
    # Visible surfaces face the camera, which decides the sign of the normal.
    point = samples.points[:, winners]
    away = normal[0] * point[0] + normal[1] * point[1] + normal[2] * point[2] > 0
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + np.float32(1e-9)
    normal *= np.where(away, np.float32(-1), np.float32(1)) / length
    diffuse = np.maximum(light["direction"] @ normal, 0.0)
    # Ambient light from the sky, with less on surfaces that turn away from the camera.
    ambient = (np.float32(0.775) + np.float32(0.225) * (light["up"] @ normal)) * (
        np.float32(0.7) - np.float32(0.3) * normal[2]
    )
    shade = light["ambient"] * ambient + light["strength"] * diffuse
    return light["colour"][:, None] * shade


def draw_light(rng, up):
    """Draws a sun or lamp: direction towards it (camera frame), colour, strength."""
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


def _visible(joints, body, camera):
    back = np.linalg.norm(joints[8] - joints[7]) + np.linalg.norm(joints[7] - joints[0])
    pixel = camera.focal_px * joints[:, :2] / joints[:, 2:] + camera.principal_point_px
    quarter = np.rint((pixel - body.corner[::-1] + 0.5) * _OVERSAMPLING - 0.5).astype(int)
    size = np.array(body.depth.shape[::-1])
    inside = ((quarter >= 0) & (quarter < size)).all(1)
    x, y = np.clip(quarter, 0, size - 1).T
    behind = body.depth[y, x] < joints[:, 2] - _FLESH_MM * (back / 551.0)
    return ~(inside & behind)
