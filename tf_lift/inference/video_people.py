"""The people whom a detector found in the frames of a video."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tf_lift.inference.people_finders import FoundPerson, PeopleFinder
from tf_lift.inference.tracking import Tracker
from tf_lift.inference.videos import Frame

__all__ = ["VideoPeople", "find_people"]

# Seconds after which a whole frame is searched again for people who entered.
SEARCH_S = 0.5

# People are kept as arrays after so many.
_PART = 1000


@dataclasses.dataclass(frozen=True)
class VideoPeople:
    """Landmarks of people, N of them in F frames.

    Attributes:
        landmarks: `[N, L, 2]`, px.
        scores: `[N, L]`: confidences.
        box: `[N, 4]`: (x, y, width, height), px.
        score: `[N]`: how sure the detector is of each person.
        frame: `[N]`, int: frame of each, in order.
        frames: `[F]`, int: all frames.
        fps: Frames per second.
        image_size: (width, height), px.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: np.ndarray
    frame: np.ndarray
    frames: np.ndarray
    fps: float = 0.0
    image_size: tuple[int, int] | None = None

    @classmethod
    def of(cls, people: Sequence[FoundPerson], frame=None) -> "VideoPeople":
        """Stacks people, at least one.

        Args:
            people: What a detector found.
            frame: Frame of each; `None` for 0.
        """
        frame = np.zeros(len(people), np.int64) if frame is None else np.array(frame, np.int64)
        return cls(
            landmarks=np.array([person.landmarks for person in people], np.float32),
            scores=np.array([person.scores for person in people], np.float32),
            box=np.array([person.box for person in people], np.float32),
            score=np.array([person.score for person in people], np.float32),
            frame=frame,
            frames=np.unique(frame),
        )

    def identify(self, tracker: Tracker) -> np.ndarray:
        """Returns the number `[N]` of each person, the same in all frames."""
        numbers = np.zeros(len(self.frame), np.int64)
        for frame in np.unique(self.frame):
            rows = np.flatnonzero(self.frame == frame)
            numbers[rows] = tracker.update(int(frame), self.landmarks[rows], self.scores[rows])
        return numbers

    def spread(self, rows, frames) -> "VideoPeople":
        """Returns one person in all of some frames: NaN, and scores of 0, where not seen.

        Args:
            rows: Indices of the person.
            frames: `[T]`, int, without gaps.
        """
        places = self.frame[rows] - frames[0]

        def fill(array, value):
            filled = np.full([len(frames), *array.shape[1:]], value, array.dtype)
            filled[places] = array[rows]
            return filled

        return VideoPeople(
            landmarks=fill(self.landmarks, np.nan),
            scores=fill(self.scores, 0.0),
            box=fill(self.box, np.nan),
            score=fill(self.score, np.nan),
            frame=frames,
            frames=frames,
            fps=self.fps,
            image_size=self.image_size,
        )


def find_people(frames: Iterable[Frame], finder: PeopleFinder, fps: float) -> VideoPeople:
    """Finds the people in the frames of a video, one frame at a time.

    A detector that can follows people from frame to frame and searches the whole frame only now and
    then, and where somebody was lost.

    Args:
        frames: Frames in order.
        finder: Detector.
        fps: Frames per second.
    """
    parts: list[VideoPeople] = []
    people: list[tuple[FoundPerson, int]] = []
    numbers = []
    regions: list = []
    size, searched_s = None, -np.inf
    for frame in frames:
        search = frame.time_s - searched_s >= SEARCH_S
        found = finder.detect(frame.image, regions, search=search)
        searched_s = frame.time_s if search else searched_s
        regions = [person.region for person in found if person.region is not None]
        size = size or (frame.image.shape[1], frame.image.shape[0])
        people += [(person, frame.number) for person in found]
        numbers.append(frame.number)
        if len(people) >= _PART:
            parts.append(VideoPeople.of(*zip(*people, strict=True)))
            people = []
    if people:
        parts.append(VideoPeople.of(*zip(*people, strict=True)))
    return _join(parts, len(finder.skeleton.joint_names), numbers, fps=fps, image_size=size)


def _join(parts, num_joints, numbers, **fields):
    names = ("landmarks", "scores", "box", "score", "frame")
    nobody = VideoPeople(
        np.zeros([0, num_joints, 2], np.float32),
        np.zeros([0, num_joints], np.float32),
        np.zeros([0, 4], np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        np.array(numbers, np.int64),
        **fields,
    )
    joined = {name: np.concatenate([getattr(p, name) for p in (nobody, *parts)]) for name in names}
    return dataclasses.replace(nobody, **joined)
