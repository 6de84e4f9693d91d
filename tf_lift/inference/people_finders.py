"""One interface to all detectors: an image in, people out."""

import dataclasses
from typing import Any, Protocol

import numpy as np

from tf_lift import skeletons
from tf_lift.inference.detectors import BeliefMapDetector

__all__ = ["FoundPerson", "PeopleFinder", "adapt"]


class FoundPerson(Protocol):
    """A person in an image, as `PeopleDetector.detect` returns it."""

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: float
    region: Any


class PeopleFinder(Protocol):
    """What finds people: `PeopleDetector`, or any object with these members."""

    skeleton: skeletons.Skeleton

    def detect(self, image, regions=(), *, search: bool = False) -> list: ...


@dataclasses.dataclass(frozen=True)
class _Peaks:
    """The one person that the peaks of belief maps show."""

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: float
    region: None = None


class _OnePerson:
    """Lets a belief-map network find the one person of an image, or of a box of it."""

    def __init__(self, detector: BeliefMapDetector, box, min_score: float):
        self.detector, self.box, self.min_score = detector, box, min_score
        self.skeleton = detector.skeleton

    def detect(self, image, regions=(), *, search=False):
        found = self.detector.detect(image, self.box)
        seen = found.scores >= max(self.min_score, 1e-9)
        if not seen.any():
            return []
        low, high = found.landmarks[seen].min(0), found.landmarks[seen].max(0)
        score = float(found.scores[seen].mean())
        return [_Peaks(found.landmarks, found.scores, np.concatenate([low, high - low]), score)]


def adapt(detector, box=None, min_score: float = 0.05) -> PeopleFinder:
    """Returns a detector that finds people: the default one for `None`.

    Args:
        detector: `None`, a `BeliefMapDetector`, which finds one person, or a `PeopleFinder`.
        box: (x, y, width, height), px, where a belief-map network looks; `None`: everywhere.
        min_score: Peaks of belief maps that are lower are no joints.

    Raises:
        ValueError: If it is none of these, or `box` does not apply.
    """
    if isinstance(detector, BeliefMapDetector):
        return _OnePerson(detector, box, min_score)
    if box is not None:
        raise ValueError(
            f"`box` must be None where the detector finds people itself. Received: {box}"
        )
    if detector is None:
        from tf_lift.inference.people.detector import PeopleDetector

        return PeopleDetector()
    if not hasattr(detector, "detect") or not hasattr(detector, "skeleton"):
        raise ValueError(
            "`detector` must be None, a BeliefMapDetector, or have `skeleton` and "
            f"`detect(image, regions, search=)`. Received: {detector!r}"
        )
    return detector
