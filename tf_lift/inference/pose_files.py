"""Files of lifted poses: JSON, npz and CSV, written whole or not at all, and read again."""

import csv
import io
import json
import math
import os
import pathlib

import numpy as np

import tf_lift
from tf_lift import skeletons
from tf_lift.inference.poses import OTHERS, Poses
from tf_lift.io import atomic, npz

__all__ = ["FORMAT", "content", "read_poses", "write", "write_csv", "write_json", "write_npz"]

# What a file of poses calls itself. Version 2 added frame, person, person_score, box and time of
# each pose, and bone_lengths moved from the header to the poses.
FORMAT = "tf_lift poses 2"
_VERSIONS = ("tf_lift poses 1", FORMAT)

_UNITS = {
    "landmarks": "px",
    "projected_landmarks": "px",
    "joints_3d": "mm, camera frame: x right, y down, z away; origin at joint 0",
    "joints_3d_stddev": "mm",
    "scale": "px/mm",
    "rotation_angle": "rad",
    "energy": "mm^2",
    "root_position": "mm, camera frame",
    "pitch": "rad, positive looking down",
    "roll": "rad, positive if an upright person appears turned clockwise",
    "hypotheses_joints_3d": "mm, as joints_3d",
    "bone_lengths": "mm, from each joint but the root, in order, to its parent",
    "box": "px: x, y, width, height",
    "time": "s",
}


def content(poses: Poses) -> dict:
    """Returns the content of a JSON file of poses: header, then one dict per pose."""
    arrays = poses.arrays()
    return {
        "format": FORMAT,
        "versions": _versions(),
        "units": {name: unit for name, unit in _UNITS.items() if name in arrays},
        "skeleton": poses.skeleton.name,
        "joint_names": list(poses.skeleton.joint_names),
        "parents": list(poses.skeleton.parents),
        "landmarks_skeleton": poses.conversion.source if poses.conversion else None,
        "missing_joints": list(poses.conversion.missing) if poses.conversion else None,
        "frames": None if poses.frames is None else np.asarray(poses.frames).tolist(),
        "fps": poses.fps,
        "image_size": None if poses.image_size is None else list(poses.image_size),
        "poses": [
            {name: array[index].tolist() for name, array in arrays.items()}
            for index in range(len(poses.scale))
        ],
    }


def read_poses(path: str | os.PathLike) -> Poses:
    """Reads the poses of a file that `tf-lift lift` or `tf-lift predict` wrote.

    Args:
        path: `.json` or `.npz` file.

    Raises:
        ValueError: If the file holds something else. Names the file.
        OSError: If it cannot be read.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".json", ".npz"):
        raise ValueError(f"`path` must be poses in a file .json or .npz. Received: {path}")
    try:
        found = _read_json(path) if path.suffix.lower() == ".json" else npz.read(path)
        return _from_arrays(found)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(
            f"`path` must hold poses that `tf-lift lift` or `predict` wrote. Received: {path} "
            f"({what})"
        ) from error


def _read_json(path):
    found = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(found, dict) or found.get("format") not in _VERSIONS:
        kind = found.get("format") if isinstance(found, dict) else type(found).__name__
        raise ValueError(f"`format` is {kind!r}, not {FORMAT!r}")
    header = {name: found.get(name) for name in ("skeleton", "frames", "fps", "image_size")}
    header |= {"source_skeleton": found.get("landmarks_skeleton")}
    rows = found["poses"]
    if not rows:
        return {key: value for key, value in header.items() if value is not None} | _no_poses(found)
    arrays = {name: [row[name] for row in rows] for name in rows[0]}
    if found.get("bone_lengths") is not None:
        arrays["bone_lengths"] = [found["bone_lengths"]] * len(rows)
    return {key: value for key, value in header.items() if value is not None} | arrays


def _no_poses(found):
    """Returns the arrays that all poses have, of none."""
    joints = len(found["joint_names"])
    shapes = {"landmarks": [joints, 2], "projected_landmarks": [joints, 2]}
    shapes |= {"joints_3d": [joints, 3], "joints_3d_stddev": [joints]}
    shapes |= {"visibility": [joints], "scores": [joints]}
    numbers = ("scale", "rotation_angle", "mixture_index", "energy", "misfit", "frame", "person")
    shapes |= {name: [] for name in numbers}
    return {name: np.zeros([0, *shape]) for name, shape in shapes.items()}


def _from_arrays(found):
    skeleton = skeletons.get(str(found["skeleton"]))
    source = found.get("source_skeleton")
    count = len(found["scale"])
    arrays = {}
    for name in Poses.__dataclass_fields__:
        if name in OTHERS or name not in found:
            continue
        whole = name in ("mixture_index", "frame", "person")
        kind = bool if name == "visibility" else np.int64 if whole else np.float64
        arrays[name] = np.array(found[name], kind)
        if len(arrays[name]) != count:
            raise ValueError(f"`{name}` has {len(arrays[name])} entries, `scale` {count}")
    frames, size = found.get("frames"), found.get("image_size")
    return Poses(
        skeleton,
        conversion=None if source is None else skeletons.report(str(source), skeleton),
        frames=None if frames is None else np.array(frames, np.int64),
        fps=None if found.get("fps") is None else float(found["fps"]),
        image_size=None if size is None else tuple(int(side) for side in size),
        **arrays,
    )


def write(poses: Poses, path: str | os.PathLike) -> pathlib.Path:
    """Writes poses as the ending of `path` says: `.json`, `.npz` or `.csv`.

    Raises:
        ValueError: If it is none of these.
        OSError: If the file cannot be written.
    """
    writers = {".npz": write_npz, ".csv": write_csv}
    suffix = pathlib.Path(path).suffix.lower()
    if suffix == ".json":
        return write_json(content(poses), path)
    if suffix not in writers:
        raise ValueError(f"`path` must end in .json, .npz or .csv. Received: {path}")
    return writers[suffix](poses, path)


def write_json(content: dict, path: str | os.PathLike) -> pathlib.Path:
    """Writes a dict as JSON, NaN as null: a whole file or none.

    Args:
        content: What `json` can write.
        path: File; its folder is made where it is missing.

    Returns:
        The path.
    """
    text = json.dumps(_without_nan(content), indent=1, allow_nan=False)
    return _write(path, lambda file: file.write(text.encode()))


def write_npz(poses: Poses, path: str | os.PathLike) -> pathlib.Path:
    """Writes poses as npz, arrays by name and `joint_names`: a whole file or none."""
    arrays = poses.arrays() | {
        "format": np.array(FORMAT),
        "skeleton": np.array(poses.skeleton.name),
        "joint_names": np.array(poses.skeleton.joint_names),
        "parents": np.array(poses.skeleton.parents),
    }
    others: dict[str, object] = {
        "frames": poses.frames,
        "fps": poses.fps,
        "image_size": poses.image_size,
        "source_skeleton": poses.conversion.source if poses.conversion else None,
    }
    arrays |= {name: np.array(value) for name, value in others.items() if value is not None}
    # The stubs of NumPy take every keyword for `allow_pickle`.
    return _write(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def write_csv(poses: Poses, path: str | os.PathLike) -> pathlib.Path:
    """Writes poses as a table, one row for each: a whole file or none.

    Columns: `frame`, `time`, `person`, `person_score`, `misfit`, then for each joint `_x`, `_y`,
    `_z` (mm, as `joints_3d`), `_stddev` (mm), `_u`, `_v` (px, the landmark found) and `_score`,
    and `root_x`, `root_y`, `root_z` (mm, camera frame) where they are known. What is unknown
    is empty.
    """
    count = len(poses.scale)
    columns = {
        "frame": np.arange(count) if poses.frame is None else poses.frame,
        "time": poses.time,
        "person": poses.person,
        "person_score": poses.person_score,
        "misfit": poses.misfit,
    }
    for index, joint in enumerate(poses.skeleton.joint_names):
        for axis, letter in enumerate("xyz"):
            columns[f"{joint}_{letter}"] = poses.joints_3d[:, index, axis]
        columns[f"{joint}_stddev"] = poses.joints_3d_stddev[:, index]
        for axis, letter in enumerate("uv"):
            columns[f"{joint}_{letter}"] = poses.landmarks[:, index, axis]
        columns[f"{joint}_score"] = poses.scores[:, index]
    if poses.root_position is not None:
        for axis, letter in enumerate("xyz"):
            columns[f"root_{letter}"] = poses.root_position[:, axis]
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    values = [[""] * count if column is None else column for column in columns.values()]
    for row in zip(*values, strict=True):
        table.writerow([_cell(value) for value in row])
    return _write(path, lambda file: file.write(text.getvalue().encode()))


def _cell(value):
    if isinstance(value, str) or not np.isfinite(value):
        return value if isinstance(value, str) else ""
    return str(int(value)) if isinstance(value, int | np.integer) else f"{value:.7g}"


def _write(path, write):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as temporary, open(temporary, "wb") as file:
        write(file)
    return path


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions():
    import tensorflow as tf

    return {"tf_lift": tf_lift.__version__, "tensorflow": tf.__version__}
