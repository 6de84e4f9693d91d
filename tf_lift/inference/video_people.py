"""The people whom a detector found in the frames of a video."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tf_lift.inference.people.regions import Region
from tf_lift.inference.people_finders import FoundPerson, PeopleFinder
from tf_lift.inference.tracking import Tracker, number_people
from tf_lift.inference.videos import Frame
from tf_lift.io import npz

__all__ = ["VideoPeople", "find_people", "read", "write"]

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
        regions: `[R, 4]`: x, y, size and turn of the regions where the next frame is looked at.
        searched_s: When the last whole frame was searched.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: np.ndarray
    frame: np.ndarray
    frames: np.ndarray
    fps: float = 0.0
    image_size: tuple[int, int] | None = None
    regions: np.ndarray | None = None
    searched_s: float = -np.inf

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
        return number_people(tracker, self.frame, self.landmarks, self.scores)

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


def find_people(
    frames: Iterable[Frame],
    finder: PeopleFinder,
    fps: float,
    *,
    known: VideoPeople | None = None,
    save: Callable[[VideoPeople], object] | None = None,
    endless: bool = False,
) -> VideoPeople:
    """Finds the people in the frames of a video, one frame at a time.

    A detector that can follows people from frame to frame and searches the whole frame only now and
    then, and where somebody was lost.

    Args:
        frames: Frames in order.
        finder: Detector.
        fps: Frames per second.
        known: What an interrupted call has found, which is not looked for again. The call goes
            on as if it had not been interrupted, if the detector's regions are those of
            `PeopleDetector` or none.
        save: Called with what was found when the call is interrupted.
        endless: Whether Ctrl-C is how the frames end, as those of a webcam.
    """
    search = _Search(finder, fps, known)
    try:
        for frame in frames:
            search.add(frame)
    except BaseException as error:
        if endless and isinstance(error, KeyboardInterrupt):
            return search.found()
        if save is not None:
            save(search.found())
        raise
    return search.found()


class _Search:
    """The state of a search through a video."""

    def __init__(self, finder, fps, known):
        self.finder, self.fps = finder, fps
        self.parts = [] if known is None else [known]
        self.numbers = [] if known is None else known.frames.tolist()
        self.size = None if known is None else known.image_size
        self.people: list = []
        packed = [] if known is None or known.regions is None else known.regions
        self.regions: list = [Region((x, y), size, turn) for x, y, size, turn in packed]
        self.searched_s = -np.inf if known is None else known.searched_s

    def add(self, frame):
        """Finds the people of the next frame."""
        if self.numbers and frame.number <= self.numbers[-1]:
            return
        search = frame.time_s - self.searched_s >= SEARCH_S
        found = self.finder.detect(frame.image, self.regions, search=search)
        self.searched_s = frame.time_s if search else self.searched_s
        self.regions = [person.region for person in found if person.region is not None]
        self.size = self.size or (frame.image.shape[1], frame.image.shape[0])
        self.people += [(person, frame.number) for person in found]
        self.numbers.append(frame.number)
        if len(self.people) >= _PART:
            self._pack()

    def _pack(self):
        if self.people:
            self.parts.append(VideoPeople.of(*zip(*self.people, strict=True)))
            self.people = []

    def found(self):
        """Returns all people so far."""
        self._pack()
        num_joints = self.finder.skeleton.num_joints
        regions = [
            (*region.centre, region.size, region.turn)
            for region in self.regions
            if isinstance(region, Region)
        ]
        return _join(
            self.parts,
            num_joints,
            self.numbers,
            fps=self.fps,
            image_size=self.size,
            regions=np.reshape(np.array(regions, float), [-1, 4]),
            searched_s=self.searched_s,
        )


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


def write(found: VideoPeople, path, video) -> None:
    """Writes what was found in a video so far, to go on with.

    Args:
        found: The people.
        path: File.
        video: File of the video, which must not change in between.
    """
    arrays = {
        field.name: np.array(getattr(found, field.name))
        for field in dataclasses.fields(found)
        if getattr(found, field.name) is not None
    }
    npz.write(path, arrays | {"video": np.array(_stamp(video))})


def read(path, video) -> VideoPeople | None:
    """Reads what `write` wrote; `None` if there is nothing, or of another video."""
    try:
        content: dict[str, Any] = dict(npz.read(path))
        if content.pop("video").tolist() != _stamp(video):
            return None
        content |= {name: float(content[name]) for name in ("fps", "searched_s")}
        if "image_size" in content:
            content["image_size"] = tuple(content["image_size"].tolist())
        return VideoPeople(**content)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _stamp(video):
    status = os.stat(video)
    return [status.st_size, status.st_mtime_ns]
