"""Reads 2D keypoints from files (`tf_lift.data.formats.keypoints`), and tells people apart."""

import dataclasses

import numpy as np

from tf_lift.data.formats.keypoints import Keypoints, KeypointsError, read_keypoints
from tf_lift.inference.tracking import Tracker, number_people

__all__ = ["Keypoints", "KeypointsError", "identify", "read_keypoints"]


def identify(keypoints: Keypoints, fps: float) -> Keypoints:
    """Gives people numbers that stay theirs over the frames, unless the file has done so.

    Args:
        keypoints: Of one source, sorted by frame.
        fps: Frames per second of its frame numbers.

    Returns:
        The same poses; `person` is an identity.

    Raises:
        ValueError: If `fps` is not a positive number.
    """
    if keypoints.tracked:
        return keypoints
    person = np.zeros(len(keypoints.frame), np.int64)
    if len(np.unique(keypoints.frame)) < len(person):
        found = keypoints.frame, keypoints.landmarks, keypoints.scores
        person = number_people(Tracker(fps), *found)
    return dataclasses.replace(keypoints, person=person, tracked=True)
