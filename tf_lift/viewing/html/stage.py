"""Places poses in an upright world, in metres, and people and frames in order."""

import dataclasses

import numpy as np

from tf_lift.ops.geometry import recentring
from tf_lift.skeletons import Skeleton

__all__ = ["Stage", "arrange", "frame_numbers"]

# Distance between people of unknown position, m: arms stretched out touch.
_SPACING = 1.6

# Frames a second to play where neither the file nor the user knows the rate.
NOMINAL_FPS = 25.0

# Space around the people, m.
_MARGIN = 0.35


@dataclasses.dataclass(frozen=True)
class Stage:
    """Poses of N rows sorted by frame, F frames and P people, in a world with z up.

    Attributes:
        skeleton: Skeleton of the joints.
        joints: `[N, L, 3]`, m, world: x right and y away as the camera sees them, z up, the floor
            at z = 0.
        stddev: `[N, L]`, m, NaN unknown.
        landmarks: `[N, L, 2]`, px: found, or the projected pose where a joint was not.
        visibility: `[N, L]`, bool: which landmarks were found.
        misfit: `[N]`.
        first_row: `[F + 1]`: rows of frame f are `first_row[f]` to `first_row[f + 1]`, exclusive.
        person: `[N]`: index of each row's person, 0 to P - 1.
        person_numbers: `[P]`: their numbers in the file.
        slots: `[P]`: where each person is drawn; people in the picture at once have different ones.
        frame_numbers: `[F]`: their numbers in the source.
        times: `[F]`, s, from 0.
        rate_is_known: Whether the times are real, else 25 frames a second.
        is_placed: Whether the poses are where the people were, else side by side.
        low: `[3]`, m: corner of the box that encloses the people.
        high: `[3]`, m.
    """

    skeleton: Skeleton
    joints: np.ndarray
    stddev: np.ndarray
    landmarks: np.ndarray
    visibility: np.ndarray
    misfit: np.ndarray
    first_row: np.ndarray
    person: np.ndarray
    person_numbers: np.ndarray
    slots: np.ndarray
    frame_numbers: np.ndarray
    times: np.ndarray
    rate_is_known: bool
    is_placed: bool
    low: np.ndarray
    high: np.ndarray


def arrange(poses, fps: float | None = None) -> Stage:
    """Turns poses of a camera's frame upright and sorts them by frame and person.

    Poses that are not finite are left out; there may be none. Those without `root_position` stand
    with their lowest joint on the floor, several people side by side, from left to right as in the
    image.

    Args:
        poses: `tf_lift.inference.Poses`.
        fps: Frames per second; `None` for what the poses say.

    Returns:
        The stage.

    Raises:
        ValueError: If `fps` is not positive.

    >>> from tf_lift import inference
    >>> prior = tf_lift.PosePrior.load()
    >>> landmarks = 0.3 * prior.sample(2, seed=0)[:, :, [0, 2]] * [1, -1]
    >>> stage = arrange(inference.lift_landmarks(landmarks, prior), fps=50)
    >>> stage.joints.shape, stage.times.tolist(), stage.joints[..., 2].min(1).round(6).tolist()
    ((2, 17, 3), [0.0, 0.02], [0.0, 0.0])
    """
    if fps is not None and not 0 < fps < np.inf:
        raise ValueError(f"`fps` must be positive. Received: {fps}")
    count = len(poses.joints_3d)
    root = poses.root_position
    finite = np.isfinite(poses.joints_3d).all((1, 2))
    if root is not None:
        finite &= np.isfinite(root).all(-1)
    frame = _frame(poses)
    person = _people(frame, _known(poses.person, np.zeros(count)).astype(np.int64))
    order = np.lexsort((person, frame))
    order = order[finite[order]]
    frames = frame_numbers(poses)
    frame, person = frame[order], person[order]
    numbers, person = np.unique(person, return_inverse=True)
    landmarks = poses.drawn_landmarks()[order].astype(np.float64)
    joints = _placed(_upright(poses, order), root is not None, person, landmarks)
    low, high = _box(joints)
    times, rate_is_known = _times(poses, frames, fps)
    return Stage(
        skeleton=poses.skeleton,
        joints=joints,
        stddev=poses.joints_3d_stddev[order] / 1000,
        landmarks=landmarks,
        visibility=poses.visibility[order],
        misfit=poses.misfit[order],
        first_row=np.searchsorted(frame, np.append(frames, frames[-1] + 1)),
        person=person,
        person_numbers=numbers,
        slots=_slots(np.searchsorted(frames, frame), person, len(numbers)),
        frame_numbers=frames,
        times=times,
        rate_is_known=rate_is_known,
        is_placed=root is not None,
        low=low,
        high=high,
    )


def frame_numbers(poses) -> np.ndarray:
    """Returns the numbers of all frames of poses, sorted, those without people too.

    Args:
        poses: `tf_lift.inference.Poses`; the row is the frame where they do not say.
    """
    frame = _frame(poses)
    frames = np.union1d(_known(poses.frames, frame).astype(np.int64), frame)
    return frames if len(frames) else np.zeros(1, np.int64)


def _frame(poses):
    return _known(poses.frame, np.arange(len(poses.joints_3d))).astype(np.int64)


def _known(value, default):
    return np.asarray(default if value is None else value)


def _people(frame, person):
    """Returns the people, numbered within their frame if one is there twice."""
    if len(np.unique(np.stack([frame, person]), axis=1).T) == len(frame):
        return person
    order = np.argsort(frame, kind="stable")
    first = np.searchsorted(frame[order], frame[order])
    numbers = np.empty_like(person)
    numbers[order] = np.arange(len(frame)) - first
    return numbers


def _upright(poses, order):
    """Returns joints `[N, L, 3]`, m, with z up, and where they were if that is known."""
    zero = np.zeros(len(order))
    pitch, roll = (
        zero if a is None else np.nan_to_num(a[order]) for a in (poses.pitch, poses.roll)
    )
    level = recentring.level_rotation(pitch, roll).numpy()
    joints = np.einsum("nij,nlj->nli", level, poses.joints_3d[order])
    if poses.root_position is not None and len(order):
        # One camera saw all: what each pose says of its attitude differs by noise alone.
        level = recentring.level_rotation(np.median(pitch), np.median(roll)).numpy()
        joints += (poses.root_position[order] @ level.T)[:, np.newaxis]
    x, y, z = np.moveaxis(joints.astype(np.float64) / 1000, -1, 0)
    return np.stack([x, z, -y], -1)


def _placed(joints, is_known, person, landmarks):
    """Returns joints above the floor, where people were if that is known, else side by side."""
    if not len(joints):
        return joints
    lowest = joints[..., 2].min(1, keepdims=True)
    if is_known:
        joints[..., 2] -= np.percentile(lowest, 5)
        joints[..., :2] -= np.median(joints[:, 0, :2], 0)
        return joints
    joints[..., 2] -= lowest
    across = landmarks[..., 0].mean(1)
    places = [np.median(across[person == index]) for index in range(person.max() + 1)]
    rank = np.argsort(np.argsort(places))
    joints[..., 0] += (_SPACING * (rank - rank.mean()))[person, np.newaxis]
    return joints


def _box(joints):
    """Returns the corners of a box around joints, [3] each."""
    points = joints.reshape(-1, 3) if len(joints) else np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.7]])
    # A few poses that are far off must not make the others small.
    low, high = np.percentile(points, 0.5, axis=0), np.percentile(points, 99.5, axis=0)
    low[2] = min(low[2], 0.0)
    return low - [_MARGIN, _MARGIN, 0.05], high + [_MARGIN, _MARGIN, 0.1]


def _slots(frame, person, count):
    """Returns the first free slot of each person from their first frame to their last."""
    first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(first, person, frame)
    np.maximum.at(last, person, frame)
    slots, busy_until = np.zeros(count, np.int64), []
    for index in np.argsort(first, kind="stable"):
        free = [slot for slot, until in enumerate(busy_until) if until < first[index]]
        slots[index] = free[0] if free else len(busy_until)
        busy_until[slots[index] : slots[index] + 1] = [last[index]]
    return slots


def _times(poses, frames, fps):
    """Returns the time of each frame, s, and whether it is known."""
    fps = poses.fps if fps is None else fps
    if fps:
        return (frames - frames[0]) / fps, True
    if poses.time is not None and len(frames) > 1:
        known = np.isfinite(poses.time)
        number, first = np.unique(_frame(poses)[known], return_index=True)
        # Frames without people have none: they lie between, and last as long as the others.
        if len(number) > 1:
            seconds = np.asarray(poses.time)[known][first]
            rate = (number[-1] - number[0]) / (seconds[-1] - seconds[0])
            beyond = np.clip(frames, number[0], number[-1])
            seconds = np.interp(frames, number, seconds) + (frames - beyond) / rate
            return seconds - seconds[0], True
    return np.arange(len(frames)) / NOMINAL_FPS, False
