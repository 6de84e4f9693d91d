"""Finds frame numbers in the names of files and images."""

import pathlib
import re
from collections.abc import Sequence

from tf_lift.data.formats.keypoints.keypoints import KeypointsError

__all__ = ["of_file", "of_name", "of_names"]

# The last number of a name, and what OpenPose, mmpose and others write behind it.
_NUMBER = re.compile(r"(.*?)(\d+)((?:[_.-]?(?:keypoints?|pose|rendered|results?|labels?))*)", re.I)


def of_name(name: str) -> tuple[str, int | None]:
    """Returns what is before the number of a name, and the number.

    >>> of_name("clip_000000000012_keypoints.json"), of_name("cam01.0030.json"), of_name("a.jpg")
    (('clip_', 12), ('cam01.', 30), ('a', None))
    """
    stem = pathlib.PurePath(name.replace("\\", "/")).name
    stem = re.sub(r"\.[A-Za-z]\w{0,4}$", "", stem)
    match = _NUMBER.fullmatch(stem)
    if not match or len(match[2]) > 18:
        return stem, None
    return match[1], int(match[2])


def of_file(path: pathlib.Path) -> int:
    """Returns the frame of a file by itself: the number of its name, if of 4 digits or more, or 0.

    >>> of_file(pathlib.Path("cam01.0030.json")), of_file(pathlib.Path("photo2.json"))
    (30, 0)
    """
    clip, number = of_name(path.name)
    is_long = re.match(r"\d{4}", path.name[len(clip) :])
    return number if number is not None and is_long else 0


def of_names(names: Sequence[str]) -> list[int]:
    """Returns the frame of each file or image, by the numbers in the names.

    Args:
        names: Names, each of one frame.

    Returns:
        The numbers where the names differ by them alone; else the places in the order of names.

    Raises:
        KeypointsError: If the names are of the frames of several clips.

    >>> of_names(["1.jpg", "10.jpg"]), of_names(["skier.jpg", "moon.jpg"])
    ([1, 10], [0, 1])
    """
    clips: dict[str, list[int]] = {}
    for name in names:
        clip, number = of_name(name)
        if number is not None:
            clips.setdefault(clip, []).append(number)
    if len(clips) == 1:
        numbers = next(iter(clips.values()))
        if len(numbers) == len(names) == len(set(numbers)):
            return numbers
    long = [clip for clip, numbers in clips.items() if len(numbers) > 1]
    if len(long) > 1:
        raise KeypointsError(
            f"frames of several clips, {long[0]!r} and {long[1]!r}: lift each by itself, from a "
            "folder of its own"
        )
    return list(range(len(names)))
