"""Reads motion-capture files of any known format, and finds them in folders."""

import dataclasses
import glob
import os
import pathlib
import zipfile

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats import (
    asf_amc,
    bvh,
    c3d,
    h36m_cdf,
    mocap,
    point_tables,
    trc,
    videopose3d,
)
from tf_lift.data.motion import frames, gaps
from tf_lift.data.motion.clip import Motion
from tf_lift.io import npz

__all__ = ["SUFFIXES", "credit_of", "find_files", "read"]

# Extensions of the files that hold clips; .asf files are read with their .amc files.
SUFFIXES = (".amc", ".bvh", ".c3d", ".cdf", ".npz", ".trc")
# Extensions that other files have too: read where they are named, not searched for in folders.
NAMED_SUFFIXES = (".csv", ".npy")


def find_files(paths, leave_out=None) -> list[pathlib.Path]:
    """Expands a list of files, folders and patterns to files.

    Args:
        paths: List of files (kept as they are), folders (searched at any depth for files
            with one of `SUFFIXES`, so not for .csv and .npy), and patterns with `*`, `?`, `[` or
            `**` (unless a file has that name). ASF files in the folder of an AMC file are left out.
        leave_out: File to leave out of folders and patterns, such as the output.

    Returns:
        The files, each once, in the order given and sorted within folders and patterns. A
        folder or pattern without any such file is returned itself.
    """
    found: dict[pathlib.Path, None] = {}
    for given in map(pathlib.Path, paths):
        if given.is_dir():
            files = [f for f in given.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file()]
        elif given.exists() or not glob.has_magic(str(given)):
            found[given] = None
            continue
        else:
            matches = glob.glob(os.fspath(given), recursive=True)
            files = [file for file in map(pathlib.Path, matches) if file.is_file()]
        files = [file for file in files if not file.name.startswith(".")]
        if leave_out is not None:
            files = [file for file in files if file.resolve() != leave_out.resolve()]
        found |= dict.fromkeys(sorted(files) or [given])
    amc_folders = {file.parent for file in found if file.suffix.lower() == ".amc"}
    return [
        file
        for file in found
        if file.suffix.lower() != ".asf" or (file.exists() and file.parent not in amc_folders)
    ]


def read(
    path,
    unit: str | None = None,
    up: str | None = None,
    fps: float | None = None,
    asf_path=None,
) -> list[Motion]:
    """Reads a motion-capture file of any known format.

    Args:
        path: File with one of `SUFFIXES` or `NAMED_SUFFIXES`. An npz file holds either `poses`
            (this library's) or `positions_3d` (VideoPose3D's).
        unit: Unit of the file, one of `frames.UNITS` or a number of mm; by default the one
            that the file or its format states.
        up: Axis of the file that points up, one of `frames.UP_AXES`; by default likewise.
        fps: Frames per second; by default likewise.
        asf_path: Skeleton of AMC files; by default searched for in their folder.

    Returns:
        The file's clips: exactly one, except for npz.

    Raises:
        ImportError: If a format needs a package that is not installed.
        ValueError: If the file is damaged or its format is unknown.
        OSError: If the file cannot be opened.
    """
    path = pathlib.Path(path)
    unit_mm = None if unit is None else frames.unit_length(unit)
    suffix = path.suffix.lower()
    if path.is_dir():
        raise ValueError(f"{path}: no file in this folder ends in {', '.join(SUFFIXES)}")
    if glob.has_magic(str(path)) and not path.exists():
        raise FileNotFoundError(f"{path}: no such file, and no file matches the pattern")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if suffix == ".amc":
        motion = asf_amc.read(path, asf_path, unit_mm=unit_mm, up=up)
        return [_with_fps(motion, fps)]
    if suffix == ".bvh":
        return [_with_fps(bvh.read(path, unit_mm=unit_mm, up=up), fps)]
    if suffix == ".c3d":
        return [c3d.read(path, unit_mm=unit_mm, up=up, fps=fps)]
    if suffix == ".cdf":
        return [h36m_cdf.read(path, unit_mm=unit_mm, up=up, fps=fps)]
    if suffix == ".npz":
        if "positions_3d.npy" in _members(path):
            return videopose3d.read(path, unit_mm=unit_mm, up=up, fps=fps)
        return _read_poses(path, unit_mm, up, fps)
    if suffix == ".trc":
        return [trc.read(path, unit_mm=unit_mm, up=up, fps=fps)]
    if suffix == ".csv":
        return [point_tables.read_csv(path, unit_mm=unit_mm, up=up, fps=fps)]
    if suffix == ".npy":
        return [point_tables.read_npy(path, unit_mm=unit_mm, up=up, fps=fps)]
    hint = " (a skeleton without motion: give its .amc files)" if suffix == ".asf" else ""
    raise ValueError(
        f"{path}: must end in {', '.join(SUFFIXES + NAMED_SUFFIXES)}. Received: {suffix!r}{hint}"
    )


def credit_of(path) -> str:
    """Returns the licence or credit text in a file, empty if there is none.

    Args:
        path: File that `read` can read.
    """
    if not {"license.npy", "credit.npy"} & _members(path):
        return ""
    content = npz.read(path)
    return str(content.get("credit", content.get("license", "")))


def _members(path):
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        # Not an archive: `npz.read` raises the error.
        return set()


def _with_fps(motion, fps):
    if fps is None:
        return motion
    return dataclasses.replace(motion, fps=fps)


def _read_poses(path, unit_mm, up, fps):
    """Reads a file of `mocap.save_poses` as clips."""
    content = npz.read(path)
    try:
        if "poses" not in content:
            raise ValueError(
                "must hold an array `poses`, or VideoPose3D's `positions_3d`. "
                f"Received: {', '.join(content) or 'nothing'}"
            )
        poses = content["poses"]
        if poses.ndim != 3 or poses.shape[2:] != (3,) or not len(poses) or poses.dtype.kind != "f":
            raise ValueError(
                "`poses` must be numbers of shape [N, L, 3], N > 0. "
                f"Received: poses.shape={poses.shape}, {poses.dtype}"
            )
        names, parents = _joints(content.get("joint_names"), poses.shape[1])
        labels = {name: mocap.labels(content, name, len(poses)) for name in ("clip", "subject")}
        rates = mocap.rates(content.get("fps"), len(poses)) if fps is None else None
        positions = frames.to_z_up(poses * (1.0 if unit_mm is None else unit_mm), up or "z")
        motions = []
        for clip, rows in _clips(labels["clip"], path.stem, len(poses)):
            subject = "" if labels["subject"] is None else str(labels["subject"][rows][0])
            motions.append(
                gaps.make(
                    positions[rows],
                    joint_names=names,
                    parents=parents,
                    fps=_rate(rates, rows, clip) if fps is None else fps,
                    clip=clip,
                    subject=subject,
                    unit_mm=1.0 if unit_mm is None else unit_mm,
                )
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return motions


def _joints(names, count):
    if names is not None and names.shape != (count,):
        raise ValueError(f"`joint_names` must have shape [{count}]. Received: {names.shape}")
    joint_names = None if names is None else tuple(str(name) for name in names)
    for skeleton in skeletons.SKELETONS.values():
        if skeleton.joint_names == joint_names:
            return joint_names, skeleton.parents
    # Names differ between files of one convention (`r_hip`, `RightHip`).
    if count in (17, 32):
        if joint_names is not None:
            mocap.check_names(names, skeletons.get(f"h36m{count}"))
        return h36m_cdf.joints(count)
    if joint_names is None:
        raise ValueError(f"must hold `joint_names`, since it has {count} joints, not 17 or 32")
    return joint_names, (-1,) * count


def _clips(labels, stem, count):
    """Yields the label and the rows of each clip, in the order of their first poses."""
    if labels is None or (labels == labels[0]).all():
        name = "" if labels is None else str(labels[0])
        yield name or stem, np.arange(count)
        return
    found, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    for index in np.argsort(first):
        yield str(found[index]) or stem, np.flatnonzero(inverse == index)


def _rate(rates, rows, clip):
    found = np.unique(rates[rows]) if rates is not None else np.array([np.nan])
    if len(found) > 1 or not np.isfinite(found).all():
        known = "none" if rates is None or len(found) == 1 else ", ".join(f"{r:g}" for r in found)
        raise ValueError(
            f"must state one `fps` for the clip {clip!r}, or give the source's frames per second. "
            f"Received: {known}"
        )
    return float(found[0])
