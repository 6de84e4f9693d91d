"""Reads VideoPose3D's npz files of 2D keypoints: `positions_2d` and `metadata`."""

import io
import zipfile

import numpy as np

from tf_lift.data.formats import array_pickle
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "videopose3d"
_MEMBER = "positions_2d.npy"
_SKELETONS = {"coco": "coco17", "h36m": "h36m17"}


def fits(path) -> bool:
    """Returns whether an npz file has `positions_2d` as objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _MEMBER in archive.namelist() and _is_object(archive.open(_MEMBER).read(256))
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError):
        return False


def _is_object(start):
    return b"|O" in start


def read(path, skeleton=None) -> People:
    """Reads the clips of a file, one after another in `person`, each from frame 0.

    Args:
        path: npz file with `positions_2d`: subject -> action -> list of arrays
            `[T, num_joints, 2 or 3]`, one for each camera.
        skeleton: Not used: `metadata` names the layout.

    Raises:
        KeypointsError: If the file holds anything else.

    References:
        Pavllo et al. 3D human pose estimation in video with temporal convolutions and
        semi-supervised training. CVPR 2019; VideoPose3D, "Dataset setup".
    """
    with zipfile.ZipFile(path) as archive:
        positions = _load(archive, _MEMBER)
        has_metadata = "metadata.npy" in archive.namelist()
        metadata = _load(archive, "metadata.npy") if has_metadata else {}
    metadata = metadata if isinstance(metadata, dict) else {}
    layout = str(metadata.get("layout_name", "")).lower()
    people = People(SOURCE, _SKELETONS.get(layout), image_size=_size(metadata))
    if not isinstance(positions, dict) or not positions:
        raise KeypointsError("`positions_2d` must be a dictionary by subject")
    clip = 0
    for subject, actions in positions.items():
        if not isinstance(actions, dict):
            raise KeypointsError(f"`positions_2d[{subject!r}]` must be a dictionary by action")
        for action, cameras in actions.items():
            cameras = cameras if isinstance(cameras, list) else [cameras]
            for camera, array in enumerate(cameras):
                name = f"{subject}/{action}/{camera}"
                _read_clip(people, array, clip, name)
                clip += 1
    people.notes.append(f"{clip} clips, each as a person of its own")
    if layout and layout not in _SKELETONS:
        people.notes.append(f"the layout {layout!r} is not known")
    return people


def _load(archive, member):
    content = archive.read(member)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        np.lib.format.read_array_header_1_0(stream)
    else:
        np.lib.format.read_array_header_2_0(stream)
    loaded = array_pickle.load(stream.read())
    return loaded.item() if isinstance(loaded, np.ndarray) and loaded.size == 1 else loaded


def _size(metadata):
    videos = metadata.get("video_metadata")
    if not isinstance(videos, dict):
        return None
    sizes = {
        (integer(v.get("w")), integer(v.get("h"))) for v in videos.values() if isinstance(v, dict)
    }
    size = sizes.pop() if len(sizes) == 1 else (0, 0)
    return size if min(size) > 0 else None


def _read_clip(people, array, clip, name):
    try:
        array = np.array(array, np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.ndim != 3 or array.shape[2] not in (2, 3):
        raise KeypointsError(f"{name}: must be numbers [T, num_joints, 2]. Received: {array.shape}")
    for frame, values in enumerate(array):
        people.add(
            values[:, :2],
            values[:, 2] if values.shape[1] == 3 else None,
            frame=frame,
            person=clip,
            image=name,
            place=f"{name}, frame {frame}",
        )
