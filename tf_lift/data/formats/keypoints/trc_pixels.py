"""Reads TRC files in pixels, as Sports2D and Pose2Sim write them for one person (`*_px.trc`)."""

import re

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import joint_names
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "trc"
# Units of the header that say so; Sports2D writes m. A person in metres is smaller than this.
_PIXELS = ("px", "pixel", "pixels")
_MIN_PIXELS = 30.0
_UPPER = ("nose", "neck", "head_top", "left_shoulder", "right_shoulder", "left_eye", "right_eye")
_LOWER = ("left_ankle", "right_ankle", "left_knee", "right_knee", "left_hip", "right_hip")


def fits(text: str) -> bool:
    """Returns whether a text is a TRC file."""
    return text.lstrip("\ufeff").startswith("PathFileType")


def read(text: str, path, skeleton=None) -> People:
    """Reads the frames of a file; a marker that was not found is empty, NaN or (0, 0).

    Args:
        text: Its content.
        path: The file.
        skeleton: Name of the skeleton that markers are looked up in.

    Raises:
        KeypointsError: If it holds positions in 3D, or a row has another form; names the line.

    References:
        OpenSim documentation, marker (.trc) files. Sports2D documentation, "Output".
    """
    lines = text.splitlines()
    if len(lines) < 6:
        raise KeypointsError(f"a TRC file with {len(lines)} lines, without frames")
    keys, cells = (line.split("\t") for line in lines[1:3])
    about = dict(zip([key.strip() for key in keys], [c.strip() for c in cells], strict=False))
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    numbers, frames = _table(lines, 2 + 3 * len(names))
    points = numbers[:, 1:].reshape(len(numbers), -1, 3)
    points = np.where((points[..., :2] == 0).all(-1, keepdims=True), np.nan, points)
    depth = points[..., 2][np.isfinite(points[..., :2]).all(-1)]
    in_pixels = about.get("Units", "").lower() in _PIXELS or "_px" in path.stem.lower()
    if np.any(np.abs(np.nan_to_num(depth)) > 1e-6):
        raise KeypointsError(
            "positions in 3D, not keypoints of an image: `tf-lift convert-mocap` reads these"
        )
    found = joint_names.match(names, skeleton)
    if found is None:
        raise KeypointsError(f"markers {', '.join(names[:6])} are not those of a skeleton")
    points = points[..., :2]
    extent = np.nanmax(np.abs(points)) if np.isfinite(points).any() else 0.0
    if not in_pixels and extent < _MIN_PIXELS:
        raise KeypointsError(
            f"positions in {about.get('Units') or 'no unit'} up to {extent:.3g}, not in pixels: "
            "give the file of pixels (`*_px.trc`)"
        )
    people = People(SOURCE, found.skeleton, fps=_rate(about))
    if found.unused:
        note = f"markers that {found.skeleton} has not were left out: "
        people.notes.append(note + ", ".join(found.unused))
    joints = np.array(found.joints)
    used = joints >= 0
    count = skeletons.get(found.skeleton).num_joints
    landmarks = np.full([len(points), count, 2], np.nan)
    landmarks[:, joints[used]] = points[:, used]
    if _is_upside_down(landmarks, skeletons.get(found.skeleton).joint_names):
        landmarks[..., 1] *= -1.0
        people.notes.append("y points up in the file: its sign was changed")
    match = re.search(r"_person(\d+)", path.stem, re.IGNORECASE)
    person = int(match[1]) if match else 0
    for frame, values in zip(frames, landmarks, strict=True):
        people.frames.add(frame)
        if np.isfinite(values).any():
            people.add(values, frame=frame, person=person)
    return people


def _rate(about):
    try:
        rate = float(about.get("DataRate", ""))
    except ValueError:
        return None
    return rate if 0 < rate < 1e6 else None


def _table(lines, width):
    rows, frames = [], []
    for index, line in enumerate(lines[5:], 6):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        cells = (cells + [""] * width)[: max(width, len(cells))]
        if len(cells) > width and any(cells[width:]):
            raise KeypointsError(f"line {index} has {len(cells)} cells, {width} expected")
        try:
            frames.append(int(float(cells[0])))
            rows.append([_number(cell) for cell in cells[1:width]])
        except (ValueError, OverflowError) as error:
            raise KeypointsError(f"line {index}: {error}") from error
    if not rows:
        raise KeypointsError("no frames")
    return np.array(rows, np.float64), frames


def _number(cell):
    return float(cell) if cell else np.nan


def _is_upside_down(landmarks, names):
    """Whether the head has a larger y than the feet in most frames: y of an image points down."""

    def middle(joints):
        columns = [names.index(joint) for joint in joints if joint in names]
        points = landmarks[:, columns, 1]
        known = np.isfinite(points)
        return np.where(known, points, 0.0).sum(1) / np.maximum(known.sum(1), 1), known.any(1)

    upper, has_upper = middle(_UPPER)
    lower, has_lower = middle(_LOWER)
    both = has_upper & has_lower
    return bool(both.any() and np.mean(upper[both] > lower[both]) > 0.5)
