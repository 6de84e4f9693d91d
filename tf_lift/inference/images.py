"""Images from files, and the way to a network's input and back."""

import dataclasses
import os
import pathlib
import struct
import threading

import numpy as np
from PIL import Image, ImageOps

__all__ = ["MAX_PIXELS", "Letterbox", "check_image", "letterbox", "read_image"]

# Twice the largest images of cameras; 0.75 GB of memory.
MAX_PIXELS = 250_000_000

_LOCK = threading.Lock()


def read_image(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image, upright as its EXIF orientation says.

    Of an animation, the first picture. 16 bits are divided by 257, and colours that are
    transparent are mixed with black. `serving_bytes` of an export reads files alike.

    Args:
        path: File of any format that Pillow reads.
        max_pixels: Largest number of pixels: a small file can hold an image that fills the
            memory. It is checked before the pixels are decoded.

    Returns:
        Array of shape `[height, width, 3]`, uint8, RGB.

    Raises:
        ValueError: If there is no such file, it is not a whole image, or it is too large.

    >>> read_image("nowhere.jpg")
    Traceback (most recent call last):
    ValueError: `path` must be an image file. Received: nowhere.jpg, which does not exist
    """
    path = pathlib.Path(path)
    if not path.is_file():
        what = "which is not a file" if path.exists() else "which does not exist"
        raise ValueError(f"`path` must be an image file. Received: {path}, {what}")
    try:
        with _open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ValueError(f"{width} x {height} px, more than `max_pixels`, {max_pixels:,}")
            return _to_rgb(ImageOps.exif_transpose(image))
    # Pillow raises SyntaxError and others for broken files of some formats.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ValueError(
            f"`path` must be a whole image that Pillow can read. Received: {path} ({error})"
        ) from error


def _open(path):
    # Pillow has a limit of pixels of its own, one for the whole process.
    with _LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _to_rgb(image):
    if image.mode == "F":
        raise ValueError("pixels that are floating-point numbers, of unknown range")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("pixels of more than 16 bits, of unknown range")
        grey = np.rint(values / 257).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, -1)
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image.convert("RGBA"), np.float32)
    return np.rint(pixels[..., :3] * (pixels[..., 3:] / 255)).astype(np.uint8)


def check_image(image) -> np.ndarray:
    """Checks an image and returns it as an array.

    Raises:
        ValueError: If it is not uint8 of shape `[height, width, 3]`.

    >>> check_image(np.zeros([4, 4], np.uint8))
    Traceback (most recent call last):
    ValueError: `image` must be uint8 of shape [height, width, 3]. Received: uint8 (4, 4)
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must be uint8 of shape [height, width, 3]. "
            f"Received: {image.dtype} {image.shape}"
        )
    return image


@dataclasses.dataclass(frozen=True)
class Letterbox:
    """An image inside a network's input, and the map from the input's pixels back.

    Attributes:
        pixels: Array of shape `[height, width, 3]`, float32, 0 to 255.
        offset: (x, y) of the box's corner in the original image, px.
        scale: (x, y) pixels of the input per pixel of the image.
    """

    pixels: np.ndarray
    offset: tuple[float, float]
    scale: tuple[float, float]

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Converts points `[..., 2]` from pixels of the input to pixels of the image.

        Pixel 0 has its centre at 0 in both.
        """
        return (points + 0.5) / np.asarray(self.scale) - 0.5 + np.asarray(self.offset)


def letterbox(
    image: np.ndarray,
    size: tuple[int | None, int | None],
    box: tuple[float, float, float, float] | None = None,
    multiple: int = 8,
) -> Letterbox:
    """Fits an image, or a box of it, into a network's input and keeps its aspect.

    The space to the right and below repeats the edge of the image: constant padding would
    change the statistics of networks that normalise by those of their input.

    Args:
        image: Array of shape `[height, width, 3]`, uint8.
        size: (width, height) of the input; a side that is `None` follows from the other
            and the aspect, rounded up to a multiple of `multiple`.
        box: (x, y, width, height), px: the part of the image to take.
        multiple: Divisor of a free side.

    Returns:
        The input and the map back.

    Raises:
        ValueError: If the image is invalid, a size is not positive, or the box lies outside.

    >>> boxed = letterbox(np.zeros([50, 100, 3], np.uint8), (None, 40))
    >>> boxed.pixels.shape, boxed.to_image(np.array([39.5, 19.5]))
    ((40, 80, 3), array([49.5, 24.5]))
    """
    image = check_image(image)
    if not any(size) or any(side is not None and side < 1 for side in size):
        raise ValueError(f"`size` must be (width, height), both positive. Received: {size}")
    left, top, image = _crop(image, box)
    height, width = image.shape[:2]
    zoom = min(
        side / old for side, old in zip(size, (width, height), strict=True) if side is not None
    )
    new_width, new_height = (max(1, round(zoom * side)) for side in (width, height))
    free = (-(-new_width // multiple) * multiple, -(-new_height // multiple) * multiple)
    full_width, full_height = (side or other for side, other in zip(size, free, strict=True))
    # Area-weighted when shrinking: plain bilinear sampling would skip pixels.
    resized = Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BILINEAR)
    padding = ((0, full_height - new_height), (0, full_width - new_width), (0, 0))
    pixels = np.pad(np.asarray(resized, np.float32), padding, mode="edge")
    return Letterbox(pixels, (left, top), (new_width / width, new_height / height))


def _crop(image, box):
    if box is None:
        return 0, 0, image
    height, width = image.shape[:2]
    x, y, box_width, box_height = box
    left, right = max(0, round(x)), min(width, round(x + box_width))
    top, bottom = max(0, round(y)), min(height, round(y + box_height))
    if left >= right or top >= bottom:
        raise ValueError(
            f"`box` must be (x, y, width, height) and overlap the image of {width} x {height} px. "
            f"Received: {tuple(box)}"
        )
    return left, top, image[top:bottom, left:right]
