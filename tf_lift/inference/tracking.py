"""Tells people apart from frame to frame: who is where, by similarity and motion."""

import dataclasses
import math

import numpy as np
import scipy.optimize

__all__ = ["Tracker", "number_people", "similarity"]

# Deviation of a joint from where motion puts it, over the root of the person's area: at once, and
# its growth per second since the person was seen. People walk three of these roots in a second, so
# it grows faster as long as their velocity is not known.
DEVIATION = 0.1
GROWTH_PER_S = 1.0
GROWTH_OF_NEW_PER_S = 3.0
# A detection that is less similar is another person.
MIN_SIMILARITY = 0.15
# A person who was not seen for longer is not looked for any more.
MAX_GAP_S = 2.0
# How quickly the estimates of velocity and size follow, and how long velocity lasts unseen.
VELOCITY_TIME_S = 0.15
SIZE_TIME_S = 0.5
MAX_COAST_S = 0.7


def similarity(first, second, area, deviation=DEVIATION) -> np.ndarray:
    """Computes how alike poses lie in an image, as COCO's OKS with one deviation for all joints.

    Args:
        first: `[N, L, 2]`, px, NaN where a joint is missing.
        second: `[M, L, 2]`, px.
        area: `[N]`, px^2: area of the first people.
        deviation: Of a joint, over the root of the area; a number or `[N]`.

    Returns:
        `[N, M]` in [0, 1], over the joints that both have; 0 where they share fewer than three.

    References:
        Lin et al. Microsoft COCO: Common objects in context. ECCV 2014; its keypoint evaluation.

    >>> pose = np.array([[[0.0, 0.0], [0.0, 50.0], [30.0, 0.0]]])
    >>> similarity(pose, pose + [[[0.0, 10.0]]], [1e4]).round(2)
    array([[0.61]])
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    squared = np.sum((first[:, np.newaxis] - second[np.newaxis]) ** 2, -1)
    spread = 2 * np.broadcast_to(deviation, len(first)) ** 2 * np.maximum(area, 1.0)
    alike = np.exp(-squared / spread[:, np.newaxis, np.newaxis])
    shared = np.isfinite(squared)
    count = shared.sum(-1)
    total = np.where(shared, alike, 0.0).sum(-1)
    return np.where(count >= 3, total / np.maximum(count, 1), 0.0)


@dataclasses.dataclass
class _Track:
    """A person who was seen: the pose about its centre, and the centre's motion."""

    identity: int
    start_s: float
    seen_s: float
    pose: np.ndarray
    centre: np.ndarray
    velocity: np.ndarray
    size: float

    def centre_at(self, time_s):
        return self.centre + self.velocity * min(time_s - self.seen_s, MAX_COAST_S)

    def deviation_at(self, time_s):
        is_new = math.exp((self.start_s - self.seen_s) / VELOCITY_TIME_S)
        growth = GROWTH_PER_S + GROWTH_OF_NEW_PER_S * is_new
        return DEVIATION + growth * (time_s - self.seen_s)


class Tracker:
    """Gives people in the frames of a video numbers that stay theirs.

    Each person's centre is expected to move on evenly. In every frame the detections are given
    to the people seen before so that the sum of their similarities is largest; a detection that
    is like nobody is a new person. A person who was hidden is found again for two seconds.

    Args:
        fps: Frames per second.

    Raises:
        ValueError: If `fps` is not a positive number.

    >>> tracker = Tracker(fps=25)
    >>> left = np.array([[0.0, 0.0], [0.0, 90.0], [30.0, 0.0], [30.0, 90.0]])
    >>> tracker.update(0, [left, left + [200, 0]])
    array([0, 1])
    >>> tracker.update(1, [left + [202, 0], left + [2, 0]])
    array([1, 0])
    """

    def __init__(self, fps: float):
        if not isinstance(fps, int | float) or not 0 < fps < math.inf:
            raise ValueError(f"`fps` must be a positive number. Received: {fps!r}")
        self.fps = float(fps)
        self._tracks: list[_Track] = []
        self._next = 0
        self._frame: int | None = None

    def update(self, frame: int, landmarks, weights=None) -> np.ndarray:
        """Returns the numbers of the people of a frame.

        Args:
            frame: Number of the frame; frames may be left out.
            landmarks: `[P, L, 2]`, px, NaN where a joint is missing: P people, perhaps none.
            weights: `[P, L]`: confidence of each joint; `None` for 1.

        Returns:
            `[P]`, int: numbers from 0. A person with fewer than three joints gets a new one.

        Raises:
            ValueError: If a shape does not fit, or the frame is not later than the last one.
        """
        if self._frame is not None and frame <= self._frame:
            raise ValueError(f"`frame` must be later than {self._frame}. Received: {frame}")
        self._frame = frame
        landmarks = np.asarray(landmarks, float)
        if not landmarks.size:
            return np.zeros(0, int)
        if landmarks.ndim != 3 or landmarks.shape[-1] != 2:
            raise ValueError(f"`landmarks` must have shape [P, L, 2]. Received: {landmarks.shape}")
        if weights is not None:
            known = np.asarray(weights) > 0
            landmarks = np.where(known[..., np.newaxis], landmarks, np.nan)
        time_s = frame / self.fps
        self._tracks = [t for t in self._tracks if time_s - t.seen_s <= MAX_GAP_S]
        numbers = np.full(len(landmarks), -1)
        for row, column in self._pairs(landmarks, time_s):
            numbers[column] = self._tracks[row].identity
            _follow(self._tracks[row], landmarks[column], time_s)
        for column in np.flatnonzero(numbers < 0):
            numbers[column] = self._next
            self._start(landmarks[column], time_s)
        return numbers

    def _pairs(self, landmarks, time_s):
        """Returns pairs of a track's and a detection's index."""
        if not self._tracks:
            return []
        expected = np.stack([t.pose + t.centre_at(time_s) for t in self._tracks])
        deviation = np.array([t.deviation_at(time_s) for t in self._tracks])
        alike = similarity(expected, landmarks, [t.size**2 for t in self._tracks], deviation)
        # A wide deviation must not make a person who is long gone fit everywhere.
        alike *= (DEVIATION / deviation[:, np.newaxis]) ** 0.5
        limit = MIN_SIMILARITY * (DEVIATION / deviation[:, np.newaxis]) ** 0.5
        rows, columns = scipy.optimize.linear_sum_assignment(-np.where(alike < limit, 0.0, alike))
        return [
            (row, column)
            for row, column in zip(rows, columns, strict=True)
            if alike[row, column] >= limit[row, 0]
        ]

    def _start(self, landmarks, time_s):
        identity, self._next = self._next, self._next + 1
        if np.isfinite(landmarks).all(-1).sum() < 3:
            return
        centre = _centre(landmarks)
        self._tracks.append(
            _Track(
                identity, time_s, time_s, landmarks - centre, centre, np.zeros(2), _size(landmarks)
            )
        )


def number_people(tracker: Tracker, frame, landmarks, weights) -> np.ndarray:
    """Returns the numbers of people in all frames of a source.

    Args:
        tracker: A new one.
        frame: `[N]`, int: frame of each person, sorted.
        landmarks: `[N, L, 2]`, px, NaN where a joint is missing.
        weights: `[N, L]`: confidence of each joint.

    Returns:
        `[N]`, int.
    """
    frames, starts = np.unique(frame, return_index=True)
    numbers = np.zeros(len(frame), np.int64)
    # Of no frames there would be an end without a start.
    for number, start, end in zip(frames, starts, [*starts[1:], len(frame)], strict=False):
        rows = slice(start, end)
        numbers[rows] = tracker.update(int(number), landmarks[rows], weights[rows])
    return numbers


def _follow(track, landmarks, time_s):
    """Moves a track to a new detection."""
    gap = time_s - track.seen_s
    centre = _centre(landmarks)
    # Where joints are missing now, the pose keeps them, and the centre is that of the same joints.
    both = np.isfinite(landmarks).all(-1) & np.isfinite(track.pose).all(-1)
    if both.any():
        centre = np.median(landmarks[both] - track.pose[both], 0)
    follow = 1 - math.exp(-gap / VELOCITY_TIME_S)
    track.velocity = track.velocity + follow * ((centre - track.centre) / gap - track.velocity)
    known = np.isfinite(landmarks).all(-1)[:, np.newaxis]
    track.pose = np.where(known, landmarks - centre, track.pose)
    # The centre drifts off the pose unless both are set to the detection's.
    shift = _centre(track.pose)
    track.pose, track.centre = track.pose - shift, centre + shift
    follow = 1 - math.exp(-gap / SIZE_TIME_S)
    track.size += follow * (_size(track.pose) - track.size)
    track.seen_s = time_s


def _centre(landmarks):
    return np.nanmedian(landmarks, 0)


def _size(landmarks):
    """Returns the root of the area of a person, of which the box has twice as much."""
    extent = np.nanmax(landmarks, 0) - np.nanmin(landmarks, 0)
    # Arms and legs along the line of sight do not make a person flat.
    return math.sqrt(0.5 * max(extent[0] * extent[1], 0.2 * max(extent) ** 2, 1.0))
