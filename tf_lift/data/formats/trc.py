"""Reads and writes TRC files of markers, the form of OpenSim, Pose2Sim and OpenCap."""

import pathlib
import re

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats import bvh_numbers
from tf_lift.data.motion import body_frame, frames, gaps
from tf_lift.data.motion.clip import Motion, labels_of
from tf_lift.io import atomic

__all__ = ["LENGTHS", "read", "write"]

# Length in mm of each unit that the header may hold.
LENGTHS = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("in", "inch", "inches"), 25.4),
}
_PIXELS = ("px", "pixel", "pixels")


def read(
    path, unit_mm: float | None = None, up: str | None = None, fps: float | None = None
) -> Motion:
    """Reads a TRC file.

    A marker is missing where its cells are empty or not numbers, or where all three are 0
    although they differ at other times. Markers that are never visible are left out.

    Args:
        path: The file.
        unit_mm: Length of the file's unit in mm; by default that of the header.
        up: Axis of the file that points up; by default the one from the feet to the head, y where
            no marker is named after them (OpenSim's axis).
        fps: Frames per second; by default the header's DataRate, or from the column of times.

    Returns:
        `Motion` with all parents -1; with gaps (`gaps.MotionWithGaps`) where markers are missing.

    Raises:
        ValueError: If the file is not a TRC, has other numbers of columns or frames than it
            declares, holds pixels or a plane, or states no unit or frame rate. The message names
            the line.
        OSError: If the file cannot be opened.

    References:
        OpenSim documentation, marker (.trc) files.
    """
    path = pathlib.Path(path)
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    try:
        header, names, rows = _parts(lines)
        numbers, first_line = _table(rows, names)
        unit = header.get("units", "").strip().lower()
        if unit in _PIXELS:
            raise ValueError(
                "holds positions in pixels: lift them with `tf-lift lift`. Received: Units "
                f"{unit!r}"
            )
        if unit_mm is None:
            if unit not in LENGTHS:
                raise ValueError(
                    f"Units must be mm, cm, m or in, or give the unit with `--unit`. "
                    f"Received: {unit!r}"
                )
            unit_mm = LENGTHS[unit]
        _check_count(header, len(numbers), first_line)
        points = numbers[:, 2:].reshape(len(numbers), -1, 3)
        points = _with_gaps(points)
        visible = np.isfinite(points).all(axis=2).any(axis=0)
        if not visible.any():
            raise ValueError(f"must hold markers. Received: {len(names)} that are never visible")
        points, names = points[:, visible], [n for n, v in zip(names, visible, strict=True) if v]
        _check_solid(points)
        clip, subject = labels_of(path)
        return gaps.make(
            frames.to_z_up(points * unit_mm, up or find_up(points, names)),
            joint_names=tuple(names),
            fps=_rate(header, numbers[:, 1]) if fps is None else fps,
            clip=clip,
            subject=subject,
            unit_mm=unit_mm,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write(path, motion: Motion) -> None:
    """Writes the joints or markers of a clip as a TRC file for OpenSim.

    The file is in metres, y up: (x, y, z) of the clip becomes (x, z, -y), so that where x is
    forward, z is to the right. Cells of positions that were not measured (`gaps.MotionWithGaps`)
    are empty. The format cannot hold parents; blanks in names become "_".

    Args:
        path: File to write; it appears whole or not at all.
        motion: The clip.

    Raises:
        ValueError: If two names are the same without blanks.
        OSError: If the file cannot be written.

    >>> import tempfile
    >>> clip = Motion(np.full([2, 1, 3], 100.0), ("hip",), (-1,), fps=10.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/clip.trc", clip)
    ...     print(pathlib.Path(f"{folder}/clip.trc").read_text().splitlines()[-1].split())
    ['2', '0.100000', '0.100000', '0.100000', '-0.100000']
    """
    path = pathlib.Path(path)
    names = ["_".join(name.split()) for name in motion.joint_names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"`motion.joint_names` must differ without blanks. Received twice: {repeated}"
        )
    count, rate = motion.num_frames, f"{motion.fps:.10g}"
    numbers = range(1, motion.num_joints + 1)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
        "\tOrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{motion.num_joints}\tm\t{rate}\t1\t{count}",
        "\t".join(["Frame#", "Time", *(f"{name}\t\t" for name in names)]),
        "\t".join(["", "", *(f"X{i}\tY{i}\tZ{i}" for i in numbers)]),
    ]
    points = motion.positions[..., [0, 2, 1]] * [0.001, 0.001, -0.001] + 0.0
    missing = gaps.missing_of(motion)
    for frame, (row, is_missing) in enumerate(zip(points, missing, strict=True)):
        cells = [
            "\t\t" if empty else "\t".join(f"{value:.6f}" for value in point)
            for point, empty in zip(row, is_missing, strict=True)
        ]
        lines.append("\t".join([str(frame + 1), f"{frame / motion.fps:.6f}", *cells]))
    with atomic.replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_up(points, names) -> str:
    """Returns the axis from the feet to the head, "y" where no marker is named after them.

    Args:
        points: Array of shape `[T, J, 3]`, NaN where missing.
        names: The `J` names.
    """
    whole = np.isfinite(points).all(axis=(1, 2))
    if not whole.any():
        return "y"
    return body_frame.find_up(points[whole][0], points[whole], names)


def _parts(lines):
    """Returns the header's values by name, the markers' names, and the lines below by number."""
    start = next((i for i, line in enumerate(lines) if _words(line)[:1] == ["Frame#"]), None)
    if start is None or not lines[0].startswith("PathFileType"):
        found = lines[0][:40] if lines else ""
        raise ValueError(
            "must be a TRC file, which begins with 'PathFileType' and has a line 'Frame# Time ...'."
            f" Received: {found!r}"
        )
    header: dict[str, str] = {}
    for index in range(1, start - 1):
        keys, values = _words(lines[index]), _words(lines[index + 1])
        if keys and keys[0] == "DataRate":
            header = {k.lower(): v for k, v in zip(keys, values, strict=False)}
    names = _words(lines[start])[2:]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"line {start + 1}: markers must differ. Received twice: {repeated}")
    rows = [(i + 1, line) for i, line in enumerate(lines) if i > start and line.strip()]
    # The names of the axes, X1 Y1 Z1 ...
    if rows and _words(rows[0][1])[:1] == ["X1"]:
        rows = rows[1:]
    if not rows:
        raise ValueError(f"line {len(lines)}: frames must follow. Received: the end of the file")
    return header, names, rows


def _words(line):
    # Names may hold blanks where tabs separate them.
    if "\t" in line:
        return [word.strip() for word in line.split("\t") if word.strip()]
    return line.split()


def _table(rows, names):
    """Returns the numbers `[T, 2 + 3 J]`, NaN where a cell is empty, and the first line."""
    width = 2 + 3 * len(names)
    table = np.full([len(rows), width], np.nan)
    for index, (number, line) in enumerate(rows):
        cells = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        # Trailing empty cells may have been cut off.
        cut = len(cells) < width and (len(cells) - 2) % 3
        if len(cells) > width or len(cells) < 2 or cut:
            raise ValueError(
                f"line {number}: must have {width} cells: frame, time, and x, y and z of "
                f"{len(names)} markers. Received: {len(cells)}"
            )
        for column, cell in enumerate(cells):
            word = cell.strip()
            value = bvh_numbers.to_float(word)
            if (
                word
                and not np.isfinite(value)
                and not re.fullmatch(r"[+-]?nan(\(.*\))?", word, re.I)
            ):
                marker = (
                    names[(column - 2) // 3] if column > 1 else ("the frame", "the time")[column]
                )
                raise ValueError(
                    f"line {number}: {marker} must be a number. Received: {word[:40]!r}"
                )
            table[index, column] = value
    return table, rows[0][0]


def _check_count(header, found, first_line):
    declared = bvh_numbers.to_float(header.get("numframes", ""))
    if np.isfinite(declared) and declared > found:
        raise ValueError(
            f"is cut short: its header announces {declared:g} frames. Received: {found} from line "
            f"{first_line}"
        )


def _with_gaps(points):
    at_origin = (points == 0.0).all(axis=2)
    missing = ~np.isfinite(points).all(axis=2)
    missing |= at_origin & ~(at_origin | missing).all(axis=0)
    return np.where(missing[..., None], np.nan, points)


def _check_solid(points):
    sizes = np.nanmax(points, axis=(0, 1)) - np.nanmin(points, axis=(0, 1))
    if len(points[0]) > 3 and sizes.min() <= 1e-6 * sizes.max():
        raise ValueError(
            f"must hold positions in 3D. Received: all {'XYZ'[int(sizes.argmin())]} are equal, as "
            "in files of 2D pose estimation"
        )


def _rate(header, times) -> NDArray | float:
    rate = bvh_numbers.to_float(header.get("datarate", ""))
    if np.isfinite(rate) and rate > 0.0:
        return rate
    steps = np.diff(times)
    if len(steps) and np.isfinite(steps).all() and np.median(steps) > 0.0:
        return 1.0 / float(np.median(steps))
    raise ValueError(
        "must state its frames per second (DataRate), or give them with `--source-fps`. "
        f"Received: {header.get('datarate', '')!r}"
    )
