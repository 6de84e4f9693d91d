"""Collects the poses that a reader finds, before their numbers are interpreted."""

import math
from typing import Any

import numpy as np

from tf_lift.data.formats.keypoints.keypoints import KeypointsError

__all__ = ["People", "integer", "number"]

UNKNOWN = -1


class People:
    """Poses of a file, as its reader finds them.

    Args:
        source: Name of the format.
        skeleton: Name of the skeleton, if the file states it.
        fps: Frames per second, if the file states them.
        image_size: (width, height), if the file states it.
        is_detector: Whether the file is of a detector or annotator, where a joint at exactly
            (0, 0) is missing. Elsewhere it may be the origin of relative coordinates.

    Attributes:
        frames: Set of all frames, those without people too.
        notes: Texts for `Keypoints.notes`.
        can_be_z: Whether third numbers may be a depth, see `confidences`.
    """

    def __init__(self, source, skeleton=None, *, fps=None, image_size=None, is_detector=True):
        self.source = source
        self.skeleton = skeleton
        self.fps = fps
        self.image_size = image_size
        self.is_detector = is_detector
        self.can_be_z = False
        self.frames: set[int] = set()
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.values: list[np.ndarray] = []
        self.scores: list[np.ndarray | None] = []
        self.frame: list[int] = []
        self.person: list[int] = []
        self.person_score: list[float] = []
        self.box: list[Any] = []
        self.image: list[str | None] = []

    def __len__(self):
        return len(self.values)

    def add(
        self,
        values,
        scores=None,
        *,
        frame: int,
        person: int = UNKNOWN,
        person_score: float = math.nan,
        box=None,
        image: str | None = None,
        place: str = "",
    ) -> None:
        """Adds a pose.

        Args:
            values: `[num_joints, 2]`, NaN where a joint is missing.
            scores: `[num_joints]`, `None` if the file has no confidences.
            frame: Number of its frame.
            person: Identity of the person, -1 if unknown.
            person_score: Confidence of the person.
            box: x, y, width, height.
            image: Name of the image.
            place: Where in the file the pose is, for messages.

        Raises:
            KeypointsError: If it has another number of joints than the poses before.
        """
        if self.values and len(values) != len(self.values[0]):
            raise KeypointsError(
                f"{place or f'pose {len(self)}'} has {len(values)} joints, those before "
                f"{len(self.values[0])}"
            )
        if not -(2**62) < frame < 2**62:
            raise KeypointsError(f"{place or f'pose {len(self)}'}: frame {frame} is too large")
        self.values.append(values)
        self.scores.append(scores)
        self.frame.append(int(frame))
        self.person.append(person)
        self.person_score.append(person_score)
        self.box.append(box)
        self.image.append(image)
        self.frames.add(int(frame))

    def extend(self, other: "People", frame: int | None = None, image: str | None = None) -> None:
        """Adds the poses of another file, in frame `frame` if that is not `None`."""
        for index in range(len(other)):
            self.add(
                other.values[index],
                other.scores[index],
                frame=other.frame[index] if frame is None else frame,
                person=other.person[index],
                person_score=other.person_score[index],
                box=other.box[index],
                image=other.image[index] or image,
            )
        self.frames |= other.frames if frame is None else {frame}
        self.notes += [note for note in other.notes if note not in self.notes]
        self.skeleton = self.skeleton or other.skeleton
        self.image_size = self.image_size or other.image_size
        self.fps = self.fps or other.fps
        self.can_be_z |= other.can_be_z
        self.is_detector &= other.is_detector


def number(value, default=math.nan) -> float:
    """Returns a number of a file, which may be in lists of one; `default` for anything else.

    >>> number([[0.5]]), number("x"), number(None)
    (0.5, nan, nan)
    """
    while isinstance(value, list | tuple | np.ndarray) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return default
    try:
        return float(value)
    except OverflowError:
        return default


def integer(value, default: int = UNKNOWN) -> int:
    """Returns a whole number of at least 0 of a file; `default` for anything else.

    >>> integer([7.0]), integer("12"), integer([-1]), integer(0.5)
    (7, 12, -1, -1)
    """
    while isinstance(value, list | tuple | np.ndarray) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.strip().isdigit() and len(value) < 19:
        return int(value)
    found = number(value)
    return int(found) if found >= 0 and found < 2**62 and found == int(found) else default
