"""Turns the poses that a reader found into `Keypoints`: what is missing, units, people."""

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import confidences, layouts
from tf_lift.data.formats.keypoints.keypoints import Keypoints, KeypointsError
from tf_lift.data.formats.keypoints.people import People

__all__ = ["assemble"]

# No image has so many pixels in a row.
_MOST_PIXELS = 1e6
# Share of normalised coordinates that lie within the image, and how far the others may be.
_WITHIN = 0.85
_FARTHEST = 6.0


def assemble(
    people: People, skeleton: str | None = None, image_size: tuple[int, int] | None = None
) -> Keypoints:
    """Interprets the numbers of a file.

    Args:
        people: What its reader found.
        skeleton: Name of the skeleton, `None` for that of the file.
        image_size: (width, height), needed where coordinates are fractions of it.

    Returns:
        The keypoints, sorted by frame and person.

    Raises:
        KeypointsError: If coordinates, confidences or the number of joints make no sense.
    """
    skeleton = skeleton or people.skeleton
    frames = np.array(sorted(people.frames), np.int64)
    size = image_size or people.image_size
    if not len(people):
        joints = skeletons.get(skeleton).num_joints if skeleton else 0
        return _empty(people, skeleton, joints, frames, size)
    landmarks = np.stack(people.values).astype(np.float64)
    scores, notes = _scores(people, landmarks)
    missing = _is_missing(landmarks, people.is_detector)
    landmarks = np.where(missing[..., np.newaxis], np.nan, landmarks)
    with np.errstate(over="ignore"):
        huge = np.abs(np.nan_to_num(landmarks)).max((1, 2), initial=0.0) > _MOST_PIXELS
    if huge.any():
        row = int(np.flatnonzero(huge)[0])
        raise KeypointsError(
            f"pose {row} (frame {people.frame[row]}): coordinates must be below "
            f"{_MOST_PIXELS:,.0f} px. Received: {np.nanmax(np.abs(landmarks[row])):g}"
        )
    landmarks, is_scaled = _to_pixels(landmarks, people, size)
    missing |= scores <= 0
    landmarks = np.where(missing[..., np.newaxis], np.nan, landmarks)
    scores = np.where(missing, 0.0, scores)
    box = _boxes(people, size if is_scaled else None)
    skeleton = layouts.determine(landmarks, people.source, skeleton)
    person, tracked, identity_notes = _identities(people)
    order = np.lexsort([person, people.frame])
    images = np.array([name or "" for name in people.image])
    return Keypoints(
        landmarks=landmarks[order],
        scores=scores[order],
        skeleton=skeleton,
        frame=np.array(people.frame, np.int64)[order],
        person=person[order],
        person_score=np.array(people.person_score, np.float64)[order],
        frames=frames,
        box=None if box is None else box[order],
        image=images[order] if images.astype(bool).any() else None,
        image_size=size,
        fps=people.fps,
        source=people.source,
        tracked=tracked,
        notes=(*people.notes, *notes, *identity_notes),
        problems=tuple(people.problems),
    )


def _empty(people, skeleton, joints, frames, size):
    none = np.zeros(0)
    return Keypoints(
        landmarks=np.zeros([0, joints, 2]),
        scores=np.zeros([0, joints]),
        skeleton=skeleton,
        frame=none.astype(np.int64),
        person=none.astype(np.int64),
        person_score=none,
        frames=frames,
        image_size=size,
        fps=people.fps,
        source=people.source,
        notes=tuple(people.notes),
        problems=tuple(people.problems),
    )


def _scores(people, landmarks):
    unknown = np.ones(landmarks.shape[1])
    scores = np.stack([unknown if row is None else row for row in people.scores])
    scores = scores.astype(np.float64)
    if people.can_be_z and confidences.is_depth(scores):
        note = "the third number of each joint is taken for a depth z, which is not used"
        return np.ones_like(scores), [note]
    scores, notes = confidences.understand(scores)
    if not scores.any():
        of = "it" if len(scores) == 1 else f"all {len(scores)} poses"
        raise KeypointsError(
            f"all {scores.shape[1]} keypoints have confidence 0 in {of}, so none can be used: if "
            "the confidences are not known, write 1"
        )
    return scores, notes


def _is_missing(landmarks, is_detector):
    unseen = ~np.isfinite(landmarks).all(-1)
    marked = (landmarks == -1.0).all(-1)
    zero = (landmarks == 0.0).all(-1)
    # Coordinates relative to a joint have both signs, and (0, 0) is that joint.
    seen = landmarks[~(unseen | marked)]
    if not is_detector and np.any(seen < 0):
        marked, zero = np.zeros_like(marked), np.zeros_like(zero)
    return unseen | marked | zero


def _to_pixels(landmarks, people, size):
    """Multiplies fractions of the image by its size."""
    known = landmarks[np.isfinite(landmarks)]
    if not known.size:
        return landmarks, False
    within = np.mean((known >= 0) & (known <= 1.0))
    if within >= _WITHIN and np.abs(known).max() <= _FARTHEST:
        if size is None:
            raise KeypointsError(
                f"coordinates from {known.min():.3g} to {known.max():.3g} are fractions of the "
                "image: give its size, `image_size` (`--image-size WIDTHxHEIGHT`)"
            )
        return landmarks * np.array(size, np.float64), True
    if people.is_detector and np.abs(known).max() <= 2.0:
        raise KeypointsError(
            f"coordinates from {known.min():.3g} to {known.max():.3g} are neither pixels nor "
            "fractions of the image from 0 to 1"
        )
    return landmarks, False


def _boxes(people, size):
    if all(box is None for box in people.box):
        return None
    unknown = np.full(4, np.nan)
    rows = [unknown if box is None else np.asarray(box, np.float64).ravel() for box in people.box]
    boxes = np.stack([row if row.size == 4 else unknown for row in rows])
    is_fraction = size is not None and np.all(np.abs(np.nan_to_num(boxes)) <= 2.0)
    return boxes * np.tile(size, 2) if is_fraction else boxes


def _identities(people):
    """Returns the person of each pose, whether that is an identity, and notes."""
    person = np.array(people.person, np.int64)
    frame = np.array(people.frame, np.int64)
    known = person >= 0
    if known.any():
        pairs = np.stack([frame[known], person[known]], 1)
        unique, count = np.unique(pairs, axis=0, return_counts=True)
        if (count == 1).all():
            person[~known] = person.max() + 1 + np.arange((~known).sum())
            return person, True, []
        twice = unique[count > 1]
        notes = []
        # A tracker that was not run writes the same number for all.
        if len(np.unique(person[known])) > 1:
            notes.append(
                f"person {twice[0, 1]} is in frame {twice[0, 0]} more than once"
                + (f", as in {len(twice) - 1} other cases" if len(twice) > 1 else "")
                + ": the numbers of people are not used as identities"
            )
        return _within_frame(frame), False, notes
    return _within_frame(frame), False, []


def _within_frame(frame):
    order = np.argsort(frame, kind="stable")
    starts = np.r_[True, np.diff(frame[order]) != 0]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(frame)), 0))
    person = np.empty(len(frame), np.int64)
    person[order] = np.arange(len(frame)) - first
    return person
