"""Reads keypoints from a file, or from a folder with a file for each frame."""

import os
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterable

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import frame_numbers, recognition
from tf_lift.data.formats.keypoints.assembly import assemble
from tf_lift.data.formats.keypoints.keypoints import Keypoints, KeypointsError
from tf_lift.data.formats.keypoints.people import People

__all__ = ["read_keypoints"]

# What readers raise for broken files; OSError and EOFError come from NumPy.
_BROKEN = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, OverflowError, AttributeError),
    *(IndexError, StopIteration, zipfile.BadZipFile, zlib.error),
)
# Of a folder, endings of files for each frame, the most common first.
_OF_FRAMES = (".json", ".txt")


def read_keypoints(
    path: str | os.PathLike,
    skeleton: skeletons.Skeleton | str | None = None,
    *,
    format: str | None = None,
    image_size: tuple[int, int] | None = None,
    track: Callable[[list], Iterable] = list,
) -> Keypoints:
    """Reads the keypoints of a file or folder, which it recognises by their content.

    docs/keypoints.md lists the formats: OpenPose, COCO, AlphaPose, mmpose, MediaPipe, MoveNet and
    PoseNet, YOLO, VideoPose3D, DeepLabCut, TRC in pixels, npz, npy, CSV, and what `tf-lift lift`
    and `predict` write. A folder holds a file for each frame, of OpenPose, mmpose, MediaPipe or
    YOLO.

    Args:
        path: The file, or the folder.
        skeleton: Skeleton of the joints or its name; `None` for that of the file.
        format: One of `FORMATS`; `None` to recognise it.
        image_size: (width, height) in px, needed where coordinates are fractions of it.
        track: Wraps the list of a folder's files, to show progress.

    Returns:
        The keypoints, sorted by frame and person.

    Raises:
        KeypointsError: If a file cannot be read or holds something else; a `ValueError` that names
            the file, the place and what was expected.
        ValueError: If there is no such skeleton, format or file.
    """
    path = pathlib.Path(path)
    name = None if skeleton is None else skeletons.get(skeleton).name
    if format is not None and format not in recognition.FORMATS:
        raise ValueError(
            f"`format` must be one of {', '.join(recognition.FORMATS)}. Received: {format!r}"
        )
    if image_size is not None and (len(image_size) != 2 or not min(image_size) > 0):
        raise ValueError(f"`image_size` must be a width and a height. Received: {image_size}")
    if not path.is_dir() and path.suffix.lower() not in recognition.SUFFIXES:
        raise ValueError(
            f"`path` must be keypoints in a file {', '.join(recognition.SUFFIXES)}, or a folder. "
            f"Received: {path}"
        )
    if not path.exists():
        raise ValueError(f"`path` must be a file of keypoints. Received: {path}, which is none")
    try:
        if path.is_dir():
            people = _folder(path, format, name, track)
        else:
            people = recognition.read_file(path, format, name)
        return assemble(people, name, image_size)
    except _BROKEN as error:
        raise KeypointsError(
            f"`path` must hold keypoints as docs/keypoints.md says. Received: {path} "
            f"({_reason(error)})"
        ) from error


def _reason(error):
    return f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())


def _folder(path, format, skeleton, track) -> People:
    """Reads the files of a folder, a frame each."""
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    files, foreign = [], []
    for suffix in _OF_FRAMES:
        files = [entry for entry in entries if entry.suffix.lower() == suffix and entry.is_file()]
        if files:
            break
    if not files:
        raise KeypointsError(f"a folder without files {' or '.join(_OF_FRAMES)}")
    foreign = [
        entry.name for entry in entries if entry.is_file() and entry.suffix.lower() != suffix
    ]
    found: list[tuple[pathlib.Path, People | None]] = []
    problems, first_error = [], None
    for file in track(files):
        try:
            found.append((file, recognition.read_file(file, format, skeleton)))
        except _BROKEN as error:
            first_error = first_error or error
            if _is_foreign(error):
                foreign.append(file.name)
            else:
                problems.append(f"{file}: {_reason(error)}")
                found.append((file, None))
    if not any(people is not None for _, people in found):
        raise KeypointsError(problems[0] if problems else _reason(first_error)) from first_error
    people = _join(found)
    people.problems += problems
    if foreign:
        some = ", ".join(sorted(foreign)[:3]) + (", ..." if len(foreign) > 3 else "")
        people.notes.append(f"{len(foreign)} files of other kinds were left out: {some}")
    return people


def _is_foreign(error):
    """Whether a whole JSON or text file is simply about something else."""
    return isinstance(error, KeypointsError) and str(error).startswith(("neither ", "columns "))


def _join(found) -> People:
    parts = [people for _, people in found if people is not None]
    joined = People(parts[0].source)
    numbers = frame_numbers.of_names([file.name for file, _ in found])
    for (file, people), frame in zip(found, numbers, strict=True):
        if people is None:
            joined.frames.add(frame)
            continue
        if len(people.frames) > 1:
            raise KeypointsError(
                f"{file.name} has {len(people.frames)} frames: of a folder, each file must be a "
                "frame; lift files of several frames one by one"
            )
        try:
            joined.extend(people, frame, file.name)
        except KeypointsError as error:
            raise KeypointsError(f"{file.name}: {error}") from error
    return joined
