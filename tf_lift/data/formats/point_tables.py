"""Reads tables of 3D points: FreeMoCap's CSV and npy files, and this library's own CSV."""

import csv
import pathlib
import re

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats import trc
from tf_lift.data.motion import frames, gaps
from tf_lift.data.motion.clip import Motion, labels_of

__all__ = ["FPS", "read_csv", "read_npy"]

# Frames per second where a file does not state them: that of the webcams that FreeMoCap is
# mostly used with.
FPS = 30.0
# Column of one coordinate: NAME_x, NAME.x, NAME x, NAME_x_mm.
_COORDINATE = re.compile(
    r"(?P<name>.+?)[ _.:]*(?P<axis>[xyz])(?P<unit>[ _.(\[]*(?:mm|cm|m)[)\]]?)?", re.I
)
_TIDY = ("frame", "keypoint", "x", "y", "z")


def read_csv(
    path, unit_mm: float | None = None, up: str | None = None, fps: float | None = None
) -> Motion:
    """Reads a CSV file of 3D points.

    Two forms are known: one row a frame with columns `NAME_x`, `NAME_y` and `NAME_z` of each point
    (FreeMoCap's `mediapipe_body_3d_xyz.csv`, this library's own), and one row a point with columns
    `frame`, `keypoint`, `x`, `y` and `z` (FreeMoCap's `freemocap_data_by_frame.csv`, of which the
    rows of the type `3d_xyz` and the body are taken). Other columns are ignored.

    Args:
        path: The file, with a header; points are missing where a cell is empty or NaN.
        unit_mm: Length of the unit in mm; by default that of the columns' names, else 1.
        up: Axis that points up; by default z.
        fps: Frames per second; by default from a column `time_s`, `timestamp` or `time` in
            seconds, else 30.

    Returns:
        `Motion` with all parents -1; with gaps where points are missing.

    Raises:
        ValueError: If the columns are of neither form, or a cell is not a number; the message
            names the line.
        OSError: If the file cannot be opened.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        header, rows = _rows(text)
        lower = [name.strip().lower() for name in header]
        if set(_TIDY) <= set(lower):
            names, points, times, unit = _tidy(lower, rows)
        else:
            names, points, times, unit = _wide(header, rows)
        return _motion(path, names, points, unit_mm or unit, up, fps or _rate(times))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_npy(
    path, unit_mm: float | None = None, up: str | None = None, fps: float | None = None
) -> Motion:
    """Reads an npy file of MediaPipe's points in 3D, such as FreeMoCap's.

    Args:
        path: File with an array of shape `[T, P, 3]`, the 33 points of the body first and NaN
            where missing: FreeMoCap writes 33, or 553 with hands and face.
        unit_mm: Length of the unit in mm; by default 1.
        up: Axis that points up; by default z.
        fps: Frames per second; by default 30.

    Returns:
        `Motion` of the body's 33 points.

    Raises:
        ValueError: If the file is not an npy file of such an array.
        OSError: If the file cannot be opened.
    """
    path = pathlib.Path(path)
    names = skeletons.MEDIAPIPE_33.joint_names
    try:
        with open(path, "rb") as stream:
            points = np.load(stream, allow_pickle=False)
        if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu":
            raise ValueError("must hold an array of numbers")
        if points.ndim != 3 or points.shape[1] < len(names) or points.shape[2] != 3:
            raise ValueError(
                f"must hold an array of shape [T, {len(names)} or more, 3]. "
                f"Received: {points.shape}"
            )
        points = points[:, : len(names)].astype(np.float64)
        return _motion(path, names, points, unit_mm or 1.0, up, fps or FPS)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: {error}") from error


def _motion(path, names, points, unit_mm, up, fps):
    visible = np.isfinite(points).all(axis=2).any(axis=0)
    if not visible.any():
        raise ValueError(f"must hold points. Received: {len(names)} that are never visible")
    points, names = points[:, visible], [n for n, v in zip(names, visible, strict=True) if v]
    clip, subject = labels_of(path)
    return gaps.make(
        frames.to_z_up(points * unit_mm, up or "z"),
        joint_names=tuple(names),
        fps=fps,
        clip=clip,
        subject=subject,
        unit_mm=unit_mm,
    )


def _rows(text):
    lines = text.splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    rows = [(i, row) for i, row in enumerate(csv.reader(lines, delimiter=delimiter), 1) if row]
    if len(rows) < 2:
        raise ValueError("must have a header and a row. Received: the end of the file")
    header = rows[0][1]
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise ValueError(
                f"line {number}: must have {len(header)} cells, as the header. Received: {len(row)}"
            )
    return header, rows[1:]


def _number(word, number, column):
    word = word.strip().replace(",", ".")
    if word.lower() in ("", "nan", "none", "null", "na"):
        return np.nan
    try:
        return float(word)
    except ValueError:
        raise ValueError(
            f"line {number}: {column!r} must be a number. Received: {word[:40]!r}"
        ) from None


def _wide(header, rows):
    columns: dict[str, dict[str, int]] = {}
    units = set()
    for index, column in enumerate(header):
        match = _COORDINATE.fullmatch(column.strip())
        if match:
            columns.setdefault(match["name"], {})[match["axis"].lower()] = index
            units.add((match["unit"] or "").strip(" _.([])").lower())
    points = {name: axes for name, axes in columns.items() if len(axes) == 3}
    if not points:
        raise ValueError(
            "must have columns NAME_x, NAME_y and NAME_z of points, or frame, keypoint, x, y and z."
            f" Received: {', '.join(header[:12])}"
        )
    table = np.array(
        [
            [
                [_number(row[axes[a]], line, header[axes[a]]) for a in "xyz"]
                for axes in points.values()
            ]
            for line, row in rows
        ]
    )
    unit = trc.LENGTHS.get(units.pop(), 1.0) if len(units) == 1 else 1.0
    # FreeMoCap puts "body_" in front of some.
    return [name.removeprefix("body_") for name in points], table, _times(header, rows), unit


def _tidy(header, rows):
    column = {name: header.index(name) for name in header}
    kept = rows
    if "type" in column:
        kept = [(i, row) for i, row in kept if row[column["type"]].strip() == "3d_xyz"] or rows
    if "model" in column:
        body = [
            (i, row) for i, row in kept if row[column["model"]].strip().lower().endswith("body")
        ]
        kept = body or kept
    names = list(dict.fromkeys(row[column["keypoint"]].strip() for _, row in kept))
    numbers = [_number(row[column["frame"]], line, "frame") for line, row in kept]
    if not np.isfinite(numbers).all():
        raise ValueError("`frame` must be a number in every row")
    order = {frame: i for i, frame in enumerate(sorted(set(numbers)))}
    points = np.full([len(order), len(names), 3], np.nan)
    index = {name: i for i, name in enumerate(names)}
    for frame, (line, row) in zip(numbers, kept, strict=True):
        place = order[frame], index[row[column["keypoint"]].strip()]
        points[place] = [_number(row[column[a]], line, a) for a in "xyz"]
    return names, points, [], 1.0


def _times(header, rows):
    for name in ("time_s", "timestamp", "time"):
        for index, column in enumerate(header):
            if column.strip().lower() == name:
                return [_number(row[index], line, column) for line, row in rows]
    return []


def _rate(times):
    steps = np.diff(times)
    if len(steps) and np.isfinite(steps).all() and 1e-4 < np.median(steps) < 10.0:
        rate = 1.0 / float(np.median(steps))
        return round(rate) if abs(rate - round(rate)) < 1e-3 * rate else rate
    return FPS
