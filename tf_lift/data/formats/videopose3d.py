"""Reads VideoPose3D's npz files: `positions_3d`, a dictionary by subject and action.

The dictionary is stored as a pickle, which `array_pickle` loads without running its code.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_lift.data.formats import array_pickle, h36m_cdf
from tf_lift.data.motion import frames, gaps
from tf_lift.data.motion.clip import Motion

__all__ = ["read"]

_MEMBER = "positions_3d.npy"


def read(
    path,
    unit_mm: float | None = None,
    up: str | None = None,
    fps: float | None = None,
) -> list[Motion]:
    """Reads the clips of a VideoPose3D file of Human3.6M.

    Args:
        path: npz file with `positions_3d`: subject -> action -> array of shape
            `[T, 32, 3]` or `[T, 17, 3]`, metres, world frame, z up.
        unit_mm: Length of the file's unit in mm; 1000 (metres) by default.
        up: Axis of the file that points up; "z" by default.
        fps: Frames per second; 50, as Human3.6M was recorded, by default.

    Returns:
        One `Motion` for each action of each subject, labelled "SUBJECT_ACTION"; with gaps
        (`gaps.MotionWithGaps`) where the file has NaN.

    Raises:
        ValueError: If the file is damaged, holds no `positions_3d`, holds anything but arrays
            in dictionaries, or has a clip with other joints.
        FileNotFoundError: If there is no such file.

    References:
        Pavllo et al. 3D human pose estimation in video with temporal convolutions and
        semi-supervised training. CVPR 2019.
    """
    motions = []
    for subject, action, positions in _clips(path, _positions_3d(path)):
        label = f"{subject}_{action}"
        try:
            names, parents = h36m_cdf.joints(positions.shape[1])
            motion = gaps.make(
                frames.to_z_up(positions * (1000.0 if unit_mm is None else unit_mm), up or "z"),
                joint_names=names,
                parents=parents,
                fps=h36m_cdf.FPS if fps is None else fps,
                clip=label,
                subject=subject,
                unit_mm=1000.0 if unit_mm is None else unit_mm,
            )
        except ValueError as error:
            raise ValueError(f"{path}: {label}: {error}") from error
        motions.append(motion)
    return motions


def _positions_3d(path) -> Any:
    with open(path, "rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                if _MEMBER not in archive.namelist():
                    found = ", ".join(archive.namelist()) or "nothing"
                    raise ValueError(f"must hold `positions_3d`. Received: {found}")
                return _unpickle(archive.read(_MEMBER))
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path}: {error}") from error


def _unpickle(content: bytes) -> Any:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(
            f"`positions_3d` must be an npy file of version 1 or 2. Received: {version}"
        )
    shape, _, dtype = read_header(stream)
    if shape != () or dtype.kind != "O":
        raise ValueError(
            f"`positions_3d` must be a dictionary. Received: an array of shape {shape}, {dtype}"
        )
    loaded = array_pickle.load(stream.read())
    return loaded.item() if isinstance(loaded, np.ndarray) and loaded.size == 1 else loaded


def _clips(path, content) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yields subject, action and `[T, J, 3]` float64 of each clip."""
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"{path}: `positions_3d` must be a dictionary by subject. "
            f"Received: {type(content).__name__}"
        )
    for subject, actions in content.items():
        if not isinstance(actions, dict):
            raise ValueError(
                f"{path}: `positions_3d[{subject!r}]` must be a dictionary by action. "
                f"Received: {type(actions).__name__}"
            )
        for action, positions in actions.items():
            try:
                array = np.array(positions, np.float64)
            except (TypeError, ValueError):
                array = np.empty(0)
            if array.ndim != 3 or array.shape[2] != 3:
                raise ValueError(
                    f"{path}: `positions_3d[{subject!r}][{action!r}]` must be numbers of shape "
                    f"[T, 32, 3] or [T, 17, 3]. Received: {getattr(positions, 'shape', '')} "
                    f"{type(positions).__name__}"
                )
            yield str(subject), str(action), array
