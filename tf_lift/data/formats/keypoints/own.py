"""Reads the keypoints in files of `tf-lift predict` and `tf-lift lift`, and JSON of arrays."""

import math

import numpy as np

from tf_lift.data.formats.keypoints.arrays import add_poses
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer, number

__all__ = ["fits", "read"]


def fits(content) -> bool:
    """Returns whether a JSON content is of `tf_lift poses`, or a dict with `landmarks`."""
    if not isinstance(content, dict):
        return False
    if str(content.get("format", "")).startswith("tf_lift poses"):
        return True
    poses = content.get("poses")
    if isinstance(poses, list) and poses and isinstance(poses[0], dict):
        return "landmarks" in poses[0] and "scores" in poses[0]
    return _are_numbers(content.get("landmarks"))


def _are_numbers(value):
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, int | float)


def read(content, path, skeleton=None) -> People:
    """Reads the people of a file.

    Args:
        content: The JSON.
        path: The file.
        skeleton: Not used.

    Raises:
        KeypointsError: If the arrays do not fit.
    """
    size = content.get("image_size")
    if size is None and isinstance(content.get("image"), dict):
        size = [content["image"].get("width"), content["image"].get("height")]
    sides = tuple(integer(side) for side in size or ())
    fps = number(content.get("fps"))
    common = {
        "skeleton": content.get("skeleton"),
        "fps": fps if fps > 0 else None,
        "image_size": (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None,
    }
    if "poses" in content:
        people = People("tf_lift", **common)
        people.frames |= {integer(frame, 0) for frame in content.get("frames") or ()}
        for index, pose in enumerate(content["poses"]):
            _add(people, pose, index)
        return people
    people = People("json", **common, is_detector=False)
    try:
        values = np.array(content["landmarks"], np.float64)
        scores = None if content.get("scores") is None else np.array(content["scores"], np.float64)
        frame = content.get("frame")
        person = content.get("person")
    except (TypeError, ValueError, OverflowError) as error:
        raise KeypointsError(f"`landmarks` must be numbers [N, num_joints, 2]: {error}") from error
    add_poses(people, values, scores, frame=frame, person=person)
    return people


def _add(people, pose, index):
    try:
        values = np.array(pose["landmarks"], np.float64)
        scores = np.array(pose["scores"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise KeypointsError(f"poses[{index}]: `landmarks` and `scores` must be numbers") from error
    if values.ndim != 2 or values.shape[1] != 2 or scores.shape != values.shape[:1]:
        raise KeypointsError(
            f"poses[{index}]: `landmarks` must be [num_joints, 2] and `scores` [num_joints]. "
            f"Received: {list(values.shape)} and {list(scores.shape)}"
        )
    people.add(
        values,
        scores,
        frame=integer(pose.get("frame"), index),
        person=integer(pose.get("person")),
        person_score=number(pose.get("person_score"), math.nan),
        box=pose.get("box"),
        place=f"poses[{index}]",
    )
