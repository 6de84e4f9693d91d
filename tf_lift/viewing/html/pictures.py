"""Images and frames of videos as small JPEGs inside a page."""

import base64
import dataclasses
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

__all__ = ["MEGABYTES", "Pictures", "from_frames", "from_image"]

# Longest side of an image in the page, px, and of a video's frames.
IMAGE_SIDE = 1280
FRAME_SIDE = 480

# A photo is looked at longer than a frame.
_IMAGE_QUALITY = 85
_FRAME_QUALITY = 65

# Default size of all frames in the page, MB of JPEG: about 1,000 frames of 480 px. Base64 adds a
# third.
MEGABYTES = 24.0


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures in a page.

    Attributes:
        size: (width, height) of the original, px, which the landmarks refer to.
        jpegs: Base64 of each.
        frames: Number of the frame from which on each is shown, rising.
        step: Every how many-th frame is there: more than 1 where not all fitted.
    """

    size: tuple[int, int]
    jpegs: list[str]
    frames: list[int]
    step: int = 1


def from_image(image: np.ndarray) -> Pictures:
    """Returns an image of shape `[height, width, 3]`, uint8, for all frames.

    >>> from_image(np.zeros([40, 2000, 3], np.uint8)).size
    (2000, 40)
    """
    height, width = image.shape[:2]
    return Pictures((width, height), [_text(_jpeg(image, IMAGE_SIDE, _IMAGE_QUALITY))], [0])


def from_frames(
    frames: Iterable[tuple[int, np.ndarray]], wanted, *, megabytes: float = MEGABYTES
) -> Pictures:
    """Returns the frames of a video that belong to poses, as many as fit.

    Where they do not all fit, every second one is kept, or every fourth, and so on.

    Args:
        frames: Pairs of a frame's number and its image, rising.
        wanted: Numbers of the frames with poses, sorted.
        megabytes: Limit of the size of the JPEGs.

    Returns:
        The pictures.

    Raises:
        ValueError: If the limit is not positive, or the video has none of the frames.

    >>> video = ((number, np.full([90, 160, 3], number, np.uint8)) for number in range(100))
    >>> pictures = from_frames(video, np.arange(10, 20))
    >>> pictures.frames == list(range(10, 20)), pictures.size
    (True, (160, 90))
    """
    if not megabytes > 0:
        raise ValueError(f"`megabytes` must be positive. Received: {megabytes}")
    wanted = np.asarray(wanted)
    ranks = {int(number): rank for rank, number in enumerate(wanted)}
    kept: dict[int, tuple[int, bytes]] = {}
    size, step, total, seen = None, 1, 0, 0
    for number, image in frames:
        if number > wanted[-1]:
            break
        seen += 1
        rank = ranks.get(number)
        if rank is None or rank % step:
            continue
        size = size or (image.shape[1], image.shape[0])
        kept[rank] = number, _jpeg(image, FRAME_SIDE, _FRAME_QUALITY)
        total += len(kept[rank][1])
        while total > megabytes * 1e6 and len(kept) > 1:
            step *= 2
            kept = {rank: entry for rank, entry in kept.items() if rank % step == 0}
            total = sum(len(jpeg) for _, jpeg in kept.values())
    if size is None:
        raise ValueError(
            f"`frames` must have frames of the poses, {wanted[0]} to {wanted[-1]}. "
            f"Received: {seen} frames"
        )
    entries = list(kept.values())
    return Pictures(size, [_text(jpeg) for _, jpeg in entries], [n for n, _ in entries], step)


def _jpeg(image, side, quality):
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()


def _text(jpeg):
    return base64.b64encode(jpeg).decode("ascii")
