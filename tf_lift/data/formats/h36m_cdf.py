"""Reads Human3.6M's original files of 3D positions, `S9/.../D3_Positions/Directions 1.cdf`."""

import pathlib
import re

import numpy as np

from tf_lift import skeletons
from tf_lift.data.motion import frames, gaps
from tf_lift.data.motion.clip import Motion
from tf_lift.io import extras

__all__ = ["FPS", "joints", "read"]

# Human3.6M's frames per second.
FPS = 50.0


def read(
    path,
    unit_mm: float | None = None,
    up: str | None = None,
    fps: float | None = None,
) -> Motion:
    """Reads a clip of Human3.6M (`D3_Positions`, the world frame).

    The files of `D3_Positions_mono` hold the same poses in a camera's frame, where y points
    down. Their z is not up, which the checks of `mocap` detect.

    Args:
        path: CDF file with the variable `Pose`, `[1, T, 96]` (32 joints) or
            `[1, T, 51]` (17 joints), mm, z up. The subject is the folder S1, S5, ...
        unit_mm: Length of the file's unit in mm; 1 by default.
        up: Axis of the file that points up; "z" by default.
        fps: Frames per second; 50 by default.

    Returns:
        `Motion` of 32 or 17 joints, labelled "SUBJECT_ACTION" where the subject is known; with
        gaps (`gaps.MotionWithGaps`) where the file has NaN.

    Raises:
        ImportError: If `cdflib` is not installed.
        ValueError: If the file is damaged or holds no poses of this form.
        FileNotFoundError: If there is no such file.

    References:
        Ionescu et al. Human3.6M: Large scale datasets and predictive methods for 3D human
        sensing in natural environments. PAMI 2014.
    """
    path = pathlib.Path(path)
    pose = _variable(path)
    if pose.ndim == 3 and pose.shape[0] == 1:
        pose = pose[0]
    if pose.ndim != 2 or not len(pose) or pose.shape[1] % 3:
        raise ValueError(f"{path}: `Pose` must have shape [1, T, 96]. Received: {pose.shape}")
    subject, clip = _labels(path)
    try:
        names, parents = joints(pose.shape[1] // 3)
        positions = pose.reshape(len(pose), -1, 3) * (1.0 if unit_mm is None else unit_mm)
        return gaps.make(
            frames.to_z_up(positions, up or "z"),
            joint_names=names,
            parents=parents,
            fps=FPS if fps is None else fps,
            clip=clip,
            subject=subject,
            unit_mm=1.0 if unit_mm is None else unit_mm,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def joints(count: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns names and parents of Human3.6M's joints.

    Args:
        count: 32 for all joints of Human3.6M, or 17 for those that move.

    Raises:
        ValueError: If `count` is another number.

    >>> joints(17)[0][:2]
    ('pelvis', 'right_hip')
    """
    if count not in (17, 32):
        raise ValueError(f"Human3.6M's poses must have 32 or 17 joints. Received: {count}")
    skeleton = skeletons.get(f"h36m{count}")
    return skeleton.joint_names, skeleton.parents


def _variable(path):
    cdflib = extras.require("cdflib", "reading .cdf files")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with cdflib.CDF(path) as content:
            names = [*content.cdf_info().zVariables, *content.cdf_info().rVariables]
            pose = content.varget("Pose") if "Pose" in names else None
    except Exception as error:
        # For a damaged file, cdflib can raise any exception.
        raise ValueError(
            f"{path}: must be a readable CDF file, or it is truncated ({error})"
        ) from error
    if pose is None:
        raise ValueError(f"{path}: must hold the variable `Pose`. Received: {names or 'none'}")
    pose = np.asarray(pose)
    if pose.dtype.kind not in "fiu":
        raise ValueError(f"{path}: `Pose` must be numbers. Received: {pose.dtype}")
    return pose.astype(np.float64)


def _labels(path):
    action = path.stem
    subjects = [part for part in path.absolute().parts[:-1] if re.fullmatch(r"S\d+", part)]
    return (subjects[-1], f"{subjects[-1]}_{action}") if subjects else ("", action)
