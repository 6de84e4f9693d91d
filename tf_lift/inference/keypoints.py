"""Reads 2D keypoints from files."""

import csv
import dataclasses
import functools
import json
import os
import pathlib
import zipfile

import numpy as np

from tf_lift import skeletons

__all__ = ["Keypoints", "read_keypoints"]

# The skeletons that OpenPose writes, and those preferred for columns that fit several.
OPENPOSE_MODELS = (skeletons.OPENPOSE_18, skeletons.OPENPOSE_25)
COMMON = (skeletons.H36M_17, skeletons.OPENPOSE_18, skeletons.COCO_17)


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """Landmarks of N people or frames.

    Attributes:
        landmarks: Array of shape `[N, num_joints, 2]`, px, NaN where a joint is missing.
        scores: Array of shape `[N, num_joints]`: confidence, 0 where a joint is missing.
        skeleton: Name of the skeleton, `None` if the file does not name one.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    skeleton: str | None


def read_keypoints(path: str | os.PathLike, skeleton: str | None = None) -> Keypoints:
    """Reads keypoints from a file.

    - `.json`: COCO, the file of a data set or a list of results, each entry with `keypoints`
      of 3 numbers per joint (entries without any labelled joint are left out); or
      a dict with `landmarks` `[L, 2 or 3]` or `[N, L, 2 or 3]` and perhaps `skeleton`.
      `null` stands for a missing number; or what `tf-lift predict` and `tf-lift lift` write;
      or OpenPose's file of an image, with `people`.
    - `.npy`: array `[L, 2 or 3]` or `[N, L, 2 or 3]`; `.npz`: such an array `landmarks`, and
      perhaps `scores` (or `visibility`) `[N, L]` and `skeleton`.
    - `.csv`: a row per pose with 2 or 3 columns per joint, `nose_x, nose_y, nose_score, ...`
      under a header, or just numbers; an empty field is missing.

    The third number of a joint is its confidence; 0 or NaN marks a missing joint. COCO's
    visibility, 1 (hidden but labelled) or 2, counts as confidence 1.

    Args:
        path: File.
        skeleton: Name of the skeleton that the columns of a `.csv` are sorted into; `None`
            for the one that they fit best.

    Returns:
        The keypoints.

    Raises:
        ValueError: If the file cannot be read or holds something else.
    """
    path = pathlib.Path(path)
    readers = {".json": _read_json, ".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise ValueError(
            f"`path` must be keypoints in a file {', '.join(readers)}. Received: {path}"
        )
    if not path.is_file():
        raise ValueError(f"`path` must be a file of keypoints. Received: {path}, which is none")
    if path.suffix.lower() == ".csv" and skeleton is not None:
        readers[".csv"] = functools.partial(_read_csv, skeleton=skeletons.get(skeleton))
    try:
        values, scores, skeleton = readers[path.suffix.lower()](path)
    # What the readers raise for broken files; OSError and EOFError come from NumPy.
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        what = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(
            f"`path` must hold keypoints as `read_keypoints` says. Received: {path} ({what})"
        ) from error
    return _keypoints(values, scores, skeleton, path)


def _keypoints(values, scores, skeleton, path):
    values = values[np.newaxis] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[-1] not in (2, 3) or 0 in values.shape:
        raise ValueError(
            "`landmarks` must have shape [N, num_joints, 2 or 3] and not be empty. "
            f"Received: {path} with landmarks.shape={values.shape}"
        )
    if skeleton is not None:
        joints = skeletons.get(skeleton).num_joints
        if joints != values.shape[1]:
            raise ValueError(
                f"`landmarks` must have the {joints} joints of {skeleton}. "
                f"Received: {path} with landmarks.shape={values.shape}"
            )
    if scores is None:
        scores = values[..., 2] if values.shape[-1] == 3 else np.ones(values.shape[:2])
    scores = scores.reshape(values.shape[:2]) if scores.size == values[..., 0].size else scores
    if scores.shape != values.shape[:2]:
        raise ValueError(
            f"`scores` must have shape {values.shape[:2]}. "
            f"Received: {path} with scores.shape={scores.shape}"
        )
    known = np.isfinite(values[..., :2]).all(-1) & np.isfinite(scores) & (scores > 0)
    landmarks = np.where(known[..., np.newaxis], values[..., :2], np.nan)
    return Keypoints(landmarks, np.where(known, scores, 0.0), skeleton)


def _read_json(path):
    content = json.loads(path.read_text())
    if isinstance(content, dict) and "poses" in content:
        content["landmarks"] = [pose["landmarks"] for pose in content["poses"]]
        content["scores"] = [pose["scores"] for pose in content["poses"]]
    if isinstance(content, dict) and "people" in content:
        return _read_people(content["people"])
    entries = content.get("annotations") if isinstance(content, dict) else content
    if isinstance(content, dict) and "landmarks" in content:
        scores = content.get("scores")
        return (
            np.array(content["landmarks"], np.float64),
            None if scores is None else np.array(scores, np.float64),
            content.get("skeleton"),
        )
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError('neither "landmarks" nor a list of COCO "annotations"')
    rows = [entry["keypoints"] for entry in entries if any(entry.get("keypoints") or ())]
    if not rows:
        raise ValueError("no annotation with labelled keypoints")
    values = np.array(rows, np.float64).reshape(len(rows), -1, 3)
    scores = values[..., 2]
    if isinstance(content, dict):
        # COCO's truth: 0 not labelled, 1 labelled but hidden, 2 labelled and visible.
        scores = (scores > 0).astype(np.float64)
    skeleton = "coco17" if values.shape[1] == skeletons.COCO_17.num_joints else None
    return values, scores, skeleton


def _read_people(people):
    """Reads OpenPose's people; a joint that it did not find is 0, 0 with confidence 0."""
    if not people:
        raise ValueError("no people")
    values = np.array([person["pose_keypoints_2d"] for person in people], np.float64)
    values = values.reshape(len(people), -1, 3)
    models = {model.num_joints: model.name for model in OPENPOSE_MODELS}
    return values, values[..., 2], models.get(values.shape[1])


def _read_npy(path):
    with path.open("rb") as file:
        return _numbers(np.load(file, allow_pickle=False)), None, None


def _read_npz(path):
    # Opened here, because NumPy leaves a broken file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        names = [name for name in ("scores", "visibility") if name in content]
        return (
            _numbers(content["landmarks"]),
            _numbers(content[names[0]]) if names else None,
            str(content["skeleton"]) if "skeleton" in content else None,
        )


def _numbers(array):
    if array.dtype.kind not in "fiub":
        raise ValueError(f"numbers expected, got {array.dtype}")
    return array.astype(np.float64)


def _read_csv(path, skeleton=None):
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if any(field.strip() for field in row)]
    if not rows:
        raise ValueError("an empty file")
    header = None if _is_number(rows[0][0]) else [name.strip() for name in rows.pop(0)]
    widths = {len(row) for row in rows} | ({len(header)} if header else set())
    if len(widths) != 1:
        raise ValueError(f"rows of different lengths: {sorted(widths)}")
    values = np.array(
        [[float(field) if field.strip() else np.nan for field in row] for row in rows]
    )
    if header is None:
        return _split(values), None, None
    return _by_name(header, values, skeleton)


def _split(values):
    joints = {skeleton.num_joints for skeleton in skeletons.SKELETONS.values()}
    parts = [part for part in (2, 3) if values.shape[1] % part == 0]
    # Columns that divide both ways: the number that is some skeleton's.
    known = [part for part in parts if values.shape[1] // part in joints]
    if not parts:
        raise ValueError(f"{values.shape[1]} columns, not 2 or 3 per joint")
    return values.reshape(len(values), -1, (known or parts)[0])


def _by_name(header, values, skeleton):
    """Sorts columns `<joint>_x, <joint>_y[, <joint>_score]` into the skeleton that has them."""
    joints = {name.removesuffix("_x") for name in header if name.endswith("_x")}
    candidates = skeletons.SKELETONS.values() if skeleton is None else [skeleton]
    fits = [s for s in candidates if joints and joints <= set(s.joint_names)]
    if not fits:
        of = "a skeleton" if skeleton is None else skeleton.name
        raise ValueError(f"columns {header[:4]}... are not those of {of}")
    # A few of the joints may fit many skeletons, and `head_top` is not the same point in all.
    skeleton = min(fits, key=lambda fit: (fit not in COMMON, fit.num_joints - len(joints)))
    landmarks = np.full([len(values), skeleton.num_joints, 3], np.nan)
    landmarks[..., 2] = 1.0
    for joint in joints:
        index = skeleton.joint_names.index(joint)
        for part, name in enumerate((f"{joint}_x", f"{joint}_y", f"{joint}_score")):
            if name in header:
                landmarks[:, index, part] = values[:, header.index(name)]
            elif part < 2:
                raise ValueError(f"no column {name}")
    return landmarks, None, skeleton.name


def _is_number(field):
    try:
        float(field or "nan")
    except ValueError:
        return False
    return True
