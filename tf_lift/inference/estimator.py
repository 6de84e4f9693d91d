"""`tf_lift.PoseEstimator`: photos and videos in, people in 3D out."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.inference import people_finders, sources, video_people, videos
from tf_lift.inference.confidence import NOISE_MM
from tf_lift.inference.poses import MIN_JOINTS, Poses, lift_landmarks
from tf_lift.inference.tracking import Tracker
from tf_lift.inference.video_people import VideoPeople, find_people
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import PosePrior

__all__ = ["Estimate", "PoseEstimator"]

# Joints that lie further outside of the image are guesses, as a share of its size.
OUTSIDE = 0.05

# Images whose people are lifted together: one lift costs as much as a hundred further people.
_GROUP = 32


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The people of one image or video.

    Attributes:
        name: Name of the source.
        path: Its file, or `None` for an array.
        poses: Poses of all people, perhaps none; `None` if `problem` says why there are none.
        problem: Why the source could not be read, or not to its end; `None` if all is well.
        camera: What was known or assumed of the camera.
        is_video: Whether frames were tracked and lifted as sequences.
    """

    name: str
    path: pathlib.Path | None
    poses: Poses | None
    problem: str | None = None
    camera: Camera | str | None = None
    is_video: bool = False


class PoseEstimator:
    """Finds people in images and videos and lifts them to 3D.

    In images, each person is lifted alone. In videos, people are followed from frame to frame, and
    each is lifted as a sequence (`tf_lift.lift_sequence`): one body, a smooth motion, gaps filled.

    Args:
        prior: `PosePrior`; `None` for the one that ships.
        detector: `None` for the default detector, which finds several people; a
            `tf_lift.inference.BeliefMapDetector`, which finds one; or any object with `skeleton`
            and `detect(image, regions, search=)`, as `tf_lift.inference.PeopleDetector` has them.
        camera: As for `tf_lift.lift`. `None`: the focal length of a photo's EXIF data, else a
            usual one (`Camera.guess`); pitch and roll are estimated.
        noise_mm: Error of the 2D positions, mm on the person, added to the prior's noise.
        min_score: Joints that the detector is less sure of count as missing.
        robust: Whether confidences weigh the landmarks.
        box: (x, y, width, height), px, where a `BeliefMapDetector` looks.
        options: `tf_lift.LiftOptions`; `None` for the defaults.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Raises:
        ValueError: If an argument does not fit.

    Example::

        estimator = tf_lift.PoseEstimator()
        poses = estimator("party.jpg")
        poses.joints_3d.shape, poses.person        # ((3, 17, 3), array([0, 1, 2]))
        poses = estimator("clip.mp4")              # poses.frame, poses.person, poses.time
    """

    def __init__(
        self,
        prior: PosePrior | None = None,
        detector: Any = None,
        *,
        camera: Camera | str | None = None,
        noise_mm: float = NOISE_MM,
        min_score: float = 0.05,
        robust: bool = True,
        box: tuple[float, float, float, float] | None = None,
        options: LiftOptions | None = None,
        **option_fields,
    ):
        self.prior = (prior or PosePrior.load()).with_noise(noise_mm)
        self.finder = people_finders.adapt(detector, box, min_score)
        if isinstance(camera, str) and camera != "level":
            raise ValueError(f'`camera` must be None, "level" or a Camera. Received: {camera!r}')
        self.camera = camera
        self._lift_options = {
            "min_score": min_score,
            "robust": robust,
            "options": options,
            **option_fields,
        }

    def __call__(self, source, *, fps: float | None = None) -> Poses:
        """Returns the people of images or of a video.

        Args:
            source: Path of an image or video, a folder or pattern, or a list of those; an image
                `[height, width, 3]`, uint8, RGB; a batch of images; anything that yields images, of
                any sizes, as a list or a `tf.data.Dataset`.
            fps: Frames per second, if the images are the frames of a video, in order.

        Returns:
            The poses, ordered by frame and person. `frame` is the image's number in the order
            given, and for one video its frame; nobody there gives no poses.

        Raises:
            ValueError: If a source is no image or video, or has a rate and `fps` is given. Where
                some of several cannot be read, use `iterate`, which goes on.
        """
        if fps is not None:
            Tracker(fps)  # Checks it.
            frames = _numbered(_sources(source), fps)
            return self._lift_video(find_people(frames, self.finder, fps))
        parts = []
        for number, estimate in enumerate(self.iterate(source)):
            if estimate.poses is None:
                raise ValueError(estimate.problem)
            poses = estimate.poses
            parts.append(poses if estimate.is_video else _renumbered(poses, number))
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return self._nobody(np.zeros(0, np.int64))
        if any(part.fps is not None for part in parts):
            raise ValueError("several videos have a result each: use `iterate`")
        joined = Poses.concatenate([part for part in parts if len(part.scale)] or parts[:1])
        return dataclasses.replace(joined, frames=np.arange(len(parts)), image_size=None)

    def iterate(
        self,
        source,
        *,
        track: Callable[[videos.Video], Iterable[videos.Frame]] = iter,
        unfinished: str | os.PathLike | None = None,
    ) -> Iterator[Estimate]:
        """Yields the people of each image and video, as they are done.

        Memory does not grow with the number of images, nor, but for landmarks, of frames.

        Args:
            source: As for calling the estimator.
            track: Wraps the frames of each video, to show progress.
            unfinished: Folder for what was found in a video, from which a later call goes on, if
                this one is interrupted before the next source is asked for.
        """
        group: list[_Found] = []
        for item in _sources(source):
            if isinstance(item, sources.VideoSource):
                yield from self._lift_group(group)
                group = []
                yield from self._video(item, track, unfinished)
                continue
            try:
                image = item.read()
                people = self.finder.detect(image)
            except (OSError, ValueError) as error:
                yield Estimate(item.name, item.path, None, str(error))
                continue
            size = (image.shape[1], image.shape[0])
            group.append(_Found(item, people, size, self._camera(item, size)))
            if len(group) == _GROUP:
                yield from self._lift_group(group)
                group = []
        yield from self._lift_group(group)

    def _camera(self, item, size):
        if self.camera is not None:
            return self.camera
        known = None if item is None else item.read_camera()
        return Camera.guess(size) if known is None else known

    def _lift_group(self, group) -> list[Estimate]:
        """Lifts the people of some images, those of equal cameras together."""
        lifted: list[Poses | None] = [None] * len(group)
        cameras: dict[Any, list[int]] = {}
        for index, found in enumerate(group):
            if found.people:
                cameras.setdefault(found.camera, []).append(index)
        for camera, indices in cameras.items():
            people = [person for index in indices for person in group[index].people]
            poses = self._lift(VideoPeople.of(people), camera)
            ends = np.cumsum([len(group[index].people) for index in indices])
            for index, rows in zip(indices, np.split(np.arange(ends[-1]), ends[:-1]), strict=True):
                lifted[index] = poses.take(rows)
        estimates = []
        for found, result in zip(group, lifted, strict=True):
            poses = self._nobody(np.zeros(1, np.int64)) if result is None else result
            count = len(found.people)
            poses = dataclasses.replace(
                poses,
                frame=np.zeros(count, np.int64),
                person=np.arange(count),
                frames=np.zeros(1, np.int64),
                image_size=found.size,
            )
            item = found.item
            estimates.append(Estimate(item.name, item.path, poses, None, found.camera))
        return estimates

    def _video(self, item, track, unfinished):
        part, keep = None, {}
        if unfinished is not None and item.path.is_file():
            part = pathlib.Path(unfinished) / f".{item.name}.part.npz"
            keep["known"] = video_people.read(part, item.path)
            keep["save"] = lambda found: video_people.write(found, part, item.path)
        try:
            video = videos.Video(item.path)
            endless = not item.path.is_file()
            found = find_people(track(video), self.finder, video.fps, endless=endless, **keep)
            found = dataclasses.replace(found, image_size=video.size)
            if part is not None:
                # Until the results are written, too, the search need not be done again.
                video_people.write(found, part, item.path)
            poses = self._lift_video(found)
        except (OSError, ValueError) as error:
            yield Estimate(item.name, item.path, None, str(error), is_video=True)
        else:
            camera = self._camera(None, video.size)
            yield Estimate(item.name, item.path, poses, video.problem, camera, is_video=True)
        if part is not None:
            part.unlink(missing_ok=True)

    def _lift_video(self, found: VideoPeople) -> Poses:
        """Follows the people of a video and lifts each as a sequence."""
        camera = self._camera(None, found.image_size) if len(found.frames) else self.camera
        person = found.identify(Tracker(found.fps))
        parts = []
        for number in np.unique(person):
            rows = np.flatnonzero(person == number)
            frames = np.arange(found.frame[rows[0]], found.frame[rows[-1]] + 1)
            track = found.spread(rows, frames)
            if (track.scores > 0).sum(1).max() < MIN_JOINTS:
                continue
            poses = self._lift(track, camera, fps=found.fps)
            poses = dataclasses.replace(
                poses,
                frame=frames,
                person=np.full(len(frames), number),
                time=frames / found.fps,
            )
            # The sequence has all times, the source perhaps not.
            parts.append(poses.take(np.flatnonzero(np.isin(frames, found.frames))))
        if not parts:
            return dataclasses.replace(self._nobody(found.frames), fps=found.fps)
        poses = Poses.concatenate(parts)
        poses = poses.take(np.lexsort([poses.person, poses.frame]))  # type: ignore[arg-type]
        return dataclasses.replace(
            poses, frames=found.frames, fps=found.fps, image_size=found.image_size
        )

    def _lift(self, people, camera, fps=None) -> Poses:
        scores = np.where(_inside(people.landmarks, camera), people.scores, 0.0)
        poses = lift_landmarks(
            people.landmarks,
            self.prior,
            self.finder.skeleton,
            scores,
            allow_empty=True,
            camera=camera,
            fps=fps,
            **self._lift_options,
        )
        return dataclasses.replace(poses, box=people.box, person_score=people.score)

    def _nobody(self, frames) -> Poses:
        """Returns no poses, of images in which nobody was found."""
        source = skeletons.get(self.finder.skeleton)
        somebody = lift_landmarks(
            np.full([1, source.num_joints, 2], np.nan),
            self.prior,
            source,
            np.zeros([1, source.num_joints]),
            allow_empty=True,
            camera="level",
        )
        poses = dataclasses.replace(
            somebody,
            frame=np.zeros(1, np.int64),
            person=np.zeros(1, np.int64),
            person_score=np.zeros(1),
            box=np.zeros([1, 4]),
        ).take(np.zeros(0, int))
        return dataclasses.replace(poses, frames=frames)


@dataclasses.dataclass(frozen=True)
class _Found:
    """The people who were found in an image."""

    item: sources.ImageSource
    people: list
    size: tuple[int, int]
    camera: Camera | str


def _sources(source) -> Iterable:
    if isinstance(source, str | os.PathLike):
        return sources.from_files([source])
    if isinstance(source, Sequence) and source:
        if isinstance(source[0], str | os.PathLike):
            return sources.from_files(source)
        if isinstance(source[0], sources.ImageSource | sources.VideoSource):
            return source
    return sources.from_arrays(source)


def _inside(landmarks, camera):
    """Returns which landmarks are not far outside of the image, where detectors guess."""
    size = getattr(camera, "image_size", None)
    if size is None:
        return np.ones(landmarks.shape[:-1], bool)
    share = (landmarks + 0.5) / size
    return np.all((share > -OUTSIDE) & (share < 1 + OUTSIDE), -1)


def _numbered(frames, fps):
    for number, item in enumerate(frames):
        if isinstance(item, sources.VideoSource):
            raise ValueError(f"`fps` must be None for videos. Received: {fps} and {item.path}")
        yield videos.Frame(number, number / fps, item.read())


def _renumbered(poses, number):
    return dataclasses.replace(poses, frame=np.full(len(poses.scale), number))
