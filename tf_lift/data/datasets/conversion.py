"""Converts motion-capture files of any format to poses of one skeleton, in one file."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from tf_lift import skeletons
from tf_lift.data.datasets import clip_poses
from tf_lift.data.formats import bvh, c3d, mocap, pose_csv, readers, skeleton_maps
from tf_lift.data.motion import frames
from tf_lift.data.motion.clip import Motion

__all__ = ["OWN", "ClipReport", "Conversion", "Skipped", "convert"]

# The `skeleton` that keeps each file's own joints.
OWN = "own"
# Poses per second where none are asked for: neighbours in time look alike, and a prior
# learns no more from 120 of them than from 10.
DEFAULT_FPS = 10.0
_WRITERS = {".bvh": bvh.write, ".c3d": c3d.write, ".csv": pose_csv.write}


@dataclasses.dataclass(frozen=True)
class ClipReport:
    """What became of one clip.

    Attributes:
        path: The clip's file.
        clip: Its label.
        subject: Its person.
        num_frames: Frames that the file has.
        source_fps: Frames per second that the file has.
        num_poses: Poses taken from it.
        fps: Their poses per second.
        notes: What a user should know of it, one sentence each.
    """

    path: pathlib.Path
    clip: str
    subject: str
    num_frames: int
    source_fps: float
    num_poses: int
    fps: float
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A file, or a clip of it, that was left out.

    Attributes:
        path: The file.
        reason: Why.
    """

    path: pathlib.Path
    reason: str


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Attributes:
        clips: The clips that are in the output.
        skipped: The files and clips that are not.
        output: The file that was written, `None` where no clip could be read.
    """

    clips: tuple[ClipReport, ...]
    skipped: tuple[Skipped, ...]
    output: pathlib.Path | None

    @property
    def num_poses(self) -> int:
        """Poses of all clips together."""
        return sum(clip.num_poses for clip in self.clips)


def convert(
    paths: Iterable,
    output,
    fps: float | None = None,
    skeleton: str = "h36m17",
    map=None,  # noqa: A002
    *,
    unit: str | None = None,
    up: str | None = None,
    source_fps: float | None = None,
    asf_path=None,
    drop_bad_frames: bool = False,
    credit: str | None = None,
    track: Callable[[list], Iterable] | None = None,
) -> Conversion:
    """Converts motion-capture files to poses of one skeleton, mm, z up, in one file.

    Poses are taken at the asked rate, each the frame nearest to its time and none of them
    interpolated, so that bones keep their lengths. A clip with fewer frames per second is
    taken as it is. What cannot be read, or cannot be human, is left out and reported; the
    output is written at the end, as a whole or not at all.

    Args:
        paths: Files, folders and patterns (`readers.find_files`).
        output: File to write: .npz for any number of clips (`mocap.save_poses`); .bvh,
            .c3d or .csv for a single one.
        fps: Poses per second; by default 10 for .npz and all frames for the others.
        skeleton: Name of the skeleton of the output, or "own" to keep the file's joints
            (not for .npz).
        map: Which joints of the files make which of the skeleton: a JSON or YAML file or
            what else `skeleton_maps.to_skeleton` takes; by default known from the names.
        unit: Unit of the files, as in `readers.read`, like `up`, `source_fps`, `asf_path`.
        up: Axis that points up in the files; if given, people who lie are no error.
        source_fps: Frames per second of the files.
        asf_path: Skeleton of AMC files.
        drop_bad_frames: Whether to leave out frames in which a joint is missing, for which
            otherwise the clip is left out, and standstills, otherwise only reported.
        credit: Text for `license`; by default that of the npz files read.
        track: Function that wraps the list of files, for a progress bar.

    Returns:
        `Conversion`.

    Raises:
        ValueError: If an argument is none of the above, or if there are several clips for
            a file that holds one.
        OSError: If the output cannot be written.
    """
    output = pathlib.Path(output)
    _check_output(output, skeleton)
    if fps is None and output.suffix.lower() == ".npz":
        fps = DEFAULT_FPS
    for name, value in (("fps", fps), ("source_fps", source_fps)):
        if value is not None and not 0.0 < value < np.inf:
            raise ValueError(f"`{name}` must be positive. Received: {value:g}")
    if unit is not None:
        frames.unit_length(unit)
    frames.to_z_up(np.zeros(3), up or "z")
    target = None if skeleton == OWN else skeletons.get(skeleton)
    joint_map = None if map is None else _joint_map(map, skeleton)
    files = readers.find_files(paths, leave_out=output)
    if output.resolve() in [file.resolve() for file in files]:
        raise ValueError(f"`output` must not be one of the files. Received: {str(output)!r}")

    taken: list[clip_poses.ClipPoses] = []
    reports: list[ClipReport] = []
    skipped: list[Skipped] = []
    credits: dict[str, None] = {}
    for path in files if track is None else track(files):
        try:
            motions = readers.read(path, unit=unit, up=up, fps=source_fps, asf_path=asf_path)
        except (ValueError, OSError, ImportError) as error:
            skipped.append(Skipped(path, _reason(path, error)))
            continue
        num_before = len(taken)
        for motion in motions:
            try:
                poses = clip_poses.take(motion, target, joint_map, fps, up, drop_bad_frames)
            except ValueError as error:
                reason = _reason(path, error).removeprefix(f"{motion.clip}: ")
                where = f"{motion.clip}: " if len(motions) > 1 else ""
                skipped.append(Skipped(path, where + reason))
                continue
            taken.append(poses)
            if len(taken) > 1 and output.suffix.lower() != ".npz":
                raise ValueError(
                    f"`output` must end in .npz for several clips. Received: {str(output)!r}"
                )
            reports.append(_report(path, motion, poses, reports))
        if len(taken) > num_before:
            credits[readers.credit_of(path)] = None
    if not taken:
        return Conversion((), tuple(skipped), None)
    if output.suffix.lower() == ".npz":
        text = "\n".join(filter(None, credits)) if credit is None else credit
        _save(output, taken, reports, skeleton, text)
    else:
        _write_single(output, taken[0], reports[0])
    return Conversion(tuple(reports), tuple(skipped), output)


def _check_output(output, skeleton):
    suffix = output.suffix.lower()
    if suffix != ".npz" and suffix not in _WRITERS:
        raise ValueError(
            f"`output` must end in .npz, {', '.join(_WRITERS)}. Received: {str(output)!r}"
        )
    if suffix == ".npz" and skeleton == OWN:
        raise ValueError(f"`skeleton` must be a known one for .npz. Received: {OWN!r}")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"`output` must lie in a folder that exists. Received: {str(output)!r}")


def _joint_map(given, skeleton):
    """Returns the `SkeletonMap` that the user asks for, here: a wrong one is wrong for all."""
    joint_map = given
    if not isinstance(given, skeleton_maps.SkeletonMap):
        known = str(given) in skeleton_maps.BUILT_IN
        joint_map = skeleton_maps.get(str(given)) if known else skeleton_maps.load(given)
    if joint_map.target != skeleton:
        raise ValueError(
            f"`map` must be for the skeleton {skeleton!r}. Received: {str(given)!r}, for "
            f"{joint_map.target!r}"
        )
    return joint_map


def _reason(path, error):
    return " ".join(str(error).split()).removeprefix(f"{path}: ")


def _report(path, motion, poses, others):
    """Returns the `ClipReport`, with a label that no other clip has: files may share names."""
    labels = {report.clip for report in others}
    clip, count, notes = motion.clip, 1, poses.notes
    while clip in labels:
        count += 1
        clip = f"{motion.clip} ({count})"
    if count > 1:
        notes += (f"another clip is called {motion.clip} too: this one became {clip}",)
    return ClipReport(
        path=path,
        clip=clip,
        subject=motion.subject,
        num_frames=motion.num_frames,
        source_fps=motion.fps,
        num_poses=len(poses.poses),
        fps=poses.fps,
        notes=notes,
    )


def _save(output, taken, reports, skeleton, credit):
    sizes = [report.num_poses for report in reports]
    data = mocap.MocapPoses(
        poses=np.concatenate([clip.poses.astype(np.float32) for clip in taken]),
        subject=np.repeat([report.subject for report in reports], sizes),
        clip=np.repeat([report.clip for report in reports], sizes),
        skeleton=skeleton,
        credit=credit,
    )
    mocap.save_poses(
        output,
        data,
        frame=np.concatenate([clip.frame for clip in taken]),
        fps=np.repeat([report.fps for report in reports], sizes),
    )


def _write_single(output, clip, report):
    motion = Motion(
        clip.poses, clip.joint_names, clip.parents, clip.fps, report.clip, report.subject
    )
    _WRITERS[output.suffix.lower()](output, motion)
