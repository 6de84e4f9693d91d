"""A person in an image, and when two of them are the same person."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tf_lift import skeletons
from tf_lift.inference.people.regions import Region

__all__ = [
    "Person",
    "body_score",
    "distinct",
    "mean",
    "same_place",
    "surrounding_box",
    "with_sides",
]

# Landmarks of the face, and of limbs, hands and feet included: those that tell left from right.
_FACE = slice(0, 11)
_LIMBS = slice(11, 33)
_BODY = slice(11, 25)
_HIPS = slice(23, 25)
# Index of each landmark's counterpart on the other side.
_MIRRORED = list(skeletons.MEDIAPIPE_33.swap)

# Two findings are one person if their limbs or their faces are this close on average, over the
# region's side, which is about 1.25 times a standing person's height: 10 cm on the person.
_SAME_LANDMARKS = 0.045
# A detection whose region is this close to that of a known person, over its side, is not looked at.
_SAME_CENTRE = 0.1

# Left and right are exchanged if that brings two findings of one person this much closer. Seen
# from the side, left and right are too close to tell.
_MIRRORED_RATIO = 0.6

# Confidence of the landmarks that a person's box surrounds.
_BOX_SCORE = 0.3


@dataclasses.dataclass(frozen=True)
class Person:
    """One person in one image.

    Attributes:
        landmarks: Array of shape `[33, 2]`, px of the image, float64. Those that are hidden or
            outside of the image are guesses, and have low scores.
        scores: Array of shape `[33]`: confidences, 0 to 1.
        box: Array of shape `[4]`, (x, y, width, height), px: around the landmarks that are seen.
        score: Probability that a person is there, 0 to 1.
        region: Where the next frame should look.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: float
    region: Region


def surrounding_box(landmarks: np.ndarray, scores: np.ndarray, size) -> np.ndarray:
    """Returns the box around the sure landmarks, inside an image.

    Args:
        landmarks: Array of shape `[L, 2]`, px.
        scores: Array of shape `[L]`.
        size: (width, height) of the image, px.

    Returns:
        Array of shape `[4]`, (x, y, width, height), px; around all landmarks if none is sure.

    >>> surrounding_box(np.array([[2.0, 3.0], [9.0, 5.0], [4.0, 7.0]]), np.ones(3), (8, 8))
    array([2., 3., 5., 4.])
    """
    sure = scores >= _BOX_SCORE
    kept = landmarks[sure] if sure.any() else landmarks
    kept = np.clip(kept, 0, np.subtract(size, 1))
    low = kept.min(0)
    return np.concatenate([low, kept.max(0) - low])


def body_score(landmarks: np.ndarray, scores: np.ndarray, size) -> float:
    """Returns the mean confidence of the shoulders, arms, hands and hips in the image.

    A face in the pattern of clothes has a person by the network's other output, but no body.

    Args:
        landmarks: Array of shape `[33, 2]`, px.
        scores: Array of shape `[33]`.
        size: (width, height) of the image, px.

    Returns:
        Confidence, 0 to 1; 1 if a hip is outside, as in a portrait.
    """
    inside = ((landmarks >= 0) & (landmarks <= np.subtract(size, 1))).all(-1)
    return float(scores[_BODY][inside[_BODY]].mean()) if inside[_HIPS].all() else 1.0


def with_sides(person: Person, landmarks: np.ndarray) -> Person:
    """Returns the person with the left and right of other landmarks.

    Args:
        person: The person.
        landmarks: Array of shape `[33, 2]`, px: the same person, less exact, but with left and
            right as they are.
    """
    alike = _distance(person.landmarks, landmarks)
    mirrored = person.landmarks[_MIRRORED]
    if _distance(mirrored, landmarks) >= _MIRRORED_RATIO * alike:
        return person
    return dataclasses.replace(person, landmarks=mirrored, scores=person.scores[_MIRRORED])


def mean(person: Person, other: Person) -> Person:
    """Returns the mean of two findings of one person, with the first one's left and right."""
    other = with_sides(other, person.landmarks)
    return Person(
        (person.landmarks + other.landmarks) / 2,
        (person.scores + other.scores) / 2,
        (person.box + other.box) / 2,
        (person.score + other.score) / 2,
        person.region,
    )


def distinct(people: Iterable[Person]) -> list[Person]:
    """Returns the people in order, without findings of a person who has a surer one.

    Two findings are the same person also if left and right are exchanged.
    """
    people = list(people)
    kept: list[int] = []
    for index in sorted(range(len(people)), key=lambda index: -people[index].score):
        if not any(_same(people[index], people[other]) for other in kept):
            kept.append(index)
    return [people[index] for index in sorted(kept)]


def same_place(region: Region, others: Sequence[Region]) -> bool:
    """Returns whether a region has almost the same place as one of the others."""
    return any(
        np.hypot(*np.subtract(region.centre, other.centre)) < _SAME_CENTRE * other.size
        for other in others
    )


def _same(person, other):
    size = max(person.region.size, other.region.size)
    candidates = (person.landmarks, person.landmarks[_MIRRORED])
    distance = min(
        _distance(landmarks, other.landmarks, part)
        for landmarks in candidates
        for part in (_FACE, _LIMBS)
    )
    return distance < _SAME_LANDMARKS * size


def _distance(landmarks, others, part=_LIMBS):
    return float(np.linalg.norm(landmarks[part] - others[part], axis=-1).mean())
