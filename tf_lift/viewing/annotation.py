"""Draws people quickly: 2D skeletons on an image, and their 3D poses in a panel beside it."""

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from tf_lift.skeletons import Skeleton
from tf_lift.viewing.panels import COLOURS

__all__ = ["Panel", "annotate", "beside"]

# Colours of people, of the Okabe-Ito palette, which colour-blind readers distinguish.
PEOPLE = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2")
# The panel's view: turned about the vertical and from above, so that depth shows.
_TURN = np.deg2rad(35.0)
_ELEVATION = np.deg2rad(15.0)
_BACKGROUND = "#ffffff"
_FLOOR = "#d9d9d9"
_TILE_MM = 500.0
# Drawn larger and shrunk, lines are smooth.
_OVERSAMPLING = 2


def annotate(
    image: np.ndarray, landmarks, skeleton: Skeleton, people=None, visible=None
) -> np.ndarray:
    """Draws 2D skeletons on an image.

    Args:
        image: `[height, width, 3]`, uint8, RGB.
        landmarks: `[P, L, 2]`, px, NaN for joints to leave out.
        skeleton: Skeleton of the landmarks.
        people: `[P]`, int: numbers of the people, which choose their colours and are written
            beside them; `None` for none.
        visible: `[P, L]`, bool: bones between joints that were not seen are thin.

    Returns:
        A new image of the same shape.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture, "RGBA")
    landmarks = np.asarray(landmarks, float)
    width = max(2, round(min(image.shape[:2]) / 180))
    for row, points in enumerate(landmarks):
        seen = np.ones(len(points), bool) if visible is None else np.asarray(visible[row])
        _draw_bones(draw, points, skeleton, width, seen)
        if people is not None and np.isfinite(points).all(-1).any():
            _draw_number(draw, points, int(people[row]), image.shape, width)
    return np.asarray(picture)


def _draw_bones(draw, points, skeleton, width, seen):
    for joint, parent in enumerate(skeleton.parents):
        if parent < 0 or not np.isfinite(points[[joint, parent]]).all():
            continue
        colour = COLOURS[_side(skeleton.joint_names[joint])]
        thick = width if seen[joint] and seen[parent] else max(1, width // 2)
        line = [tuple(points[joint]), tuple(points[parent])]
        draw.line(line, fill="#ffffff", width=thick + 2)
        draw.line(line, fill=colour, width=thick)
    radius = 0.8 * width
    for point in points[np.isfinite(points).all(-1)]:
        x, y = point
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill="#ffffff")


def _draw_number(draw, points, number, shape, width):
    known = points[np.isfinite(points).all(-1)]
    size = max(12, 7 * width)
    x = float(np.clip(np.median(known[:, 0]), 0, shape[1] - size))
    y = float(np.clip(known[:, 1].min() - 1.8 * size, 0, shape[0] - size))
    draw.text(
        (x, y),
        str(number),
        fill=PEOPLE[number % len(PEOPLE)],
        stroke_fill="#000000",
        stroke_width=max(1, width // 2),
        font_size=size,
    )


def _side(name):
    return next((side for side in ("left", "right") if name.startswith(side)), "middle")


class Panel:
    """A square view of people in 3D, the same for all frames of a video.

    Args:
        joints: `[N, L, 3]`, mm, z up: all that will be drawn, to choose the view's size by.
        skeleton: Skeleton of the joints.
        size: Side of the panel, px.
    """

    def __init__(self, joints, skeleton: Skeleton, size: int):
        self.skeleton, self.size = skeleton, size
        joints = np.asarray(joints, float)
        known = joints[np.isfinite(joints).all((-2, -1))].reshape(-1, 3)
        known = known if len(known) else np.zeros([1, 3])
        # A few poses that are far off do not make all others small.
        low, high = np.quantile(known, 0.01, axis=0), np.quantile(known, 0.99, axis=0)
        self._centre = (low + high) / 2
        self._floor = low[2]
        self._reach = max(np.linalg.norm(high[:2] - low[:2]) / 2, (high[2] - low[2]) / 2, 900.0)

    def _project(self, points):
        """Returns px `[..., 2]` and nearness `[...]` of points `[..., 3]`, mm, z up."""
        x, y, z = np.moveaxis(np.asarray(points, float) - self._centre, -1, 0)
        right = x * np.cos(_TURN) + y * np.sin(_TURN)
        away = -x * np.sin(_TURN) + y * np.cos(_TURN)
        up = z * np.cos(_ELEVATION) + away * np.sin(_ELEVATION)
        zoom = self.size * _OVERSAMPLING / (2.3 * self._reach)
        middle = self.size * _OVERSAMPLING / 2
        return np.stack([middle + zoom * right, middle - zoom * up], -1), -away

    def draw(self, joints, people=None) -> np.ndarray:
        """Draws people: `[P, L, 3]`, mm, z up, NaN for those to leave out.

        Args:
            joints: The poses.
            people: `[P]`, int: their numbers, which choose the colour of their place on the floor.

        Returns:
            `[size, size, 3]`, uint8.
        """
        side = self.size * _OVERSAMPLING
        picture = Image.new("RGB", (side, side), _BACKGROUND)
        draw = ImageDraw.Draw(picture)
        self._draw_floor(draw)
        joints = np.asarray(joints, float).reshape(-1, self.skeleton.num_joints, 3)
        shown = [row for row in range(len(joints)) if np.isfinite(joints[row]).all()]
        nearness = {row: self._project(joints[row])[1].mean() for row in shown}
        width = max(3, side // 110)
        for row in sorted(shown, key=nearness.__getitem__):
            if people is not None:
                self._draw_place(draw, joints[row], int(people[row]))
            points, depth = self._project(joints[row])
            parents = np.array(self.skeleton.parents)
            bones = [joint for joint in range(len(parents)) if parents[joint] >= 0]
            for joint in sorted(bones, key=lambda j: depth[j] + depth[parents[j]]):
                colour = COLOURS[_side(self.skeleton.joint_names[joint])]
                line = [tuple(points[joint]), tuple(points[parents[joint]])]
                draw.line(line, fill=_BACKGROUND, width=width + 4)
                draw.line(line, fill=colour, width=width)
        return np.asarray(picture.reduce(_OVERSAMPLING))

    def _draw_floor(self, draw):
        count = int(np.ceil(1.2 * self._reach / _TILE_MM))
        ends = _TILE_MM * count
        start = np.round(self._centre[:2] / _TILE_MM) * _TILE_MM
        for step in np.arange(-count, count + 1) * _TILE_MM:
            for line in (
                [[step, -ends], [step, ends]],
                [[-ends, step], [ends, step]],
            ):
                corners = np.concatenate([np.array(line) + start, np.full([2, 1], self._floor)], 1)
                points = self._project(corners)[0]
                draw.line([tuple(point) for point in points], fill=_FLOOR, width=2)

    def _draw_place(self, draw, joints, number):
        angles = np.linspace(0, 2 * np.pi, 24)
        middle = joints[:, :2].mean(0)
        circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(24)], -1) * 200
        circle += [*middle, self._floor]
        colour = ImageColor.getrgb(PEOPLE[number % len(PEOPLE)])
        draw.polygon([tuple(point) for point in self._project(circle)[0]], fill=colour)


def beside(image: np.ndarray, panel: np.ndarray) -> np.ndarray:
    """Places a panel to the right of an image, at the image's height."""
    height = image.shape[0]
    if panel.shape[0] != height:
        size = (round(panel.shape[1] * height / panel.shape[0]), height)
        panel = np.asarray(Image.fromarray(panel).resize(size, Image.Resampling.BILINEAR))
    return np.concatenate([image, panel], 1)
