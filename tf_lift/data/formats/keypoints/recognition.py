"""Recognises the format of a file by its content."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from tf_lift.data.formats.keypoints import (
    arrays,
    coco,
    deeplabcut,
    json_text,
    mmpose,
    openpose,
    own,
    point_dicts,
    tables,
    trc_pixels,
    videopose3d_2d,
    yolo,
)
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People

__all__ = ["FORMATS", "SUFFIXES", "read_file"]


@dataclasses.dataclass(frozen=True)
class _Format:
    """How to read a format: from a JSON content, a text, or the file itself."""

    kind: str
    fits: Callable[[Any], bool]
    read: Callable[..., People]


_ALL = {
    "tf_lift": _Format("json", own.fits, own.read),
    "openpose": _Format("json", openpose.fits, openpose.read),
    "mmpose": _Format("json", mmpose.fits, mmpose.read),
    "coco": _Format("json", coco.fits, coco.read),
    "mediapipe": _Format("json", point_dicts.fits, point_dicts.read),
    "trc": _Format("text", trc_pixels.fits, trc_pixels.read),
    "deeplabcut": _Format("text", deeplabcut.fits, deeplabcut.read),
    "yolo": _Format("text", yolo.fits, yolo.read),
    "csv": _Format("text", lambda text: True, tables.read),
    "videopose3d": _Format("npz", videopose3d_2d.fits, videopose3d_2d.read),
    "npz": _Format("npz", lambda path: True, arrays.read_npz),
    "npy": _Format("npy", lambda path: True, arrays.read_npy),
    "deeplabcut_h5": _Format("h5", lambda path: True, deeplabcut.read_h5),
}
# Names that `--format` takes. AlphaPose's files are those of COCO; MoveNet's and others', of points
# {x, y}, those of MediaPipe.
FORMATS = (*(name for name in _ALL if name != "deeplabcut_h5"), "alphapose")
_SAME = {"alphapose": "coco"}

_KINDS = {
    ".json": "json",
    ".npy": "npy",
    ".npz": "npz",
    ".h5": "h5",
    ".hdf5": "h5",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".trc": "text",
}
SUFFIXES = tuple(_KINDS)
# Formats of texts by the ending, the first that fits.
_TEXTS = {
    ".trc": ("trc",),
    ".txt": ("trc", "deeplabcut", "yolo", "csv"),
    ".csv": ("trc", "deeplabcut", "csv"),
    ".tsv": ("trc", "deeplabcut", "csv"),
}


def read_file(path: pathlib.Path, format: str | None = None, skeleton: str | None = None) -> People:
    """Reads a file with the reader that its content fits.

    Args:
        path: The file.
        format: One of `FORMATS`; `None` to recognise it.
        skeleton: Name of the skeleton, for files whose joints have names.

    Raises:
        KeypointsError: If the content fits no format, or not this one.
    """
    kind = _KINDS[path.suffix.lower()]
    content: Any = path
    if kind == "json":
        content = json_text.load(path)
        names = [name for name, one in _ALL.items() if one.kind == "json"]
    elif kind == "text":
        content = _text(path)
        names = list(_TEXTS[path.suffix.lower()])
    else:
        names = [name for name, one in _ALL.items() if one.kind == kind]
    if format is not None:
        wanted = _SAME.get(format, format)
        wanted = "deeplabcut_h5" if (wanted, kind) == ("deeplabcut", "h5") else wanted
        if _ALL[wanted].kind != kind:
            raise KeypointsError(f"`format` {format!r} is not one of {path.suffix} files")
        if not _ALL[wanted].fits(content):
            raise KeypointsError(f"not of the format {format!r}")
        return (
            _ALL[wanted].read(content, path, skeleton)
            if kind in ("json", "text")
            else (_ALL[wanted].read(path, skeleton))
        )
    for name in names:
        if _ALL[name].fits(content):
            if kind in ("json", "text"):
                return _ALL[name].read(content, path, skeleton)
            return _ALL[name].read(path, skeleton)
    raise KeypointsError(_what_it_is(content))


def _text(path):
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KeypointsError(f"not a text in UTF-8 (byte {error.start})") from error
    if not text.strip() and path.suffix.lower() != ".txt":
        raise KeypointsError("an empty file")
    return text


def _what_it_is(content):
    """Describes JSON that fits no format."""
    if isinstance(content, dict):
        keys = ", ".join(repr(key) for key in list(content)[:6]) or "nothing"
        return f'neither "landmarks" nor "people", "annotations", "instance_info": it has {keys}'
    if isinstance(content, list) and not content:
        return "an empty list: no annotation with labelled keypoints"
    if isinstance(content, list) and isinstance(content[0], dict):
        keys = ", ".join(repr(key) for key in list(content[0])[:6]) or "nothing"
        return f"no annotation with `keypoints` in the list: its entries have {keys}"
    return 'neither "landmarks" nor a list of COCO "annotations"'
