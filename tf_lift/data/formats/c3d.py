"""Reads and writes C3D files of markers or joints, through ezc3d."""

import importlib.util
import io
import os
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np

from tf_lift.data.motion import frames, gaps
from tf_lift.data.motion.clip import Motion, labels_of
from tf_lift.io import atomic, extras

__all__ = ["read", "write"]

# Length in mm of each unit that POINT:UNITS may hold.
_UNITS = {
    "mm": 1.0,
    "millimeters": 1.0,
    "millimetres": 1.0,
    "cm": 10.0,
    "centimeters": 10.0,
    "centimetres": 10.0,
    "m": 1000.0,
    "meters": 1000.0,
    "metres": 1000.0,
    "in": 25.4,
    "inch": 25.4,
    "inches": 25.4,
}
# The header counts frames in 16 bits; ezc3d drops any further frames.
_MAX_FRAMES = 65535
# Largest residual that a word holds next to seven cameras.
_MAX_RESIDUAL = 127.0
# Processor type in the parameters that stands for big-endian numbers.
_BIG_ENDIAN = bytes([86])
# The program that opens the file, and its time limit: seconds, and seconds per MB. On one core
# it needs 0.5 and 0.1.
_WORKER = pathlib.Path(__file__).with_name("c3d_worker.py")
_TIME_LIMIT = (20.0, 2.0)


def read(
    path,
    unit_mm: float | None = None,
    up: str | None = None,
    fps: float | None = None,
) -> Motion:
    """Reads the markers of a C3D file.

    A marker is missing where its residual is negative, its position is NaN, or its position
    is exactly the origin although it is elsewhere at other times (some programs mark gaps
    this way). Markers that are never visible are left out. "Ann:LASI" becomes "LASI" if no
    other marker has that name; markers without a name become "marker_12" by their index. Of a
    file with segments instead of markers, as Theia3D writes it, the segments' origins are read.

    Args:
        path: The file.
        unit_mm: Length of the file's unit in mm; by default that of POINT:UNITS, or 1 if it
            is empty.
        up: Axis of the file that points up; by default POINT:Y_SCREEN, or "z" if it is empty.
        fps: Frames per second; by default POINT:RATE.

    Returns:
        `Motion` with all parents -1; with gaps (`gaps.MotionWithGaps`) where markers are
        missing.

    Raises:
        ImportError: If `ezc3d` is not installed.
        ValueError: If the file is damaged or truncated, holds no markers, has an unknown
            unit, or has no frame rate.
        FileNotFoundError: If there is no such file.

    References:
        The C3D file format, user guide (www.c3d.org).
    """
    path = pathlib.Path(path)
    content = _load(path)
    try:
        content = _with_segments(content)
        positions = _points(content)
        _check_whole(path, positions, float(content["scale"]))
        if unit_mm is None:
            unit_mm = _unit(str(content["units"][0]))
        visible = np.isfinite(positions).all(axis=2).any(axis=0)
        if not visible.any():
            raise ValueError(f"must hold markers. Received: {len(visible)} that are never visible")
        names = _names(content["labels"], positions.shape[1])
        rate = float(content["rate"]) if fps is None else fps
        if not rate > 0.0:
            raise ValueError("must state its frames per second (POINT:RATE). Received: 0")
        clip, subject = labels_of(path)
        return gaps.make(
            frames.to_z_up(positions[:, visible] * unit_mm, up or _up(str(content["y_screen"]))),
            joint_names=tuple(np.array(names)[visible]),
            fps=rate,
            clip=clip,
            subject=subject,
            unit_mm=unit_mm,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write(path, motion: Motion, stddev=None) -> None:
    """Writes the joints or markers of a clip as the points of a C3D file.

    The file has 32-bit floats in millimetres, z up, as POINT:UNITS, X_SCREEN and Y_SCREEN
    state. Positions that were not measured (`gaps.MotionWithGaps`) have the residual -1. The
    format cannot hold parents. The file is read back before it replaces an old one: on a full disk
    ezc3d writes a short file without an error.

    Args:
        path: File to write; it appears whole or not at all.
        motion: The clip, at most 65,535 frames.
        stddev: Standard deviation of each position, `[T, J]`, mm, for the residuals: whole mm, at
            most 127; by default 0.

    Raises:
        ImportError: If `ezc3d` is not installed.
        ValueError: If the clip is too long, or `stddev` has another shape.
        OSError: If the file cannot be written.
    """
    ezc3d = extras.require("ezc3d", "writing .c3d files")
    if motion.num_frames > _MAX_FRAMES:
        raise ValueError(
            f"a C3D file holds at most {_MAX_FRAMES} frames. Received: {motion.num_frames}"
        )
    missing = gaps.missing_of(motion).T
    residuals = np.zeros(missing.shape)
    if stddev is not None:
        if np.shape(stddev) != missing.T.shape:
            raise ValueError(
                f"`stddev` must have shape {list(missing.T.shape)}. Received: {np.shape(stddev)}"
            )
        rounded = np.nan_to_num(np.asarray(stddev, np.float64).T.round(), nan=0.0, posinf=0.0)
        residuals = rounded.clip(0.0, _MAX_RESIDUAL)
    points = np.ones([4, motion.num_joints, motion.num_frames])
    points[:3] = np.where(missing, np.nan, motion.positions.transpose(2, 1, 0))
    content = ezc3d.c3d()
    for name, value in (
        ("RATE", [motion.fps]),
        ("LABELS", list(motion.joint_names)),
        ("DESCRIPTIONS", [""] * motion.num_joints),
        ("UNITS", ["mm"]),
    ):
        content["parameters"]["POINT"][name]["value"] = value
    content.add_parameter("POINT", "X_SCREEN", "+X")
    content.add_parameter("POINT", "Y_SCREEN", "+Z")
    content["data"]["points"] = points
    content["data"]["meta_points"] = {
        "residuals": np.where(missing, -1.0, residuals)[None],
        # The format has the residual in the low byte of a word and the cameras in the high one;
        # ezc3d 1.7 exchanges them. A lift has no cameras to name, so both hold the residual, and
        # ezc3d and other programs read the same.
        "camera_masks": (residuals.astype(int) >> np.arange(7)[:, None, None]) & 1 == 1,
    }

    def read_back(written):
        found = _load(written)["points"]
        expected = points[:3].transpose(2, 1, 0)
        if found.shape != expected.shape:
            raise ValueError(f"has {len(found)} frames instead of {len(expected)}")
        seen = ~missing.T
        if not np.allclose(found[seen], expected[seen], rtol=1e-6, atol=1e-3):
            raise ValueError("has other positions than were written")

    with atomic.replacing(path, read_back) as temporary:
        # ezc3d adds ".c3d" to any name that does not end so, also to ".C3D".
        with_ending = temporary.with_name(f"{temporary.name}.c3d")
        try:
            content.write(str(with_ending))
            os.replace(with_ending, temporary)
        finally:
            with_ending.unlink(missing_ok=True)


def _load(path):
    if importlib.util.find_spec("ezc3d") is None:
        extras.require("ezc3d", "reading .c3d files")
    with open(path, "rb") as stream:
        # The second byte identifies the format; ezc3d checks it too late.
        if stream.read(2)[1:] != b"\x50":
            raise ValueError(f"{path}: must be a C3D file")
    start, per_megabyte = _TIME_LIMIT
    try:
        process = subprocess.run(
            # -P keeps modules in the worker's folder from shadowing others of the same name.
            [sys.executable, "-P", str(_WORKER), str(path)],
            capture_output=True,
            check=False,
            timeout=start + per_megabyte * path.stat().st_size / 1e6,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path}: is damaged: ezc3d did not finish reading it") from None
    if process.returncode:
        lines = process.stderr.decode(errors="replace").strip().splitlines()
        # A crash has no useful message: a signal, at most a note of the run-time library.
        reason = lines[-1] if lines and process.returncode > 0 else "ezc3d cannot read it"
        raise ValueError(f"{path}: is damaged or truncated: {reason}")
    with np.load(io.BytesIO(process.stdout), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _with_segments(content):
    """Puts the origins of segments in the place of markers, if the file has no markers."""
    seen = np.isfinite(content["points"]).all(axis=2) & (content["residuals"] >= 0.0)
    origins = content["segment_origins"]
    if (seen & content["points"].any(axis=2)).any() or not origins.size:
        return content
    rate = float(content["segment_rate"])
    return content | {
        "points": origins,
        "residuals": np.zeros(origins.shape[:2]),
        "labels": np.array([re.sub("_4x4$", "", str(n), flags=re.I) for n in content["segments"]]),
        "rate": rate if rate > 0.0 else content["rate"],
        "units": content["units"] if str(content["units"][0]).strip() else np.array(["mm"]),
    }


def _points(content):
    positions = content["points"]
    if not positions.size:
        raise ValueError(f"must hold markers. Received: {positions.shape[1]} of them")
    missing = (content["residuals"] < 0.0) | ~np.isfinite(positions).all(axis=2)
    at_origin = (positions == 0.0).all(axis=2)
    missing |= at_origin & ~(at_origin | missing).all(axis=0)
    return np.where(missing[..., None], np.nan, positions)


def _check_whole(path, positions, scale):
    """Compares the header's number of frames with those read: ezc3d truncates silently."""
    with open(path, "rb") as stream:
        header = stream.read(18)
        stream.seek((header[0] - 1) * 512 + 3)
        order = ">" if stream.read(1) == _BIG_ENDIAN else "<"
        size = stream.seek(0, 2)
    num_points, num_analog, first, last, _, _, _, start = struct.unpack(f"{order}8H", header[2:])
    frame = (4 * num_points + num_analog) * (4 if scale < 0.0 else 2)
    room = max(0, size - 512 * (start - 1)) // frame if frame else 0
    announced = last - first + 1
    if last < _MAX_FRAMES and len(positions) < announced:
        raise ValueError(
            f"is truncated: its header announces {announced} frames. "
            f"Received: {len(positions)} whole ones"
        )
    # The end of the file may be padded to a block of 512 bytes.
    if last >= _MAX_FRAMES and room > len(positions) + 512 // frame:
        raise ValueError(
            f"must not have more than {_MAX_FRAMES} frames, the limit of its header. "
            f"Received: about {room}"
        )


def _unit(text):
    name = text.strip().lower()
    if name and name not in _UNITS:
        raise ValueError(f"POINT:UNITS must be one of {', '.join(_UNITS)}. Received: {text!r}")
    return _UNITS.get(name, 1.0)


def _up(y_screen):
    """Returns the up axis for a value of POINT:Y_SCREEN."""
    name = y_screen.strip().lower().removeprefix("+")
    return name if name in frames.UP_AXES else "z"


def _names(labels, count):
    names = [str(label).strip() for label in labels[:count]]
    names += [""] * (count - len(names))
    names = [name or f"marker_{index}" for index, name in enumerate(names)]
    # Programs put the subject in front of the marker's name.
    short = [name.rpartition(":")[2] or name for name in names]
    names = [
        brief if short.count(brief) == 1 else name for brief, name in zip(short, names, strict=True)
    ]
    return [
        f"{name}_{index}" if names.count(name) > 1 else name for index, name in enumerate(names)
    ]
