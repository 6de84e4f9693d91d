"""What poses are found in: files, folders, patterns, arrays, data sets, videos, webcams."""

import dataclasses
import functools
import glob
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

from tf_lift.camera import exif
from tf_lift.camera.camera import Camera
from tf_lift.inference import images, videos

__all__ = ["ImageSource", "VideoSource", "find_files", "from_arrays", "from_files"]


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """An image that is read when it is needed.

    Attributes:
        name: Name of its results.
        read: Returns `[height, width, 3]`, uint8, RGB.
        path: File, or `None` for an array.
        read_camera: Returns what the file says about the camera, or `None`.
    """

    name: str
    read: Callable[[], np.ndarray]
    path: pathlib.Path | None = None
    read_camera: Callable[[], Camera | None] = lambda: None


@dataclasses.dataclass(frozen=True)
class VideoSource:
    """A video.

    Attributes:
        name: Name of its results.
        path: File or webcam.
    """

    name: str
    path: pathlib.Path


def find_files(given: Iterable[str | os.PathLike]) -> list[pathlib.Path]:
    """Expands files, folders and patterns to images and videos.

    Args:
        given: Files (kept as they are), `webcam` or `webcam:NUMBER`, folders (what lies directly
            in them, by name), and patterns with `*`, `?`, `[` or `**`.

    Returns:
        The files, each once, in order.

    Raises:
        ValueError: If a folder or pattern holds no image and no video.
    """
    found: dict[pathlib.Path, None] = {}
    for path in map(pathlib.Path, given):
        if path.is_dir():
            files = [file for file in path.iterdir() if file.is_file()]
        elif path.exists() or not glob.has_magic(str(path)):
            found[path] = None
            continue
        else:
            files = [pathlib.Path(file) for file in glob.glob(str(path), recursive=True)]
        files = [file for file in files if _is_wanted(file)]
        if not files:
            kind = "folder" if path.is_dir() else "pattern"
            raise ValueError(f"{path}: this {kind} holds no image and no video")
        found |= dict.fromkeys(sorted(files))
    return list(found)


def _is_wanted(path):
    if path.name.startswith(".") or not path.is_file():
        return False
    Image.init()
    return videos.is_video(path) or path.suffix.lower() in Image.registered_extensions()


def from_files(
    paths: Iterable[str | os.PathLike], max_pixels: int = images.MAX_PIXELS
) -> list[ImageSource | VideoSource]:
    """Returns the images and videos of files, with a name each that no other has.

    Args:
        paths: As for `find_files`.
        max_pixels: Largest number of pixels of an image.
    """
    found = find_files(paths)
    sources: list[ImageSource | VideoSource] = []
    for path, name in zip(found, _names(found), strict=True):
        if videos.is_video(path):
            sources.append(VideoSource(name, path))
        else:
            read = functools.partial(images.read_image, path, max_pixels)
            sources.append(ImageSource(name, read, path, functools.partial(exif.camera_of, path)))
    return sources


def _names(paths):
    """Yields a name for each path: its stem, and a number where two have the same."""
    taken: set[str] = set()
    for path in paths:
        stem = name = path.stem.replace(":", "") or "webcam"
        count = 1
        # On some systems, files whose names differ in case alone are one.
        while name.casefold() in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name.casefold())
        yield name


def from_arrays(arrays) -> Iterator[ImageSource]:
    """Yields the images of an array, of a list of arrays of any sizes, or of a data set.

    Args:
        arrays: `[height, width, 3]` or `[N, height, width, 3]`, uint8, RGB; or anything that
            yields such images or batches, as a `tf.data.Dataset` does. Of elements that are dicts,
            `image` is taken; of tuples, the first part.

    Raises:
        ValueError: If an element is no image. Names its place.
    """
    count = 0
    for element in _elements(arrays):
        if isinstance(element, dict):
            if "image" not in element:
                raise ValueError(
                    "elements of a data set that are dicts must have `image`. "
                    f"Received: {', '.join(map(str, element))}"
                )
            element = element["image"]
        elif isinstance(element, tuple):
            element = element[0]
        batch = np.asarray(element)
        for image in [batch] if batch.ndim == 3 else batch if batch.ndim == 4 else [batch]:
            try:
                checked = images.check_image(image)
            except ValueError as error:
                raise ValueError(f"image {count}: {error}") from error
            yield ImageSource(f"image_{count}", functools.partial(np.asarray, checked))
            count += 1


def _elements(arrays):
    if hasattr(arrays, "__array__") or hasattr(arrays, "numpy"):
        return [arrays]
    return arrays
