"""Reads VideoPose3D's npz files: `positions_3d`, a dictionary by subject and action.

The dictionary is stored as a pickle. A pickle can run any program when it is opened, so
this reader opens it with a loader that knows arrays, dictionaries, lists, texts and numbers
and refuses all else.
"""

import io
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_lift.data import frames, gaps, h36m_cdf
from tf_lift.data.motion import Motion

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
        One `Motion` for each action of each subject, its clip "SUBJECT_ACTION"; with
        gaps (`gaps.MotionWithGaps`) where the file has NaN.

    Raises:
        ValueError: If the file is damaged, holds no `positions_3d`, or holds anything but
            arrays in dictionaries, or if a clip has other joints.
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
    try:
        # What Python 2 wrote is read too: its arrays are texts in Latin-1.
        loaded = _ArraysOnly(stream, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise ValueError(f"`positions_3d` cannot be read: {error}") from error
    except Exception as error:
        # A damaged pickle raises whatever the step that it damaged raises.
        raise ValueError(f"`positions_3d` is damaged ({type(error).__name__}: {error})") from error
    return loaded.item() if isinstance(loaded, np.ndarray) and loaded.size == 1 else loaded


def _encode(text, encoding="latin1"):
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it holds text in {encoding!r}, not an array")
    return text.encode("latin1")


def _from_buffer(buffer, dtype, shape, order):
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


# The functions that pickles of NumPy 1 and 2 call to make an array or a number.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_SCALAR: Any = np.float64(0.0).__reduce__()[0]
_KNOWN = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
} | {
    (f"numpy.{core}.{module}", name): function
    for core in ("core", "_core")
    for module, name, function in (
        ("multiarray", "_reconstruct", _RECONSTRUCT),
        ("multiarray", "scalar", _SCALAR),
        ("numeric", "_frombuffer", _from_buffer),
    )
}


class _ArraysOnly(pickle.Unpickler):
    """Opens pickles of arrays, dictionaries, lists, texts and numbers, and no others."""

    def find_class(self, module, name):
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(
                f"it must hold arrays in dictionaries only, since a pickle may run any program. "
                f"Received: {module}.{name}"
            )
        return _KNOWN[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to something outside of the file")


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
