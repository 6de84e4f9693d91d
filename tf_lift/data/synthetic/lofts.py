"""Samples surface points from control rings, at the density that an image needs.

A row of a loft is an ellipse `centre + cos(v) first + sin(v) second`. Rows are linear in
the control rings (Catmull-Rom splines), with weights that are cached per density. Only the
arc of each row that faces the camera is sampled.
"""

import dataclasses
import functools

import numpy as np

from tf_lift.data.synthetic import bodies

__all__ = ["PART_INDEX", "RowGrid", "Samples", "row_grid", "visible_samples"]

PART_INDEX = {name: index for index, name in enumerate(bodies.PARTS)}
# Parts of a group have the same number of points per row, for fewer and larger array
# operations. (`bodies.PARTS` keeps the parts of a group together.)
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("skirt", "torso"),
    ("hair", "head", "thigh"),
    ("neck", "shin", "upper_arm", "foot"),
    ("forearm", "hand", "nose", "ear"),
)


class RowGrid:
    """Weights that interpolate the rows of a set of parts from the control rings.

    Attributes:
        rings: Array of shape `[4, num_rows]`: indices of the control rings of each row.
        weights: Array of shape `[4, num_rows]`: weights of these rings.
        slopes: Like `weights`, for the derivative along the part.
        part: Array of shape `[num_rows]`: index of the part in `bodies.PARTS`.
        groups: List of (slice of rows, angles in [-1, 1] of the visible arc).
    """

    def __init__(self, spacing_mm: float, left_out: frozenset):
        nominal = bodies.control_rings(
            bodies.STANDING, np.array([0.0, 0.0, 1.0]), bodies.Figure(girth=1.1, hair_length_mm=120)
        )
        columns: list[np.ndarray] = []
        weights: list[np.ndarray] = []
        slopes: list[np.ndarray] = []
        parts: list[int] = []
        self.groups: list[tuple[slice, np.ndarray]] = []
        bounds: dict = {}
        first_ring = 0
        for index, (name, num_rings) in enumerate(bodies.PARTS.items()):
            ring_range = slice(first_ring, first_ring + num_rings)
            first_ring += num_rings
            if name in left_out:
                continue
            lengths, half_girth = _extent(nominal[ring_range])
            counts = np.maximum(1, np.ceil(lengths / spacing_mm)).astype(int)
            ring, weight, slope = _catmull_rom(counts)
            columns.append(ring + ring_range.start)
            weights.append(weight)
            slopes.append(slope)
            begin, end = len(parts), len(parts) + weights[-1].shape[1]
            parts += [index] * (end - begin)
            kind = name.removeprefix("left_").removeprefix("right_")
            group = next(number for number, kinds in enumerate(_GROUPS) if kind in kinds)
            begin, _, girth = bounds.get(group, (begin, end, 0.0))
            bounds[group] = (begin, end, max(girth, half_girth))
        self.rings = np.concatenate(columns, axis=1)
        self.weights = np.concatenate(weights, axis=1).astype(np.float32)
        self.slopes = np.concatenate(slopes, axis=1).astype(np.float32)
        self.part = np.array(parts)
        for begin, end, girth in bounds.values():
            count = max(6, int(np.ceil(girth / spacing_mm)))
            self.groups.append((slice(begin, end), np.linspace(-1, 1, count, dtype=np.float32)))

    def rows(self, control_rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes rows and their derivatives, both `[10, num_rows]`, from control rings."""
        rings = np.take(np.ascontiguousarray(control_rings.T), self.rings, axis=1)
        return (self.weights * rings).sum(1), (self.slopes * rings).sum(1)


@functools.lru_cache(maxsize=64)
def row_grid(level: int, left_out: frozenset) -> RowGrid:
    """Returns the grid whose points are at most about `1.15 ** level` mm apart."""
    return RowGrid(1.15**level, left_out)


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Surface points.

    Attributes:
        points: Array of shape `[3, num_points]`, mm, camera frame.
        row: Array of shape `[num_points]`: index of each point's row.
        cosine, sine: Arrays of shape `[num_points]`, of each point's angle.
    """

    points: np.ndarray
    row: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray


def visible_samples(rows: np.ndarray, slopes: np.ndarray, groups: list) -> Samples:
    """Samples the arc of each row that faces the camera.

    Args:
        rows: Array of shape `[9 or more, num_rows]`: centre, first, second, mm, camera
            frame.
        slopes: Derivatives of `rows` along the part.
        groups: From `RowGrid.groups`.

    Returns:
        `Samples` of all groups.
    """
    centre, first, second, tangent = rows[:3], rows[3:6], rows[6:9], slopes[:3]
    # The outward normal at angle v of a row of constant radius is
    # cos(v) second x tangent + sin(v) tangent x first (`sign` is -1 for left-handed rows). It
    # faces the camera on a half circle about the angle `middle`.
    to_first = -_dot(_cross(second, tangent), centre)
    to_second = -_dot(_cross(tangent, first), centre)
    sign = np.where(_dot(_cross(first, second), tangent) < 0, np.float32(-1), np.float32(1))
    middle = np.arctan2(sign * to_second, sign * to_first)
    # Where the radius r has the derivative r', the normal tilts by -r r' along the axis.
    radius_times_slope = 0.5 * (_dot(first, slopes[3:6]) + _dot(second, slopes[6:9]))
    tilt = -radius_times_slope * _dot(tangent, centre) / (np.sqrt(_dot(tangent, tangent)) + 1e-6)
    reach = np.sqrt(to_first * to_first + to_second * to_second) + 1e-6
    # The margin covers what this neglects: ellipses that change shape, bent axes.
    half = np.minimum(np.arccos(np.clip(tilt / reach, -1, 1)) + 0.12, np.float32(np.pi))
    counts = [(part.stop - part.start) * len(angles) for part, angles in groups]
    points = np.empty([3, sum(counts)], np.float32)
    row = np.empty(sum(counts), np.int32)
    cosine, sine = np.empty([2, sum(counts)], np.float32)
    end = 0
    for count, (part, angles) in zip(counts, groups, strict=True):
        shape = (part.stop - part.start, len(angles))
        begin, end = end, end + count
        angle = middle[part, None] + half[part, None] * angles
        cos, sin = cosine[begin:end].reshape(shape), sine[begin:end].reshape(shape)
        np.cos(angle, out=cos)
        np.sin(angle, out=sin)
        row[begin:end].reshape(shape)[:] = np.arange(part.start, part.stop)[:, None]
        for axis in range(3):
            values = points[axis, begin:end].reshape(shape)
            np.multiply(first[axis, part, None], cos, out=values)
            values += second[axis, part, None] * sin
            values += centre[axis, part, None]
    return Samples(points, row, cosine, sine)


def _extent(rings):
    """Returns the largest distances [num_rings - 1] between rings, and half the girth."""
    steps = np.diff(rings[:, :9].reshape(-1, 3, 3), axis=0)
    centre, first, second = np.moveaxis(np.sqrt((steps**2).sum(-1)), 1, 0)
    radius = np.sqrt((rings[:, 3:9].reshape(-1, 2, 3) ** 2).sum(-1)).max()
    return np.hypot(centre, np.maximum(first, second)), np.pi * radius


def _catmull_rom(counts):
    """Returns ring indices and weights of values and derivatives of a spline, [4, num_rows]."""
    num_rings = len(counts) + 1
    interval = np.append(np.repeat(np.arange(num_rings - 1), counts), num_rings - 2)
    t = np.concatenate([np.arange(count) / count for count in counts] + [np.ones(1)])
    value = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    slope = [-1 + 4 * t - 3 * t**2, -10 * t + 9 * t**2, 1 + 8 * t - 9 * t**2, 3 * t**2 - 2 * t]
    rings = interval + np.arange(-1, 3)[:, None]
    # Extrapolate linearly for the rings before the first and after the last.
    before, after = rings[0] < 0, rings[3] >= num_rings
    for terms in (value, slope):
        terms[1] = terms[1] + np.where(before, 2 * terms[0], 0) - np.where(after, terms[3], 0)
        terms[2] = terms[2] - np.where(before, terms[0], 0) + np.where(after, 2 * terms[3], 0)
        terms[0] = np.where(before, 0, terms[0])
        terms[3] = np.where(after, 0, terms[3])
    return np.clip(rings, 0, num_rings - 1), np.stack(value) / 2, np.stack(slope) / 2


def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
