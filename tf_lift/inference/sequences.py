"""Lifts files of keypoints to files of 3D poses."""

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable, Iterable

import numpy as np

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.data.formats import writers
from tf_lift.inference import images, keypoints, misfits, pose_files, poses
from tf_lift.viewing import figures

__all__ = ["KeypointsWarning", "lift_file", "lift_keypoints"]

# Rows of a figure.
MAX_DRAWN = 6
# Seconds without a person that are filled; a longer gap parts a person's frames in two sequences.
MAX_GAP_S = 2.0
_OUTPUTS = (".json", ".npz", ".csv", *(s for s in writers.SUFFIXES if s != ".csv"))


class KeypointsWarning(UserWarning):
    """Says how the numbers of a file were understood, and what was left out."""


def lift_file(
    path: str | os.PathLike,
    prior,
    output: str | os.PathLike,
    *,
    skeleton: skeletons.Skeleton | str | None = None,
    format: str | None = None,
    image_size: tuple[int, int] | None = None,
    figure: str | os.PathLike | None = None,
    image: str | os.PathLike | None = None,
    track: Callable[[list], Iterable] = list,
    say: Callable[[str, bool], None] | None = None,
    **options,
) -> poses.Poses:
    """Lifts the keypoints of a file or folder and writes the poses.

    Args:
        path: File or folder that `keypoints.read_keypoints` reads.
        prior: `PosePrior`.
        output: File to write: `.json`, `.npz`, `.csv`; or `.bvh`, `.c3d`, `.trc`, `.glb`, a file
            for each person.
        skeleton: Skeleton of the keypoints or its name; `None` for that of the file, else
            the only one with this number of joints.
        format: Name of the file's format, `None` to recognise it.
        image_size: (width, height) in px, needed where coordinates are fractions of it.
        figure: `.png` file for a drawing of up to 6 of the poses, evenly spaced.
        image: Image to draw the figure on.
        track: Wraps lists of files and of batches, to show progress.
        say: Called with each note on the file, and whether it is of a file that could not be
            read. `None` for a `KeypointsWarning`.
        **options: Those of `lift_keypoints`.

    Returns:
        The poses. In a file of several, one with too few joints is NaN. A `MisfitWarning` says how
        many do not fit the prior.

    Raises:
        ValueError: If the file cannot be read, or its keypoints do not fit the skeleton, or
            no pose has enough joints.
    """
    output = pathlib.Path(output)
    if output.suffix.lower() not in _OUTPUTS:
        raise ValueError(f"`output` must end in {', '.join(_OUTPUTS)}. Received: {output}")
    if figure is not None and pathlib.Path(figure).suffix.lower() != ".png":
        raise ValueError(f"`figure` must end in .png. Received: {figure}")
    say = say or _warn
    backdrop = None if image is None else images.read_image(image)
    found = keypoints.read_keypoints(
        path,
        skeletons.get(skeleton).name if skeleton else None,
        format=format,
        image_size=image_size,
        track=track,
    )
    for note in found.notes:
        say(note, False)
    for problem in found.problems:
        say(problem, True)
    result = lift_keypoints(found, prior, skeleton=skeleton, track=track, say=say, **options)
    done = np.flatnonzero(result.mixture_index >= 0)
    if not len(done) and len(result.scale):
        raise ValueError(
            f"`path` must hold a pose with at least {poses.MIN_JOINTS} joints of the prior. "
            f"Received: {path} with {len(result.scale)} poses, none with enough joints"
        )
    misfits.warn(result.misfit)
    misfits.warn_of_camera(result, options.get("camera"))
    if output.suffix.lower() in (".json", ".npz", ".csv"):
        pose_files.write(result, output)
    else:
        writers.write_poses(result, output)
    if figure is not None and len(done):
        rows = done[np.linspace(0, len(done) - 1, min(len(done), MAX_DRAWN)).round().astype(int)]
        figures.save(_draw(result, rows, backdrop), figure)
    return result


def _name(skeleton):
    return skeleton.name if isinstance(skeleton, skeletons.Skeleton) else skeleton


def _warn(text, is_problem):
    warnings.warn(text, KeypointsWarning, stacklevel=3)


def lift_keypoints(
    found: keypoints.Keypoints,
    prior,
    *,
    skeleton: skeletons.Skeleton | str | None = None,
    batch_size: int = 1024,
    fps: float | None = None,
    per_frame: bool = False,
    camera: Camera | str | None = None,
    track: Callable[[list], Iterable] = list,
    say: Callable[[str, bool], None] = _warn,
    **options,
) -> poses.Poses:
    """Lifts keypoints: each person as a sequence where the frame rate is known, else each pose.

    A rate that only the file states counts if its people are tracked. Sequences go by the frame
    numbers. Frames of a person that are missing, up to two seconds, become poses too, filled by
    the motion (docs/sequences.md); a longer gap starts a new sequence. Where all frame numbers
    are multiples, as 0, 5, 10, the frames between are none.

    Args:
        found: What `keypoints.read_keypoints` returns.
        prior: `PosePrior`.
        skeleton: Skeleton of the keypoints or its name; `None` for theirs.
        batch_size: Number of poses to lift at a time, by themselves.
        fps: Frames per second of the frame numbers; `None` for those of the keypoints.
        per_frame: Whether to lift each pose by itself although the frame rate is known.
        camera: As for `tf_lift.lift`. Where a `Camera` does not know its pitch or roll, they
            are estimated from poses of the whole file.
        track: Wraps the list of batches, to show progress.
        say: Called with notes, see `lift_file`.
        **options: Those of `poses.lift_landmarks`.

    Returns:
        The poses, sorted by frame, with `frame`, `person`, `person_score`, `box`, `time`, `frames`,
        `fps` and `image_size`. One with too few joints is NaN, unless it is the only one.

    Raises:
        ValueError: If the skeleton is not known or does not fit, or the only pose has too few
            joints.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}")
    if fps is not None and not fps > 0:
        raise ValueError(f"`fps` must be a positive number. Received: {fps}")
    joints = _skeleton(skeleton or found.skeleton or _any(found), found.landmarks.shape[1])
    count = len(found.landmarks)
    rate = fps if fps is not None else found.fps
    if isinstance(camera, Camera) and count:
        others = ("scale", "robust")
        fixed = {name: value for name, value in options.items() if name not in others}
        camera = poses.with_attitude(found.landmarks, prior, camera, joints, found.scores, **fixed)
    options |= {"camera": camera, "allow_empty": count > 1}
    # A rate that the file states makes sequences of people whom it tells apart; a user's, always.
    is_stated = fps is not None or (found.tracked and options.get("scale") is None)
    if rate is None or per_frame or not count or not is_stated:
        # The last batch is not padded: that costs one more trace, and only if N is large.
        batches = [slice(start, start + batch_size) for start in range(0, count, batch_size)]
        parts = [
            poses.lift_landmarks(
                found.landmarks[rows], prior, joints, found.scores[rows], **options
            )
            for rows in track(batches)
        ]
        result = poses.Poses.concatenate(parts) if parts else _nobody(prior, joints, **options)
        rows = np.arange(count)
        return _with_source(result, found, rows, found.frame, found.person, rate)
    if not found.tracked and len(np.unique(found.frame)) < count:
        say("the file does not say who is who: people are told apart by place and motion", False)
    found = keypoints.identify(found, rate)
    sequences, stride = _sequences(found, rate)
    options["allow_empty"] = True
    parts = []
    for rows in track(sequences):
        landmarks = np.where((rows >= 0)[:, np.newaxis, np.newaxis], found.landmarks[rows], np.nan)
        scores = np.where((rows >= 0)[:, np.newaxis], found.scores[rows], 0.0)
        parts.append(
            poses.lift_landmarks(landmarks, prior, joints, scores, fps=rate / stride, **options)
        )
    rows = np.concatenate(sequences)
    frame = np.concatenate(
        [found.frame[part[0]] + stride * np.arange(len(part)) for part in sequences]
    )
    person = np.concatenate([np.full(len(part), found.person[part[0]]) for part in sequences])
    result = _with_source(poses.Poses.concatenate(parts), found, rows, frame, person, rate)
    return result.take(np.lexsort([person, frame]))


def _any(found):
    """Returns a skeleton for no poses at all."""
    return None if len(found.landmarks) else "coco17"


def _sequences(found, rate):
    """Returns the rows of each sequence, -1 in frames without the person, and the stride."""
    steps = np.diff(found.frames)
    stride = int(np.gcd.reduce(steps)) if len(steps) else 1
    sequences = []
    for person in np.unique(found.person):
        rows = np.flatnonzero(found.person == person)
        place = (found.frame[rows] - found.frame[rows[0]]) // stride
        is_far = np.diff(place) > max(MAX_GAP_S * rate / stride, 1)
        for part in np.split(np.arange(len(rows)), np.flatnonzero(is_far) + 1):
            sequence = np.full(place[part[-1]] - place[part[0]] + 1, -1)
            sequence[place[part] - place[part[0]]] = rows[part]
            sequences.append(sequence)
    return sequences, stride


def _with_source(result, found, rows, frame, person, rate):
    """Adds what the file says of the frames and people; rows of -1 were filled."""
    is_found = rows >= 0
    frame = np.asarray(frame, np.int64)
    box = None
    if found.box is not None:
        box = np.where(is_found[:, np.newaxis], found.box[rows], np.nan)
    return dataclasses.replace(
        result,
        frame=frame,
        person=np.asarray(person, np.int64),
        person_score=np.where(is_found, found.person_score[rows], np.nan),
        box=box,
        time=frame / rate if rate else np.full(len(frame), np.nan),
        frames=np.union1d(found.frames, frame),
        fps=rate,
        image_size=found.image_size,
    )


def _nobody(prior, joints, **options):
    """Returns no poses, in the form of some."""
    pose = np.random.default_rng(0).uniform(0.0, 100.0, [1, joints.num_joints, 2])
    return poses.lift_landmarks(pose, prior, joints, **options).take(np.zeros(0, int))


def _skeleton(name, joints):
    if name is not None:
        return skeletons.get(name)
    # 17 joints may be COCO's or the prior's: a wrong guess would give a wrong pose, not an error.
    fits = [skeleton for skeleton in skeletons.SKELETONS.values() if skeleton.num_joints == joints]
    if len(fits) != 1:
        raise ValueError(
            "`skeleton` (`--skeleton`) must be given if neither the file nor the number of joints "
            f"determines it. Received: {joints} joints, as of {[fit.name for fit in fits] or 'no'} "
            f"skeleton of {sorted(skeletons.SKELETONS)}"
        )
    return fits[0]


def _draw(result, rows, image):
    landmarks = result.drawn_landmarks()
    examples = [
        {
            "image": image,
            "landmarks": landmarks[row],
            "joints_3d": result.joints_3d[row],
            "visibility": result.visibility[row],
            "joints_3d_stddev": result.joints_3d_stddev[row],
            "title": f"frame {result.frame[row]}" if len(result.scale) > 1 else None,
        }
        for row in rows
    ]
    return figures.draw_examples(examples, result.skeleton)
