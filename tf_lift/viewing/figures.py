"""Draws figures of poses, without a display and without changing pyplot's state."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tf_lift import skeletons
from tf_lift.io import atomic
from tf_lift.ops import shapes
from tf_lift.viewing import panels

__all__ = ["contact_sheet", "draw_examples", "draw_pose", "save"]

# Views of the 3D pose: title and azimuth (rad). The side view is from the camera's right:
# the camera looks at the person from the left of that panel.
VIEWS = (("3D, camera view", 0.0), ("3D, side view", np.pi / 2))


def draw_pose(
    image,
    landmarks,
    joints_3d,
    skeleton: skeletons.Skeleton | str = skeletons.H36M_17,
    *,
    visibility=None,
    true_landmarks=None,
    true_joints_3d=None,
    joints_3d_stddev=None,
    title: str | None = None,
) -> Figure:
    """Draws one person: the image with the 2D pose, and two views of the 3D pose.

    Args:
        image: Array of shape `[height, width, 3]`, uint8, or float in [0, 1]; `None` for
            a blank one.
        landmarks: Array of shape `[num_joints, 2]`, px of the image.
        joints_3d: Array of shape `[num_joints, 3]`, mm, camera frame.
        skeleton: Skeleton of the joints, or its name.
        visibility: Array of shape `[num_joints]`; joints with 0 are drawn hollow.
        true_landmarks: Array like `landmarks`, drawn in grey.
        true_joints_3d: Array like `joints_3d`, drawn in grey; joint 0 of both should be at the
            same place.
        joints_3d_stddev: Array of shape `[num_joints]`, mm, drawn as discs.
        title: Title of the figure.

    Returns:
        A figure that belongs to no window. Its side view is from the camera's right.

    Raises:
        ValueError: If a shape does not fit the skeleton, or `image` is not an image.

    >>> pose = np.random.default_rng(0).normal(size=[17, 3]) * 300
    >>> figure = draw_pose(None, pose[:, :2], pose)
    >>> [axes.get_title(loc="left") for axes in figure.axes][1:]
    ['3D, camera view', '3D, side view']
    """
    example = {
        "image": image,
        "landmarks": landmarks,
        "joints_3d": joints_3d,
        "visibility": visibility,
        "true_landmarks": true_landmarks,
        "true_joints_3d": true_joints_3d,
        "joints_3d_stddev": joints_3d_stddev,
    }
    return _draw_rows([example], skeleton, title=title, panel_inches=3.5)


def draw_examples(
    examples: Sequence[dict],
    skeleton: skeletons.Skeleton | str = skeletons.H36M_17,
    *,
    title: str | None = None,
) -> Figure:
    """Draws several people, each in a row like that of `draw_pose`.

    Args:
        examples: Dicts of the arguments of `draw_pose`: `image`, `landmarks` and `joints_3d`,
            optionally `visibility`, `true_landmarks`, `true_joints_3d`, `joints_3d_stddev` and
            `title` (a line above the row's image).
        skeleton: Skeleton of the joints, or its name.
        title: Title of the figure.

    Returns:
        A figure that belongs to no window.

    Raises:
        ValueError: If there are no examples, a key is missing or unknown, or a shape does
            not fit.

    >>> pose = np.random.default_rng(0).normal(size=[17, 3]) * 300
    >>> example = {"image": None, "landmarks": pose[:, :2], "joints_3d": pose}
    >>> len(draw_examples([example, example]).axes)
    6
    """
    if not len(examples):
        raise ValueError("`examples` must not be empty. Received: []")
    return _draw_rows(examples, skeleton, title=title, panel_inches=2.7)


def contact_sheet(
    images,
    skeleton: skeletons.Skeleton | str | None = None,
    landmarks=None,
    columns: int = 8,
    *,
    visibility=None,
) -> Figure:
    """Draws many images of one size on a sheet, optionally with their 2D poses.

    Args:
        images: Array of shape `[N, height, width, 3]`, uint8, or float in [0, 1].
        skeleton: Skeleton of the landmarks, or its name. Default: `H36M_17`.
        landmarks: Array of shape `[N, num_joints, 2]`, px of each image.
        columns: Number of images in a row.
        visibility: Array of shape `[N, num_joints]`; joints with 0 are drawn hollow.

    Returns:
        A figure of one panel with one or two dots per pixel.

    Raises:
        ValueError: If there are no images, `columns` is below 1, or a shape does not fit.

    >>> len(contact_sheet(np.zeros([10, 32, 32, 3], np.uint8), columns=5).axes)
    1
    """
    images = np.stack([_pixels(image) for image in images]) if len(images) else np.zeros([0])
    shapes.check_not_empty(images, "images")
    if columns < 1:
        raise ValueError(f"`columns` must be at least 1. Received: {columns}")
    count, height, width, _ = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    gap = max(1, width // 32)
    sheet = np.full([rows * (height + gap) - gap, columns * (width + gap) - gap, 3], 255, np.uint8)
    corners = [
        (index % columns * (width + gap), index // columns * (height + gap))
        for index in range(count)
    ]
    for image, (left, top) in zip(images, corners, strict=True):
        sheet[top : top + height, left : left + width] = image

    dots = 2 if max(sheet.shape) <= 2000 else 1
    figure = _figure(dots * sheet.shape[1] / 200, dots * sheet.shape[0] / 200)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(sheet, interpolation="nearest")
    axes.axis("off")
    if landmarks is not None:
        skeleton = _skeleton(skeleton or skeletons.H36M_17)
        landmarks = np.asarray(landmarks, np.float64)
        shapes.check_shape(landmarks, "landmarks", count, skeleton.num_joints, 2)
        if visibility is None:
            visibility = np.ones([count, skeleton.num_joints])
        is_visible = np.asarray(visibility) > 0
        shapes.check_shape(is_visible, "visibility", count, skeleton.num_joints)
        for index, corner in enumerate(corners):
            panels.draw_landmarks(
                axes, landmarks[index] + corner, skeleton, is_visible[index], size=0.4
            )
    axes.set_xlim(-0.5, sheet.shape[1] - 0.5)
    axes.set_ylim(sheet.shape[0] - 0.5, -0.5)
    return figure


def save(figure: Figure, path: str | os.PathLike, dpi: float = 200.0) -> pathlib.Path:
    """Writes a figure as PNG, a whole file or none, and clears the figure.

    Args:
        figure: Any figure, such as those of this module.
        path: File name, with `.png` added if it has no ending. A missing folder is made.
        dpi: Dots per inch.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the name ends in something other than `.png`.
    """
    path = pathlib.Path(path)
    path = path if path.suffix else path.with_suffix(".png")
    if path.suffix.lower() != ".png":
        raise ValueError(f"`path` must end in .png. Received: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as temporary:
        # A canvas of its own keeps the user's backend, interactive or not, unused.
        FigureCanvasAgg(figure).print_figure(temporary, dpi=dpi, format="png")
    figure.clear()
    return path


def _draw_rows(examples, skeleton, *, title, panel_inches):
    skeleton = _skeleton(skeleton)
    checked = [_checked(example, skeleton) for example in examples]
    # The widest image sets the width of the first column; the views are square.
    ratios = [
        np.clip(e["image"].shape[1] / e["image"].shape[0], 0.5, 1.6)
        if e["image"] is not None
        else 1
        for e in checked
    ]
    widths = [max(ratios), 1.0, 1.0]
    legend, top = 0.32, 0.35 if title else 0.08
    height = panel_inches * len(checked)
    figure = _figure(panel_inches * sum(widths) + 0.6, height + legend + top)
    total = figure.get_figheight()
    grid = figure.add_gridspec(
        len(checked),
        3,
        width_ratios=widths,
        left=0.01,
        right=0.985,
        bottom=(legend + 0.2) / total,
        top=1 - (top + 0.2) / total,
        wspace=0.14,
        hspace=0.2,
    )
    size = panel_inches / 3.5
    for row, example in enumerate(checked):
        _draw_image(figure.add_subplot(grid[row, 0]), example, skeleton, size)
        poses = [p for p in (example["joints_3d"], example["true_joints_3d"]) if p is not None]
        scene = panels.Scene.enclosing(*poses)
        for column, (name, azimuth) in enumerate(VIEWS, start=1):
            axes = figure.add_subplot(grid[row, column])
            panels.draw_view(
                axes,
                example["joints_3d"],
                skeleton,
                scene,
                azimuth,
                visibility=example["visibility"],
                stddev=example["joints_3d_stddev"],
                true_joints_3d=example["true_joints_3d"],
                size=size,
            )
            axes.set_title(name, fontsize=8, loc="left", color="#333333")
        if example["true_joints_3d"] is not None:
            error = np.linalg.norm(example["joints_3d"] - example["true_joints_3d"], axis=-1)
            axes.set_title(
                f"MPJPE {np.nanmean(error):.0f} mm", fontsize=8, loc="right", color="#333333"
            )
    handles = panels.legend_handles(
        hidden=not all(example["visibility"].all() for example in checked),
        true=any(
            example[key] is not None
            for example in checked
            for key in ("true_landmarks", "true_joints_3d")
        ),
        stddev=any(example["joints_3d_stddev"] is not None for example in checked),
    )
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=8
    )
    figure.text(0.985, 0.1 / total, "lengths in mm", fontsize=7, color="#666666", ha="right")
    if title:
        figure.suptitle(title, fontsize=10, y=1 - 0.08 / total, va="top")
    return figure


def _draw_image(axes, example, skeleton, size):
    image, landmarks = example["image"], example["landmarks"]
    if image is not None:
        axes.imshow(image, interpolation="lanczos" if min(image.shape[:2]) > 256 else "nearest")
    if example["true_landmarks"] is not None:
        panels.draw_true_landmarks(axes, example["true_landmarks"], skeleton, size)
        error = np.linalg.norm(landmarks - example["true_landmarks"], axis=-1)
        axes.set_title(
            f"error {np.nanmean(error):.1f} px", fontsize=8, loc="right", color="#333333"
        )
    panels.draw_landmarks(axes, landmarks, skeleton, example["visibility"], size)
    name = "2D landmarks" if image is None else "image and 2D"
    axes.set_title(example["title"] or name, fontsize=8, loc="left", color="#333333")
    axes.set_aspect("equal")
    if image is not None:
        height, width = image.shape[:2]
    else:
        axes.set_facecolor("#f7f7f7")
        finite = landmarks[np.isfinite(landmarks).all(-1)]
        low, high = (finite.min(0), finite.max(0)) if len(finite) else (np.zeros(2), np.ones(2))
        middle, half = (low + high) / 2, 0.56 * max(*(high - low), 1e-9)
        axes.set_xlim(middle[0] - half, middle[0] + half)
        axes.set_ylim(middle[1] + half, middle[1] - half)
    if image is not None:
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(height - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _checked(example, skeleton):
    optional = ("visibility", "true_landmarks", "true_joints_3d", "joints_3d_stddev", "title")
    missing = {"landmarks", "joints_3d"} - example.keys()
    unknown = example.keys() - {"image", "landmarks", "joints_3d", *optional}
    if missing or unknown:
        raise ValueError(
            "`examples` must hold dicts of `draw_pose`'s arguments. "
            f"Received: missing {sorted(missing)}, unknown {sorted(unknown)}"
        )
    checked = {"title": example.get("title")}
    image = example.get("image")
    checked["image"] = None if image is None else _pixels(image)
    joints = skeleton.num_joints
    for name, suffix in (
        ("landmarks", (joints, 2)),
        ("joints_3d", (joints, 3)),
        ("true_landmarks", (joints, 2)),
        ("true_joints_3d", (joints, 3)),
        ("joints_3d_stddev", (joints,)),
        ("visibility", (joints,)),
    ):
        value = example.get(name)
        if value is not None:
            value = np.asarray(value, np.float64)
            shapes.check_shape(value, name, *suffix)
            if value.ndim != len(suffix):
                raise ValueError(
                    f"`{name}` must have shape {list(suffix)}. Received: {name}.shape={value.shape}"
                )
        checked[name] = value
    visibility = checked["visibility"]
    checked["visibility"] = np.ones([joints], bool) if visibility is None else visibility > 0
    return checked


def _pixels(image):
    """Returns an image as uint8 `[height, width, 3]`."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(
            f"`image` must have shape [height, width, 3]. Received: image.shape={image.shape}"
        )
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    if not np.issubdtype(image.dtype, np.floating) or not (-1e-3 <= low and high <= 1 + 1e-3):
        raise ValueError(
            "`image` must be uint8, or float in [0, 1]. "
            f"Received: {image.dtype} from {low:g} to {high:g}"
        )
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _skeleton(skeleton) -> skeletons.Skeleton:
    return skeletons.get(skeleton) if isinstance(skeleton, str) else skeleton


def _figure(width, height):
    figure = Figure(figsize=(width, height), dpi=200, facecolor="white")
    FigureCanvasAgg(figure)
    return figure
