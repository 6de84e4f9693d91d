"""Reads JSON whose poses are many: lists of coordinates become arrays while it is parsed."""

import json
import pathlib

import numpy as np

from tf_lift.data.formats.keypoints.keypoints import KeypointsError

__all__ = ["load"]

# Lists of numbers by these names become arrays, 10 times smaller than lists of Python's floats.
_NUMBERS = ("keypoints", "pose_keypoints_2d", "pose_keypoints", "keypoint_scores", "joints")
# Parts of a body that poses do not use, and outlines of people.
_UNUSED = (
    *("segmentation", "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d"),
    *("face_keypoints", "hand_left_keypoints", "hand_right_keypoints"),
    *("face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d"),
)


def load(path: pathlib.Path):
    """Reads a JSON file, with a byte order mark or without.

    Args:
        path: The file.

    Returns:
        The content. Lists of numbers named `keypoints` and the like are float64 arrays, `null`
        in them NaN; outlines, hands and faces are left out.

    Raises:
        KeypointsError: If it is not JSON; names the line.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise KeypointsError(f"not a text in UTF-8 (byte {error.start})") from error
    if not content.strip():
        raise KeypointsError("an empty file")
    try:
        return json.loads(content, object_hook=_compact)
    except json.JSONDecodeError as error:
        end = " the file ends early:" if error.pos >= len(content.rstrip()) else ""
        raise KeypointsError(
            f"line {error.lineno}, column {error.colno}:{end} {error.msg}"
        ) from error
    except RecursionError as error:
        raise KeypointsError("brackets in more levels than any file of keypoints has") from error


def _compact(content):
    for name in _UNUSED:
        content.pop(name, None)
    for name in _NUMBERS:
        values = content.get(name)
        if isinstance(values, list) and values and not isinstance(values[0], dict | str):
            try:
                content[name] = np.array(values, np.float64)
            except (TypeError, ValueError, OverflowError):
                pass  # The reader names what it is.
    return content
