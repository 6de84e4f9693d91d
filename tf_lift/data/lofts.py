"""From control rings to surface points: as dense as an image needs, in one product.

A row of a loft is an ellipse `centre + cos(v) first + sin(v) second`. Rows are linear in
the control rings (Catmull-Rom splines), so a matrix, cached per density, gives all rows
of a body. Of each row only the half that faces the camera is sampled.
"""

import functools

import numpy as np

from tf_lift.data.bodies import NUM_RINGS, PARTS

__all__ = ["PART_INDEX", "RowGrid", "row_grid", "visible_samples"]

PART_INDEX = {name: index for index, name in enumerate(PARTS)}
# Nominal distance between neighbouring rings, mm (generous: foreshortening shrinks it),
# and half the girth, mm, of each part.
_SPACING = {"skirt": (70, 700), "torso": (70, 480), "hair": (45, 330), "head": (28, 310)}
_SPACING |= {"thigh": (75, 300), "neck": (30, 190), "shin": (80, 190), "upper_arm": (55, 185)}
_SPACING |= {"foot": (40, 165), "forearm": (55, 150), "hand": (26, 120)}
_SPACING |= {"nose": (16, 60), "ear": (24, 80)}
# Parts sampled with the same number of points per row: fewer, larger array operations.
_GROUPS = (("skirt", "torso"), ("hair", "head", "thigh"), ("neck", "shin", "upper_arm", "foot"))
_GROUPS += (("forearm", "hand", "nose", "ear"),)


class RowGrid:
    """How the rows of a set of parts follow from the control rings.

    Attributes:
        weights: Array of shape `[num_rows, NUM_RINGS]`: rows from rings.
        slopes: As `weights`, for the derivative along the part.
        part: Array of shape `[num_rows]`: index of the part in `bodies.PARTS`.
        groups: List of (slice of rows, angles in [-1, 1] of the visible half).
    """

    def __init__(self, spacing_mm: float, left_out: frozenset):
        weights, slopes, parts, self.groups = [], [], [], []
        first_ring = 0
        bounds = {}
        for index, (name, num_rings) in enumerate(PARTS.items()):
            kind = name.removeprefix("left_").removeprefix("right_")
            if name not in left_out:
                per_interval = max(2, int(np.ceil(_SPACING[kind][0] / spacing_mm)))
                block, slope = _catmull_rom(num_rings, per_interval)
                for blocks, values in ((weights, block), (slopes, slope)):
                    row = np.zeros([len(values), NUM_RINGS], np.float32)
                    row[:, first_ring : first_ring + num_rings] = values
                    blocks.append(row)
                begin = len(parts)
                parts += [index] * len(block)
                group = next(g for g, kinds in enumerate(_GROUPS) if kind in kinds)
                girth = max(_SPACING[kind][1], bounds.get(group, (0, 0, 0))[2])
                bounds[group] = (bounds.get(group, (begin,))[0], len(parts), girth)
            first_ring += num_rings
        self.weights = np.concatenate(weights)
        self.slopes = np.concatenate(slopes)
        self.part = np.array(parts)
        for begin, end, girth in bounds.values():
            count = max(6, int(np.ceil(girth / spacing_mm)))
            self.groups.append((slice(begin, end), np.linspace(-1, 1, count, dtype=np.float32)))


@functools.lru_cache(maxsize=64)
def row_grid(level: int, left_out: frozenset) -> RowGrid:
    """Returns the grid whose points are `1.15 ** level` mm apart."""
    return RowGrid(1.15**level, left_out)


def visible_samples(rows: np.ndarray, slopes: np.ndarray, groups: list) -> tuple:
    """Samples the half of each row that faces the camera.

    Args:
        rows: Array of shape `[num_rows, 9]`: centre, first, second, mm, camera frame.
        slopes: Their derivatives along the part.
        groups: From `RowGrid.groups`.

    Returns:
        Tuple of `points` `[3, num_points]`, mm; `row` `[num_points]`, index of each
        point's row; `cosine` and `sine` `[num_points]` of its angle.
    """
    centre, first, second = rows[:, :3], rows[:, 3:6], rows[:, 6:9]
    along = slopes[:, :3]
    # With the taper left out, the outward normal at angle v is proportional to
    # cos(v) second x along + sin(v) along x first (for right-handed rows), plus a part
    # along the axis that the growth of the radius causes; it faces the camera on an
    # arc about the angle of the largest product with the direction to the camera.
    to_camera = -centre
    towards_first = (np.cross(second, along) * to_camera).sum(1)
    towards_second = (np.cross(along, first) * to_camera).sum(1)
    sign = np.where((np.cross(first, second) * along).sum(1) < 0, np.float32(-1), np.float32(1))
    middle = np.arctan2(sign * towards_second, sign * towards_first)
    # A radius that grows by r' per step tilts the normal by -r r' along the axis.
    growth = 0.5 * ((first * slopes[:, 3:6]).sum(1) + (second * slopes[:, 6:9]).sum(1))
    tilt = growth * (along * to_camera).sum(1) / (np.sqrt((along * along).sum(1)) + 1e-6)
    reach = np.hypot(towards_first, towards_second) + 1e-6
    half = np.arccos(np.clip(tilt / reach, -1, 1)) + 0.12
    half = np.minimum(half, np.float32(np.pi)).astype(np.float32)
    points, index, cosines, sines = [], [], [], []
    row_numbers = np.arange(len(rows))
    for part, angles in groups:
        angle = middle[part, None] + half[part, None] * angles
        cosine, sine = np.cos(angle), np.sin(angle)
        points.append(
            np.stack(
                [
                    centre[part, axis, None]
                    + first[part, axis, None] * cosine
                    + second[part, axis, None] * sine
                    for axis in range(3)
                ]
            ).reshape(3, -1)
        )
        index.append(np.repeat(row_numbers[part], len(angles)))
        cosines.append(cosine.ravel())
        sines.append(sine.ravel())
    return (
        np.concatenate(points, axis=1),
        np.concatenate(index),
        np.concatenate(cosines),
        np.concatenate(sines),
    )


def _catmull_rom(num_rings, per_interval):
    """Matrices [num_rows, num_rings] of values and derivatives of the spline."""
    count = (num_rings - 1) * per_interval + 1
    place = np.linspace(0, num_rings - 1, count)
    interval = np.minimum(place.astype(int), num_rings - 2)
    t = place - interval
    value = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    slope = [-1 + 4 * t - 3 * t**2, -10 * t + 9 * t**2, 1 + 8 * t - 9 * t**2, 3 * t**2 - 2 * t]
    values, slopes = np.zeros([2, count, num_rings])
    for shift in range(4):
        ring = interval + shift - 1
        # The neighbours beyond the ends are those that continue the end's straight line.
        for target, term in ((values, value[shift] / 2), (slopes, slope[shift] / 2)):
            rows = np.arange(count)
            inside = (ring >= 0) & (ring < num_rings)
            np.add.at(target, (rows[inside], ring[inside]), term[inside])
            for outside, end, inner in ((ring < 0, 0, 1), (ring >= num_rings, -1, -2)):
                target[outside, end] += 2 * term[outside]
                target[outside, inner] -= term[outside]
    return values.astype(np.float32), slopes.astype(np.float32)
