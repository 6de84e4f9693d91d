"""Draws the panels of figures: an image with landmarks, a view of 3D poses. Internal."""

import dataclasses

import numpy as np
from matplotlib import patches, patheffects
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tf_lift.skeletons import Skeleton

__all__ = ["COLOURS", "Scene", "draw_landmarks", "draw_view", "legend_handles"]

# Blue, vermillion and black of the Okabe-Ito palette, which colour-blind readers distinguish.
COLOURS = {"left": "#0072b2", "right": "#d55e00", "middle": "#1a1a1a", "true": "#8c8c8c"}

# Elevation of the 3D views: looking down a little shows the floor as a surface, and depth on it.
ELEVATION = np.deg2rad(12.0)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A box around 3D poses, the same for each of their views.

    Attributes:
        centre: Array of shape `[3]`, mm, camera frame: the middle of the floor.
        half_width: Half the side of the square floor, mm, a multiple of `step`.
        height: Height of the poses above the floor, mm.
        step: Distance between ticks, mm: two floor tiles.
    """

    centre: np.ndarray
    half_width: float
    height: float
    step: float

    @classmethod
    def enclosing(cls, *poses: np.ndarray) -> "Scene":
        """Returns the scene that encloses poses of shape `[num_joints, 3]`, mm, camera frame.

        The floor is at the lowest joint of the first pose.

        >>> scene = Scene.enclosing(np.array([[-300.0, -900.0, 0.0], [300.0, 800.0, 100.0]]))
        >>> scene.centre.tolist(), scene.half_width, scene.height
        ([0.0, 800.0, 50.0], 1000.0, 1700.0)
        """
        points = np.concatenate([pose[np.isfinite(pose).all(-1)] for pose in poses])
        if not len(points):
            points = np.zeros([1, 3])
        low, high = points.min(0), points.max(0)
        first = poses[0][np.isfinite(poses[0]).all(-1)]
        floor = first[:, 1].max() if len(first) else high[1]
        height = max(floor - low[1], 1.0)
        # Steps of 1, 2 or 5 times a power of ten: two to six per height of the pose, 500 mm for
        # a standing person.
        power = 10.0 ** np.floor(np.log10(height / 2.4))
        step = power * max(factor for factor in (1, 2, 5) if factor * power <= height / 2.4)
        # Make the floor as wide as the panel, a square around the height.
        reach = max(high[0] - low[0], high[2] - low[2], height) / 2
        half_width = step * np.ceil(reach / step)
        centre = np.array([(low[0] + high[0]) / 2, floor, (low[2] + high[2]) / 2])
        return cls(centre, float(half_width), float(height), float(step))


def draw_landmarks(
    axes: Axes,
    landmarks: np.ndarray,
    skeleton: Skeleton,
    visibility: np.ndarray,
    size: float = 1.0,
) -> None:
    """Draws a 2D skeleton on an image, with hidden joints hollow and their bones dashed.

    Args:
        axes: Axes in the units of the landmarks.
        landmarks: Array of shape `[num_joints, 2]`, (x, y); NaN is left out.
        skeleton: Names and bones of the joints.
        visibility: Array of shape `[num_joints]`, bool.
        size: Factor of line widths and markers.
    """
    for parent, child in skeleton.bones:
        bone = landmarks[[parent, child]].T
        is_visible = visibility[parent] and visibility[child]
        # A white line under the bone makes it stand out from any image.
        axes.plot(*bone, color="white", linewidth=3.6 * size, solid_capstyle="round", zorder=2.4)
        axes.plot(
            *bone,
            color=_colour(skeleton, child),
            linewidth=2.0 * size,
            linestyle="-" if is_visible else (0, (1.6, 1.2)),
            solid_capstyle="round",
            zorder=3 if is_visible else 2.5,
        )
    for joint in range(skeleton.num_joints):
        axes.plot(
            *landmarks[joint],
            marker="o",
            markersize=5.0 * size,
            markerfacecolor=_colour(skeleton, joint) if visibility[joint] else "white",
            markeredgecolor="white" if visibility[joint] else _colour(skeleton, joint),
            markeredgewidth=(0.6 if visibility[joint] else 1.2) * size,
            zorder=4,
        )


def draw_true_landmarks(axes: Axes, landmarks: np.ndarray, skeleton: Skeleton, size: float = 1.0):
    """Draws the true 2D skeleton in grey, under the estimate."""
    halo = [patheffects.Stroke(linewidth=5.0 * size, foreground="white"), patheffects.Normal()]
    for bone in skeleton.bones:
        axes.plot(
            *landmarks[list(bone)].T,
            color=COLOURS["true"],
            linewidth=3.6 * size,
            solid_capstyle="round",
            path_effects=halo,
            zorder=2,
        )


def draw_view(
    axes: Axes,
    joints_3d: np.ndarray,
    skeleton: Skeleton,
    scene: Scene,
    azimuth: float,
    *,
    visibility: np.ndarray,
    stddev: np.ndarray | None = None,
    true_joints_3d: np.ndarray | None = None,
    size: float = 1.0,
) -> None:
    """Draws an orthographic view of a 3D pose above a floor.

    Args:
        axes: Empty axes.
        joints_3d: Array of shape `[num_joints, 3]`, mm, camera frame.
        skeleton: Names and bones of the joints.
        scene: Floor and extent, shared by all views of the pose.
        azimuth: Direction of view, rad: 0 as the camera looks, pi / 2 from the camera's
            right, with points far from the camera on the right.
        visibility: Array of shape `[num_joints]`, bool: hidden joints are drawn hollow.
        stddev: Array of shape `[num_joints]`, mm: radius of the disc around each joint.
        true_joints_3d: Array like `joints_3d`, drawn in grey.
        size: Factor of line widths and markers.
    """
    _draw_floor(axes, scene, azimuth, size)
    for pose, colour in ((true_joints_3d, "#d9d9d9"), (joints_3d, "#bdbdbd")):
        if pose is not None:
            shadow = pose.copy()
            shadow[:, 1] = scene.centre[1]
            flat, _ = _project(shadow, azimuth)
            for bone in skeleton.bones:
                axes.plot(*flat[list(bone)].T, color=colour, linewidth=2 * size, zorder=1)
    if true_joints_3d is not None:
        flat, _ = _project(true_joints_3d, azimuth)
        for bone in skeleton.bones:
            axes.plot(
                *flat[list(bone)].T,
                color=COLOURS["true"],
                linewidth=3.6 * size,
                alpha=0.75,
                solid_capstyle="round",
                zorder=2,
            )
    flat, depth = _project(joints_3d, azimuth)
    halo = [patheffects.Stroke(linewidth=3.6 * size, foreground="white"), patheffects.Normal()]
    # Near parts cover far ones: the z-order runs from 3 (far) to 4 (near).
    spread = max(float(np.ptp(depth)), 1.0) if np.isfinite(depth).all() else 1.0
    order = 4 - (depth - np.nanmin(depth)) / spread if np.isfinite(depth).any() else depth * 0 + 3
    for parent, child in skeleton.bones:
        axes.plot(
            *flat[[parent, child]].T,
            color=_colour(skeleton, child),
            linewidth=2.4 * size,
            solid_capstyle="round",
            path_effects=halo,
            zorder=np.nan_to_num((order[parent] + order[child]) / 2, nan=3.0),
        )
    for joint in range(skeleton.num_joints):
        colour = _colour(skeleton, joint)
        if stddev is not None and np.isfinite(flat[joint]).all() and np.isfinite(stddev[joint]):
            disc = patches.Circle(
                flat[joint], stddev[joint], facecolor=colour, alpha=0.13, linewidth=0, zorder=2.5
            )
            axes.add_patch(disc)
        axes.plot(
            *flat[joint],
            marker="o",
            markersize=4.6 * size,
            markerfacecolor=colour if visibility[joint] else "white",
            markeredgecolor=colour,
            markeredgewidth=1.0 * size,
            zorder=np.nan_to_num(order[joint], nan=3.0) + 0.3,
        )
    _frame(axes, scene, azimuth)


def _draw_floor(axes, scene, azimuth, size):
    lines = np.arange(-scene.half_width, scene.half_width + scene.step / 4, scene.step / 2)
    ends = np.array([-scene.half_width, scene.half_width])
    for offset in lines:
        for xs, zs in (([offset, offset], ends), (ends, [offset, offset])):
            points = scene.centre + np.stack([xs, [0, 0], zs], -1)
            flat, _ = _project(points, azimuth)
            axes.plot(*flat.T, color="#d8d8d8", linewidth=0.6 * size, zorder=0)


def _frame(axes, scene, azimuth):
    # A ruler on the left: heights above the floor, foreshortened by the elevation.
    (middle, floor), _ = _project(scene.centre, azimuth)
    ticks = np.arange(0.0, scene.height + scene.step / 2, scene.step)
    margin = 0.06 * scene.height
    sink = scene.half_width * np.sin(ELEVATION)
    axes.set_aspect("equal")
    # A square gives both views of a figure the same scale.
    bottom = floor - sink - margin
    top = floor + max(scene.height * np.cos(ELEVATION) + margin, sink) + margin
    half = max(scene.half_width * 1.04, (top - bottom) / 2)
    axes.set_xlim(middle - half, middle + half)
    axes.set_ylim((top + bottom) / 2 - half, (top + bottom) / 2 + half)
    axes.set_yticks(floor + ticks * np.cos(ELEVATION), [f"{tick:.0f}" for tick in ticks])
    across = np.arange(-scene.half_width, scene.half_width + scene.step / 2, scene.step)
    axes.set_xticks(middle + across, [f"{offset:.0f}" for offset in across])
    axes.tick_params(length=2, labelsize=6, colors="#666666", pad=2)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color("#bbbbbb")


def _project(points, azimuth):
    """Projects points `[..., 3]`, camera frame, y down, to a view's plane, y up, and its depth."""
    x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    across = x * np.cos(azimuth) + z * np.sin(azimuth)
    away = z * np.cos(azimuth) - x * np.sin(azimuth)
    up = -y * np.cos(ELEVATION) + away * np.sin(ELEVATION)
    return np.stack([across, up], -1), away * np.cos(ELEVATION) + y * np.sin(ELEVATION)


def _colour(skeleton, joint):
    side = skeleton.joint_names[joint].split("_")[0]
    return COLOURS.get(side, COLOURS["middle"])


def legend_handles(*, hidden: bool, true: bool, stddev: bool) -> list:
    """Returns the legend's entries: the person's two sides, and further drawn items."""
    handles: list = [
        Line2D([], [], color=COLOURS["right"], linewidth=2.4, label="person's right"),
        Line2D([], [], color=COLOURS["left"], linewidth=2.4, label="person's left"),
    ]
    if hidden:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                markersize=5,
                markerfacecolor="white",
                markeredgecolor=COLOURS["middle"],
                label="not seen, inferred",
            )
        )
    if true:
        handles.append(Line2D([], [], color=COLOURS["true"], linewidth=3.6, label="true pose"))
    if stddev:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                markersize=9,
                alpha=0.25,
                markerfacecolor=COLOURS["middle"],
                markeredgewidth=0,
                label="1 standard deviation",
            )
        )
    return handles
