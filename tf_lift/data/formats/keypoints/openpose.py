"""Reads OpenPose's JSON of an image: the people, each with a row of numbers.

AlphaPose writes the same, and a dict of such contents by image, with `--format open`.
"""

import math

import numpy as np

from tf_lift.data.formats.keypoints import frame_numbers, layouts
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer, number

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "openpose"
# Of version 1.2 and later, of older ones, and of AlphaPose.
_KEYS = ("pose_keypoints_2d", "pose_keypoints", "joints")


def fits(content) -> bool:
    """Returns whether a JSON content is of this format."""
    if not isinstance(content, dict):
        return False
    if any(isinstance(content.get(key), list) for key in ("people", "bodies")):
        return True
    return bool(content) and all(
        isinstance(entry, dict)
        and any(isinstance(entry.get(k), list) for k in ("people", "bodies"))
        for entry in content.values()
    )


def read(content, path, skeleton=None) -> People:
    """Reads the people of a file.

    A joint that was not found is (0, 0) with confidence 0. A frame without people stays. The
    frame is the last number in the file's name.

    Args:
        content: The JSON.
        path: The file.
        skeleton: Not used.

    Raises:
        KeypointsError: If a person has no row of numbers.

    References:
        OpenPose documentation, "Output format".
    """
    people = People(SOURCE)
    if "people" in content or "bodies" in content:
        _read_frame(people, content, frame_numbers.of_file(path), None)
        return people
    for frame, name in zip(frame_numbers.of_names(list(content)), content, strict=True):
        _read_frame(people, content[name], frame, name)
    return people


def _read_frame(people, content, frame, image):
    people.frames.add(frame)
    for index, person in enumerate(content.get("people", content.get("bodies"))):
        place = f"people[{index}]" if image is None else f"{image}: people[{index}]"
        if not isinstance(person, dict):
            raise KeypointsError(f"{place} must be an object. Received: {type(person).__name__}")
        if not person:
            continue  # Pose2Sim writes {} where the person of a clip is not seen.
        keys = [key for key in _KEYS if key in person]
        if not keys:
            raise KeypointsError(f"{place}: no {_KEYS[0]!r}")
        flat = person[keys[0]]
        if not isinstance(flat, np.ndarray):
            if flat == []:
                continue  # Somebody of whom only a face or a hand was found.
            raise KeypointsError(f"{place}: {keys[0]!r} must be numbers")
        values = layouts.split(flat)
        identity = integer(person.get("person_id", person.get("idx")))
        people.add(
            values[:, :2],
            values[:, 2] if values.shape[1] == 3 else None,
            frame=frame,
            person=identity,
            person_score=number(person.get("score"), math.nan),
            image=image,
            place=place,
        )
