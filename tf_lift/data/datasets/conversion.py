"""Converts motion-capture files of any format to poses of one skeleton, in one file."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from tf_lift import skeletons
from tf_lift.data.datasets import clip_poses
from tf_lift.data.formats import mocap, readers, skeleton_maps, writers
from tf_lift.data.formats.writers import by_suffix
from tf_lift.data.motion import frames
from tf_lift.data.motion.clip import Motion

__all__ = ["OWN", "ClipReport", "Conversion", "Skipped", "convert"]

# Value of `skeleton` that keeps each file's own joints.
OWN = "own"
# Poses per second by default: successive frames look alike, so a prior learns no more from 120
# of them than from 10.
DEFAULT_FPS = 10.0
# Deviation that is not worth a note: BVH files have six digits, joint angles ten times this.
_SMALL_MM = 0.5


@dataclasses.dataclass(frozen=True)
class ClipReport:
    """The conversion of one clip.

    Attributes:
        path: The clip's file.
        clip: Label of the clip.
        subject: Label of the person.
        num_frames: Number of frames in the file.
        source_fps: Frames per second of the file.
        num_poses: Number of poses taken from the clip.
        fps: Poses per second.
        notes: Remarks for the user, one sentence each.
        unit_mm: Length in mm of the unit in which the file was read.
        height_mm: The person's height from the ankles to the head; NaN if its joints are unknown.
    """

    path: pathlib.Path
    clip: str
    subject: str
    num_frames: int
    source_fps: float
    num_poses: int
    fps: float
    notes: tuple[str, ...] = ()
    unit_mm: float = float("nan")
    height_mm: float = float("nan")


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A file, or a clip of a file, that was left out.

    Attributes:
        path: The file.
        reason: The error message.
    """

    path: pathlib.Path
    reason: str


@dataclasses.dataclass(frozen=True)
class Conversion:
    """The result of `convert`.

    Attributes:
        clips: The clips in the output.
        skipped: The files and clips that were left out.
        output: The file that was written, `None` if no clip could be read.
    """

    clips: tuple[ClipReport, ...]
    skipped: tuple[Skipped, ...]
    output: pathlib.Path | None

    @property
    def num_poses(self) -> int:
        """Returns the number of poses of all clips together."""
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

    Poses are taken at the given rate. Each is the frame nearest to its time; none are
    interpolated, so bones keep their lengths. A clip with fewer frames per second keeps all
    its frames. Files and clips that cannot be read, or cannot be human, are left out and
    reported. The output is written at the end, whole or not at all.

    Args:
        paths: Files, folders and patterns (`readers.find_files`).
        output: File to write: .npz for any number of clips (`mocap.save_poses`); .bvh, .c3d,
            .csv, .glb or .trc for a single one (`writers`).
        fps: Poses per second; by default 10 for .npz and all frames for the others.
        skeleton: Name of the skeleton of the output, or "own" to keep the file's joints
            (not for .npz).
        map: Map from the files' joints to the skeleton's, as in `skeleton_maps.to_skeleton`;
            by default found by the names of the joints.
        unit: Unit of the files, as in `readers.read`.
        up: Axis that points up in the files, as in `readers.read`. If given, poses that are
            not upright cause a note instead of an error.
        source_fps: Frames per second of the files, as in `readers.read`.
        asf_path: Skeleton of AMC files, as in `readers.read`.
        drop_bad_frames: Whether to leave out frames with missing joints instead of the whole
            clip, and to leave out frozen frames instead of only reporting them.
        credit: Text for `license`; by default that of the npz files read.
        track: Function that wraps the list of files, for a progress bar.

    Returns:
        `Conversion`.

    Raises:
        ValueError: If an argument is not valid, or there are several clips for a file format
            that holds one.
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
        reports = [_write_single(output, taken[0], reports[0])]
    return Conversion(tuple(reports), tuple(skipped), output)


def _check_output(output, skeleton):
    suffix = output.suffix.lower()
    if suffix != ".npz" and suffix not in writers.SUFFIXES:
        raise ValueError(
            f"`output` must end in .npz, {', '.join(writers.SUFFIXES)}. Received: {str(output)!r}"
        )
    if suffix == ".npz" and skeleton == OWN:
        raise ValueError(f"`skeleton` must be a known one for .npz. Received: {OWN!r}")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"`output` must be in a folder that exists. Received: {str(output)!r}")


def _joint_map(given, skeleton):
    """Loads the user's map once, so that an error in it stops the conversion at once."""
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
    """Returns the `ClipReport`, with a unique label even if files share names."""
    labels = {report.clip for report in others}
    clip, count, notes = motion.clip, 1, poses.notes
    while clip in labels:
        count += 1
        clip = f"{motion.clip} ({count})"
    if count > 1:
        notes += (f"another clip is named {motion.clip} too; renamed to {clip}",)
    return ClipReport(
        path=path,
        clip=clip,
        subject=motion.subject,
        num_frames=motion.num_frames,
        source_fps=motion.fps,
        num_poses=len(poses.poses),
        fps=poses.fps,
        notes=notes,
        unit_mm=float("nan") if motion.unit_mm is None else motion.unit_mm,
        height_mm=poses.height_mm,
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
    """Writes a clip and returns its report, with a note on what the format cannot hold."""
    motion = Motion(
        clip.poses, clip.joint_names, clip.parents, clip.fps, report.clip, report.subject
    )
    writers.write_motion(output, motion)
    if output.suffix.lower() not in by_suffix.OF_ANGLES:
        return report
    errors = by_suffix.constant_bone_errors(motion)
    if errors.max() < _SMALL_MM:
        return report
    note = (
        f"bones have constant lengths in {output.suffix}: joints move by {errors.mean():.1f} mm in "
        f"the mean, {errors.max():.0f} mm at most; .c3d, .trc and .csv keep positions"
    )
    return dataclasses.replace(report, notes=(*report.notes, note))
