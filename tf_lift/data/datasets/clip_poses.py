"""Extracts the poses of one skeleton from a clip at a frame rate, and checks them."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
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
        notes: Remarks for the user, one sentence each.
        height_mm: Height from the ankles to the head, NaN if unknown.
    """

    poses: NDArray[np.float64]
    frame: NDArray[np.int_]
    fps: float
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    notes: tuple[str, ...] = ()
    height_mm: float = float("nan")


def take(
    motion: Motion,
    target: Skeleton | None,
    joint_map=None,
    fps: float | None = None,
    up: str | None = None,
    drop_bad_frames: bool = False,
) -> ClipPoses:
    """Extracts poses of a skeleton from a clip.

    Args:
        motion: The clip, as a reader returns it.
        target: The wanted skeleton; `None` keeps the clip's joints and skips the checks.
        joint_map: As for `skeleton_maps.to_skeleton`.
        fps: Poses per second; `None` for all frames.
        up: The up axis that the user gave, if any. If given, poses that are not upright cause
            a note instead of an error.
        drop_bad_frames: Whether to leave out frames with missing joints, which are otherwise
            an error, and frozen frames, which otherwise cause a note.

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
    notes = list(motion.notes)
    start = int(pose_checks.has_starting_pose(poses, motion.fps))
    if start:
        notes.append("the first frame is a reference pose, not part of the motion: left out")
    frozen = pose_checks.frozen_frames(poses, motion.fps)
    rows = start + frame_choice(len(poses) - start, motion.fps, fps)
    numbers = np.arange(len(rows))
    if fps is not None and motion.fps < fps * 0.99:
        notes.append(f"has {motion.fps:g} frames per second, fewer than asked: all are taken")
    rate = motion.fps if fps is None else min(fps, motion.fps)
    good = ~hidden[rows].any(axis=1)
    if not good.all():
        notes.append(_hidden_note(hidden, rows, names, drop_bad_frames))
    if frozen[rows].any():
        notes.append(_frozen_note(frozen, motion.fps, drop_bad_frames))
        if drop_bad_frames:
            good &= ~frozen[rows]
    if not good.any():
        raise ValueError("no frame is left that has all joints")
    rows, numbers = rows[good], numbers[good]
    if target is not None:
        notes += _check_human(poses[rows], target, up)
    height_mm = _height(motion, poses, rows, target)
    try:
        doubt = pose_checks.check_height(height_mm, motion.unit_mm)
    except ValueError as error:
        raise ValueError(f"{error}; give the file's unit with `--unit`") from error
    return ClipPoses(
        poses=poses[rows],
        frame=numbers,
        fps=rate,
        joint_names=names,
        parents=motion.parents if target is None else target.parents,
        notes=(*notes, doubt) if doubt else tuple(notes),
        height_mm=height_mm,
    )


def _height(motion, poses, rows, target):
    """Returns the height of the clip's person, NaN where the joints are not known."""
    if target is None:
        try:
            target = skeletons.H36M_17
            poses = skeleton_maps.to_skeleton(motion, target.name)
        except ValueError:
            return float("nan")
    return pose_checks.height(poses[rows], target)


def _hidden_note(hidden, rows, names, drop_bad_frames):
    bad = hidden[rows]
    first = int(np.argmax(bad.any(axis=1)))
    joint = names[int(np.argmax(bad[first]))]
    note = (
        f"{bad.any(axis=1).sum()} of {len(bad)} poses lack a joint, the first {joint} in frame "
        f"{rows[first]}"
    )
    if not drop_bad_frames:
        raise ValueError(f"{note}; leave such frames out with `--drop-bad-frames`")
    return f"{note}: left out"


def _frozen_note(frozen, fps, drop_bad_frames):
    first = int(np.argmax(frozen)) - 1
    action = "left out" if drop_bad_frames else "leave it out with `--drop-bad-frames`"
    return f"stands still for {frozen.sum() / fps:.2f} s, first from frame {first}: {action}"


def _check_human(poses, target, up):
    """Raises ValueError for poses that are not human, and returns notes on doubtful ones."""
    # Check sides first: joints in another order mostly fail the check of the unit too.
    pose_checks.check_sides(poses, target)
    try:
        pose_checks.check_unit(poses, target)
    except ValueError as error:
        raise ValueError(f"{error}; give the file's unit with `--unit`") from error
    try:
        pose_checks.check_upright(poses, target)
    except ValueError as error:
        if up is None:
            raise ValueError(
                f"{error}; give the file's up axis with `--up`, also for a person who lies"
            ) from error
        return [f"is `--up {up}` right, or does the person lie? {error}"]
    return []


def frame_choice(num_frames: int, source_fps: float, fps: float | None) -> NDArray[np.int_]:
    """Returns the frames that are nearest to the times 0, 1 / fps, 2 / fps, ...

    Args:
        num_frames: Number of frames.
        source_fps: Frames per second of the clip.
        fps: Wanted poses per second; `None`, or more than `source_fps`, for all frames.

    Returns:
        Increasing indices.

    >>> frame_choice(9, source_fps=25.0, fps=10.0)
    array([0, 2, 5, 7])
    """
    # Frame rates are often rounded (120.00048, 119.88), hence the tolerance of 1 %.
    if fps is None or fps >= source_fps * 0.99:
        return np.arange(num_frames)
    step = source_fps / fps
    # Ties go to the earlier frame; NumPy's `round` would go to the even one.
    choice = np.ceil(np.arange(int((num_frames - 1) / step) + 2) * step - 0.5 - 1e-9).astype(int)
    return choice[choice < num_frames]
