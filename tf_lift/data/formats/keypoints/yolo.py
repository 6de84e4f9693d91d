"""Reads YOLO's pose labels: a line for each person of an image, in fractions of its size."""

import math

import numpy as np

from tf_lift.data.formats.keypoints import frame_numbers, layouts
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "yolo"
# Class, and the box's middle and size.
_BEFORE = 5


def fits(text: str) -> bool:
    """Returns whether a text is of this format: its first line is numbers, with box and joints."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return True
    try:
        numbers = [float(part) for part in lines[0].split()]
    except ValueError:
        return False
    return len(numbers) >= _BEFORE + 2 * 4 and numbers[0] == int(numbers[0])


def read(text: str, path, skeleton=None) -> People:
    """Reads the people of a file; an empty file is a frame without people.

    Each line has the class, the box's middle, width and height, then x, y and perhaps confidence
    of each joint, then perhaps the confidence and the identity of the person.

    Args:
        text: Its content.
        path: The file; the last number of its name is the frame.
        skeleton: Name of the skeleton, whose number of joints is taken; `None` to tell by the line.

    Raises:
        KeypointsError: If a line has another form; names it.

    References:
        Ultralytics documentation, "Pose estimation datasets".
    """
    people = People(SOURCE)
    frame = frame_numbers.of_file(path)
    people.frames.add(frame)
    for index, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            numbers = np.array([float(part) for part in line.split()])
        except ValueError as error:
            raise KeypointsError(f"line {index}: {error}") from error
        values, after = _split(numbers[_BEFORE:], index, skeleton)
        score, person = _after(after)
        middle, size = numbers[1:3], numbers[3:5]
        people.add(
            values[:, :2],
            values[:, 2] if values.shape[1] == 3 else None,
            frame=frame,
            person=person,
            person_score=score,
            box=[*(middle - size / 2), *size],
            place=f"line {index}",
        )
    return people


def _split(numbers, line, skeleton):
    from tf_lift import skeletons

    counts = layouts.COUNTS if skeleton is None else {skeletons.get(skeleton).num_joints}
    fits = []
    for part in layouts.PARTS:
        for extra in (0, 1, 2):
            joints, rest = divmod(numbers.size - extra, part)
            if rest == 0 and joints in counts:
                fits.append((joints, part, extra))
    if not fits:
        raise KeypointsError(
            f"line {line}: {numbers.size} numbers after class and box are not 2 or 3 for each "
            "joint of a known skeleton"
        )
    # YOLO's own model has COCO's 17 joints.
    joints, part, extra = min(fits, key=lambda fit: (fit[0] != 17, fit[2]))
    return numbers[: joints * part].reshape(joints, part), numbers[joints * part :]


def _after(numbers):
    """Returns the score and the identity at the end of a line."""
    is_identity = [value == int(value) and value != 0.0 for value in numbers]
    if len(numbers) == 2:
        return float(numbers[0]), int(numbers[1])
    if len(numbers) == 1 and is_identity[0]:
        return math.nan, int(numbers[0])
    return (float(numbers[0]) if len(numbers) else math.nan), -1
