"""Takes poses of one skeleton from one clip: at a frame rate, checked, with notes."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats import skeleton_maps
from tf_lift.data.motion import gaps, pose_checks
from tf_lift.data.motion.clip import Motion
from tf_lift.skeletons import Skeleton

__all__ = ["ClipPoses", "frame_choice", "take"]


@dataclasses.dataclass(frozen=True, eq=False)
class ClipPoses:
    """Poses of one clip.

    Attributes:
        poses: Array of shape `[N, L, 3]`, float64, mm, world frame, z up.
        frame: Integers of shape `[N]`: a pose is `frame / fps` seconds after the first.
        fps: Poses per second.
        joint_names: Name of each joint.
        parents: Index of each joint's parent, -1 for a root.
        notes: What a user should know of them, one sentence each.
    """

    poses: NDArray[np.float64]
    frame: NDArray[np.int_]
    fps: float
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    notes: tuple[str, ...] = ()


def take(
    motion: Motion,
    target: Skeleton | None,
    joint_map=None,
    fps: float | None = None,
    up: str | None = None,
    drop_bad_frames: bool = False,
) -> ClipPoses:
    """Takes poses of a skeleton from a clip.

    Args:
        motion: The clip, as a reader returns it.
        target: Skeleton that is wanted; `None` keeps the clip's own joints, unchecked.
        joint_map: As for `skeleton_maps.to_skeleton`.
        fps: Poses per second; `None` for all frames.
        up: The axis that was told to be up; if given, poses that are not upright are no
            reason to refuse the clip, but noted.
        drop_bad_frames: Whether to leave out frames in which a joint is missing, instead
            of refusing the clip, and standstills, instead of telling of them.

    Returns:
        `ClipPoses`.

    Raises:
        ValueError: If the clip has other joints, if joints are missing, or if it cannot be
            a person's motion.
    """

    def to_joints(clip):
        if target is None:
            return clip.positions
        return skeleton_maps.to_skeleton(clip, target.name, joint_map)

    poses = to_joints(motion)
    hidden = gaps.affected(motion, to_joints)
    names = motion.joint_names if target is None else target.joint_names
    notes = []
    start = int(pose_checks.has_starting_pose(poses, motion.fps))
    if start:
        notes.append("the first frame is a pose of reference, out of the motion: left out")
    frozen = pose_checks.frozen_frames(poses, motion.fps)
    chosen = start + frame_choice(len(poses) - start, motion.fps, fps)
    places = np.arange(len(chosen))
    if fps is not None and motion.fps < fps * 0.99:
        notes.append(f"has {motion.fps:g} frames per second, fewer than asked: all are taken")
    rate = motion.fps if fps is None else min(fps, motion.fps)
    good = ~hidden[chosen].any(axis=1)
    if not good.all():
        notes.append(_hidden_note(hidden, chosen, names, drop_bad_frames))
    if frozen[chosen].any():
        notes.append(_frozen_note(frozen, motion.fps, drop_bad_frames))
        if drop_bad_frames:
            good &= ~frozen[chosen]
    if not good.any():
        raise ValueError("no frame is left that has all joints")
    chosen, places = chosen[good], places[good]
    if target is not None:
        notes += _check_human(poses[chosen], target, up)
    return ClipPoses(
        poses=poses[chosen],
        frame=places,
        fps=rate,
        joint_names=names,
        parents=motion.parents if target is None else target.parents,
        notes=tuple(notes),
    )


def _hidden_note(hidden, chosen, names, drop_bad_frames):
    bad = hidden[chosen]
    first = int(np.argmax(bad.any(axis=1)))
    joint = names[int(np.argmax(bad[first]))]
    note = (
        f"{bad.any(axis=1).sum()} of {len(bad)} poses lack a joint, the first {joint} in frame "
        f"{chosen[first]}"
    )
    if not drop_bad_frames:
        raise ValueError(f"{note}; leave such frames out with `--drop-bad-frames`")
    return f"{note}: left out"


def _frozen_note(frozen, fps, drop_bad_frames):
    first = int(np.argmax(frozen)) - 1
    action = "left out" if drop_bad_frames else "leave it out with `--drop-bad-frames`"
    return f"stands still for {frozen.sum() / fps:.2f} s, first from frame {first}: {action}"


def _check_human(poses, target, up):
    """Raises ValueError for what is no person, and returns notes on what may be none."""
    # First: what is in another order is seldom as long as a person.
    pose_checks.check_sides(poses, target)
    try:
        pose_checks.check_unit(poses, target)
    except ValueError as error:
        raise ValueError(f"{error}; `--unit` tells the file's own unit") from error
    try:
        pose_checks.check_upright(poses, target)
    except ValueError as error:
        if up is None:
            raise ValueError(
                f"{error}; `--up` tells the file's own axis, or that someone lies"
            ) from error
        return [f"`--up {up}` or lying? {error}"]
    return []


def frame_choice(num_frames: int, source_fps: float, fps: float | None) -> NDArray[np.int_]:
    """Chooses the frames that are nearest to the times 0, 1 / fps, 2 / fps, ...

    Args:
        num_frames: Frames that there are.
        source_fps: Their frames per second.
        fps: Poses per second that are wanted; `None`, or more than there are, for all.

    Returns:
        Increasing indices.

    >>> frame_choice(9, source_fps=25.0, fps=10.0)
    array([0, 2, 5, 7])
    """
    # A frame rate is often rounded (120.00048, 119.88): that is no higher rate.
    if fps is None or fps >= source_fps * 0.99:
        return np.arange(num_frames)
    step = source_fps / fps
    # Half a frame ahead is nearest to the one before, as NumPy's round leaves open.
    choice = np.ceil(np.arange(int((num_frames - 1) / step) + 2) * step - 0.5 - 1e-9).astype(int)
    return choice[choice < num_frames]
