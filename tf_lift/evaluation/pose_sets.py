"""Predicted or true poses from files, and which of them belong together."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import scipy.optimize

from tf_lift import skeletons
from tf_lift.data.motion import frames as units
from tf_lift.io import npz

__all__ = ["Match", "PoseSet", "match", "read"]

# Names that files use for the same thing; the first one found counts.
_JOINTS_3D = ("joints_3d", "poses", "poses_3d", "positions_3d", "annot3", "univ_annot3")
_SEQUENCE = ("sequence", "clip")
# Frames that these mark as 0 do not count.
_VALID = ("valid", "valid_frame", "campose_valid")
_LABELS = ("action", "sequence")
_NUMBERS = ("head_size", "area")


@dataclasses.dataclass(frozen=True)
class PoseSet:
    """Poses of N people or frames.

    Attributes:
        skeleton: Their skeleton.
        joints_3d: `[N, L, 3]`, mm, NaN where unknown; or `None`.
        landmarks: `[N, L, 2]`, px, NaN where unknown; or `None`.
        visibility: `[N, L]`, bool: which joints count.
        frame: `[N]`, int: number of the frame, or `None`.
        person: `[N]`, int: number of the person, or `None`.
        sequence: `[N]`, str: name of the clip or video, or `None`.
        action: `[N]`, str, or `None`.
        head_size: `[N]`, px: length of the head segment for PCKh, or `None`.
        area: `[N]`, px^2: that of the person for OKS, or `None`.
        fps: Frames per second, or `None`.
    """

    skeleton: skeletons.Skeleton
    joints_3d: np.ndarray | None
    landmarks: np.ndarray | None
    visibility: np.ndarray
    frame: np.ndarray | None = None
    person: np.ndarray | None = None
    sequence: np.ndarray | None = None
    action: np.ndarray | None = None
    head_size: np.ndarray | None = None
    area: np.ndarray | None = None
    fps: float | None = None

    def __len__(self):
        return len(self.visibility)

    def take(self, rows) -> "PoseSet":
        """Returns some of the poses, by index."""
        arrays = {
            field.name: value[rows]
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(self, **arrays)

    def convert(self, skeleton: str, approximate: bool = False) -> "PoseSet":
        """Returns the poses with the joints of another skeleton, NaN for those they lack.

        Args:
            skeleton: Name of the other skeleton.
            approximate: Whether joints may stand in for others that are some centimetres off.
        """
        target = skeletons.get(skeleton)
        if target.name == self.skeleton.name:
            return self

        def converted(points):
            if points is None:
                return None
            points = np.where(self.visibility[..., np.newaxis], points, np.nan)
            return skeletons.convert(points, self.skeleton, target, approximate=approximate).points

        joints_3d, landmarks = converted(self.joints_3d), converted(self.landmarks)
        seen = [np.isfinite(p).all(-1) for p in (joints_3d, landmarks) if p is not None]
        return dataclasses.replace(
            self,
            skeleton=target,
            joints_3d=joints_3d,
            landmarks=landmarks,
            visibility=np.logical_or.reduce(seen),
        )


def read(path: str | os.PathLike, skeleton: str | None = None, unit: str | None = None) -> PoseSet:
    """Reads poses from a file.

    - What `tf-lift lift` and `tf-lift predict` write: `.json` and `.npz`.
    - `.npz` or a `.json` dict with arrays by name: `joints_3d` (or `poses`, `poses_3d`, `annot3`)
      `[N, L, 3]`, `landmarks` `[N, L, 2]`, and perhaps `visibility` `[N, L]`, `frame`, `person`,
      `sequence` (or `clip`), `action`, `head_size`, `area`, `valid` (or `valid_frame`,
      `campose_valid`) `[N]`, `skeleton`, `fps`.
    - `.npy`: `[N, L, 3]` or `[N, L, 2]`.
    - COCO annotations, `.json`: the labelled keypoints, with the areas.

    Args:
        path: File.
        skeleton: Name of the skeleton where the file does not name one; by default the prior's,
            `h36m17`.
        unit: Unit of the 3D joints: mm, cm, m or a number of mm; `None` for mm.

    Raises:
        ValueError: If the file holds something else, or arrays do not fit each other.
        OSError: If it cannot be read.
    """
    path = pathlib.Path(path)
    readers = {".json": _read_json, ".npz": npz.read, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: must be poses in a file {', '.join(readers)}")
    try:
        content = readers[path.suffix.lower()](path)
        return _make(content, skeleton, 1.0 if unit is None else units.unit_length(unit))
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(f"{path}: {what}") from error


def _read_npy(path):
    array = np.load(path, allow_pickle=False)
    return {"joints_3d" if array.shape[-1:] == (3,) else "landmarks": array}


def _read_json(path):
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict):
        raise ValueError("must be a JSON object with `poses`, `annotations` or arrays by name")
    if "annotations" in content:
        return _read_coco(content["annotations"])
    if isinstance(content.get("poses"), list) and content["poses"]:
        rows = content["poses"]
        if isinstance(rows[0], dict):
            names = rows[0].keys() & {"joints_3d", "landmarks", "visibility", "frame", "person"}
            found = {name: [row[name] for row in rows] for name in names}
            return {key: content.get(key) for key in ("skeleton", "fps")} | found
    return content


def _read_coco(annotations):
    labelled = [entry for entry in annotations if any(entry.get("keypoints") or ())]
    if not labelled:
        raise ValueError("no annotation with labelled keypoints")
    points = np.array([entry["keypoints"] for entry in labelled], np.float64)
    points = points.reshape(len(labelled), -1, 3)
    content = {
        "skeleton": "coco17",
        "landmarks": points[..., :2],
        "visibility": points[..., 2] > 0,
        "frame": [entry["image_id"] for entry in labelled],
    }
    if all("area" in entry for entry in labelled):
        content["area"] = [entry["area"] for entry in labelled]
    return content


def _make(content, skeleton, unit_mm):
    arrays = {
        name: None if found is None else np.asarray(found, np.float64)
        for name, found in (
            ("joints_3d", _first(content, _JOINTS_3D)),
            ("landmarks", content.get("landmarks")),
        )
    }
    given = {name: array for name, array in arrays.items() if array is not None}
    if not given:
        raise ValueError(
            f"must hold `joints_3d` or `landmarks`. Received: {', '.join(content) or 'nothing'}"
        )
    count, joints = next(iter(given.values())).shape[:2] if _ranks(given) else (0, 0)
    for name, array in given.items():
        if array.shape != (count, joints, 3 if name == "joints_3d" else 2) or not count:
            last = 3 if name == "joints_3d" else 2
            raise ValueError(
                f"`{name}` must have shape [N, L, {last}], N > 0. Received: {array.shape}"
            )
    kind = skeletons.get(skeleton or _text(content.get("skeleton")) or "h36m17")
    if kind.num_joints != joints:
        raise ValueError(
            f"poses must have the {kind.num_joints} joints of {kind.name}; another skeleton is "
            f"named by its option. Received: {joints} joints"
        )
    if arrays["joints_3d"] is not None:
        arrays["joints_3d"] = unit_mm * arrays["joints_3d"]
    seen = np.logical_or.reduce([np.isfinite(array).all(-1) for array in given.values()])
    for name, shape in (("visibility", (count, joints)), *((name, (count,)) for name in _VALID)):
        if content.get(name) is not None:
            marks = np.asarray(content[name], np.float64).reshape(-1, *shape[1:])
            _check(marks, name, shape)
            seen &= (marks > 0).reshape(count, -1)
    extra = {name: np.asarray(content[name]) for name in ("frame", "person") if _has(content, name)}
    labels = {"action": content.get("action"), "sequence": _first(content, _SEQUENCE)}
    extra |= {n: np.asarray(v).astype(str) for n, v in labels.items() if v is not None}
    extra |= {n: np.asarray(content[n], np.float64) for n in _NUMBERS if _has(content, n)}
    for name, array in extra.items():
        _check(array, name, (count,))
    fps = content.get("fps")
    rates = np.unique(np.asarray(fps, np.float64)) if fps is not None else np.array([])
    rate = float(rates[0]) if len(rates) == 1 and np.isfinite(rates[0]) else None
    return PoseSet(kind, **arrays, visibility=seen, **extra, fps=rate)


def _ranks(arrays):
    return all(array.ndim == 3 for array in arrays.values())


def _has(content, name):
    return content.get(name) is not None


def _first(content, names):
    return next((content[name] for name in names if _has(content, name)), None)


def _text(value):
    return None if value is None else str(value)


def _check(array, name, shape):
    if array.shape != shape:
        raise ValueError(f"`{name}` must have shape {list(shape)}. Received: {list(array.shape)}")


@dataclasses.dataclass(frozen=True)
class Match:
    """Which predicted pose belongs to which true one.

    Attributes:
        predicted: `[M]`: indices of predicted poses.
        true: `[M]`: indices of the true poses.
        missed: Number of true poses without a prediction.
        unknown: Number of predictions without a true pose.
        how: What they were matched by.
    """

    predicted: np.ndarray
    true: np.ndarray
    missed: int
    unknown: int
    how: str


def match(predicted: PoseSet, true: PoseSet) -> Match:
    """Finds the predicted pose of each true one.

    By sequence, frame and person as far as both sets have them. Where several people of a frame
    are not told apart by numbers, those that lie closest are matched. Sets without frames
    have to have as many poses, which are matched in order.

    Raises:
        ValueError: If sets without frames differ in size, or a set has a pose twice.
    """
    names = [
        name
        for name in ("sequence", "frame", "person")
        if getattr(predicted, name) is not None and getattr(true, name) is not None
    ]
    if "frame" not in names:
        if len(predicted) != len(true):
            raise ValueError(
                "predicted and true poses must be as many where they do not both have `frame`. "
                f"Received: {len(predicted)} and {len(true)}"
            )
        rows = np.arange(len(true))
        return Match(rows, rows, 0, 0, "order")
    first, second = _keys(predicted, names), _keys(true, names)
    pairs = []
    for key, rows in second.items():
        candidates = first.get(key, [])
        if "person" in names and max(len(rows), len(candidates)) > 1:
            described = dict(zip(names, key, strict=True))
            raise ValueError(f"a pose must be there once. Received: several of {described}")
        if len(rows) == len(candidates) == 1:
            pairs.append((candidates[0], rows[0]))
        elif candidates:
            cost = _distances(predicted.take(candidates), true.take(rows))
            pairs += [
                (candidates[i], rows[j])
                for i, j in zip(*scipy.optimize.linear_sum_assignment(cost), strict=True)
            ]
    found = np.array(sorted(pairs, key=lambda pair: pair[1]), int).reshape(-1, 2)
    return Match(
        found[:, 0],
        found[:, 1],
        len(true) - len(found),
        len(predicted) - len(found),
        " and ".join(names),
    )


def _keys(poses, names):
    columns = [getattr(poses, name).tolist() for name in names]
    rows: dict[tuple, list[int]] = {}
    for row, key in enumerate(zip(*columns, strict=True)):
        rows.setdefault(key, []).append(row)
    return rows


def _distances(predicted, true):
    """Returns mean distances `[P, T]` between poses, by landmarks where both have them."""
    true = (
        true
        if true.skeleton.name == predicted.skeleton.name
        else true.convert(predicted.skeleton.name)
    )
    name = "landmarks"
    if predicted.landmarks is None or true.landmarks is None:
        name = "joints_3d"
    first, second = getattr(predicted, name), getattr(true, name)
    if first is None or second is None:
        raise ValueError("people of one frame without numbers must have landmarks in both files")
    distance = np.linalg.norm(first[:, np.newaxis] - second[np.newaxis], axis=-1)
    distance = np.where(true.visibility[np.newaxis], distance, np.nan)
    known = np.isfinite(distance)
    total = np.where(known, distance, 0.0).sum(-1)
    return np.where(known.any(-1), total / np.maximum(known.sum(-1), 1), 1e9)
