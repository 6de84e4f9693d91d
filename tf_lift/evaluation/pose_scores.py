"""Scores of predicted poses against true ones, as a protocol counts them."""

import dataclasses
import os

import numpy as np

from tf_lift import skeletons
from tf_lift.evaluation import pose_sets, protocols
from tf_lift.ops import errors
from tf_lift.ops.errors import landmark_errors, procrustes

__all__ = ["AUC_MM", "score", "score_files"]

# Distances of the area under the curve of the 3D PCK (Mehta et al.).
AUC_MM = tuple(range(0, 151, 5))
_POSE_ERRORS = {
    "mpjpe_mm": errors.mpjpe,
    "pa_mpjpe_mm": errors.pa_mpjpe,
    "n_mpjpe_mm": errors.n_mpjpe,
}


def score_files(
    predicted: str | os.PathLike,
    true: str | os.PathLike,
    protocol: str | protocols.Protocol = "all",
    *,
    skeleton: str | None = None,
    true_skeleton: str | None = None,
    unit: str | None = None,
    true_unit: str | None = None,
    fps: float | None = None,
) -> dict:
    """Scores the poses of one file against those of another.

    Args:
        predicted: File of predicted poses, see `pose_sets.read`.
        true: File of true poses.
        protocol: Name of a protocol.
        skeleton: Skeleton of the predicted poses where their file does not name it.
        true_skeleton: That of the true poses.
        unit: Unit of the predicted joints; `None` for mm.
        true_unit: Unit of the true joints.
        fps: Frames per second; `None` as in the files.

    Returns:
        As `score`.

    Raises:
        ValueError: If a file or an option does not fit.
        OSError: If a file cannot be read.
    """
    return score(
        pose_sets.read(predicted, skeleton, unit),
        pose_sets.read(true, true_skeleton, true_unit),
        protocol,
        fps=fps,
    )


def score(
    predicted: pose_sets.PoseSet,
    true: pose_sets.PoseSet,
    protocol: str | protocols.Protocol = "all",
    *,
    fps: float | None = None,
) -> dict:
    """Scores poses against the true ones.

    Joints that are hidden or unknown in the true poses count nowhere. A joint that is predicted
    as NaN counts as wrong in all fractions and in no distance; it is counted.

    Args:
        predicted: Predicted poses.
        true: True poses.
        protocol: Name of a protocol: which joints and frames count.
        fps: Frames per second, for velocities; `None` as in the true or the predicted poses.

    Returns:
        Dict of `protocol`, `notes`, `counts` (poses `true`, `scored`, `missed`, `unknown`,
        `skipped` by the protocol, joints `not_predicted`), `matched_by`, `scores` (by name, over
        all poses; the figures of 2D and 3D as far as both sets have them), `per_joint` and
        `per_action` (dicts by name of dicts of scores) and `curve` (of the 3D PCK).
        3D: `mpjpe_mm`, `pa_mpjpe_mm`, `n_mpjpe_mm`: means over poses; `pck3d`, `auc3d`:
        over joints; with frames and fps `mpjve_mm_per_s`, `acceleration_mm_per_s2`.
        2D: `landmark_error_px`; `pckh_0.5` where the head's size is known, `pck_0.2`
        of the trunk's diagonal; `oks` of COCO's 17 keypoints where the area is known.

    Raises:
        ValueError: If sets do not fit, or no pose can be scored.
    """
    kind = protocols.get(protocol)
    fps = fps or true.fps or predicted.fps
    pairs = pose_sets.match(predicted, true)
    predicted, true = predicted.take(pairs.predicted), true.take(pairs.true)
    kept = _every(kind.step, true)
    predicted, true = predicted.take(kept), true.take(kept)
    if not len(true):
        raise ValueError("no predicted pose belongs to a true one")
    counts = {
        "true": len(pairs.true) + pairs.missed,
        "scored": len(true),
        "missed": pairs.missed,
        "unknown": pairs.unknown,
        "skipped": len(pairs.true) - len(true),
    }
    result = {
        "protocol": kind.name,
        "notes": list(kind.notes),
        "counts": counts,
        "matched_by": pairs.how,
        "scores": {},
        "per_joint": {},
        "per_action": {},
    }
    if predicted.joints_3d is not None and true.joints_3d is not None:
        _score_3d(result, predicted, true, kind, fps)
    if predicted.landmarks is not None and true.landmarks is not None:
        result["scores"] |= _scores_2d(predicted, true)
    if not result["scores"]:
        raise ValueError("both files must hold `joints_3d`, or both `landmarks`")
    return result


def _every(step, true):
    if step == 1:
        return np.arange(len(true))
    if true.frame is None:
        return np.arange(0, len(true), step)
    return np.flatnonzero(true.frame % step == 0)


def _score_3d(result, predicted, true, protocol, fps):
    mapped = skeletons.report(predicted.skeleton, protocol.skeleton, approximate=True)
    if mapped.approximate and predicted.skeleton.name != protocol.skeleton:
        result["notes"].append(f"Predicted joints that are not quite the same: {mapped}.")
    predicted = predicted.convert(protocol.skeleton, approximate=True)
    source, true = true.skeleton.name, true.convert(protocol.skeleton)
    names = true.skeleton.joint_names
    columns = [names.index(name) for name in protocol.joints]
    moved = [_about_root(poses, protocol) for poses in (predicted, true)]
    weights = (true.visibility & np.isfinite(moved[1]).all(-1))[:, columns]
    joints = [poses[:, columns] for poses in moved]
    lacking = weights & ~np.isfinite(joints[0]).all(-1)
    seen = weights & ~lacking
    result["counts"]["not_predicted"] = int(lacking.sum())
    absent = [name for name, some in zip(protocol.joints, weights.any(0), strict=True) if not some]
    if absent:
        result["notes"].append(f"No true pose has {', '.join(absent)}: left out.")
    if not seen.any():
        raise ValueError(
            f"predicted and true poses must have {', '.join(protocol.root) or 'joints'} and other "
            f"joints of {protocol.skeleton}, which protocol {protocol.name!r} counts. "
            f"Received: {mapped.source} and {source}"
        )
    compared = [np.where(seen[..., np.newaxis], poses, 0.0) for poses in joints]
    distance = np.linalg.norm(compared[0] - compared[1], axis=-1)
    aligned = np.linalg.norm(procrustes.align(*compared, seen).numpy() - compared[1], axis=-1)
    right = np.where(lacking, np.inf, distance)
    in_pck = np.isin(protocol.joints, protocol.pck_joints or protocol.joints)
    tables = _Tables(compared, seen, weights & in_pck, distance, aligned, right, protocol.pck_mm)
    result["scores"] |= tables.scores(slice(None))
    if protocol.step == 1:
        result["scores"] |= _motion(compared, seen, true, fps, result["notes"])
    result["curve"] = {
        "distance_mm": list(AUC_MM),
        "pck3d": [tables.pck(slice(None), limit) for limit in AUC_MM],
    }
    for index, name in enumerate(protocol.joints):
        if seen[:, index].any():
            result["per_joint"][name] = {
                "mpjpe_mm": float(distance[seen[:, index], index].mean()),
                "pa_mpjpe_mm": float(aligned[seen[:, index], index].mean()),
                "num_poses": int(seen[:, index].sum()),
            }
    if true.action is not None:
        for action in np.unique(true.action):
            rows = true.action == action
            if seen[rows].any():
                scores = tables.scores(rows) | {"num_poses": int(rows.sum())}
                result["per_action"][str(action)] = scores
        means = [scores[protocol.headline] for scores in result["per_action"].values()]
        result["scores"][f"mean_over_actions_{protocol.headline}"] = float(np.mean(means))


def _about_root(poses, protocol):
    """Returns joints `[N, L, 3]` about the protocol's origin; NaN where that is not known."""
    joints = np.where(poses.visibility[..., np.newaxis], poses.joints_3d, np.nan)
    if not protocol.root:
        return joints
    names = poses.skeleton.joint_names
    return joints - joints[:, [names.index(name) for name in protocol.root]].mean(1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class _Tables:
    """Distances `[N, L]` of all joints that count, and means over some of the poses."""

    joints: list
    seen: np.ndarray
    in_pck: np.ndarray
    distance: np.ndarray
    aligned: np.ndarray
    right: np.ndarray
    pck_mm: float

    def scores(self, rows):
        seen = self.seen[rows]
        some = seen.any(1)
        chosen = [poses[rows][some] for poses in self.joints]
        found = {
            name: float(np.mean(error(*chosen, seen[some]))) for name, error in _POSE_ERRORS.items()
        }
        if self.in_pck[rows].any():
            found["pck3d"] = self.pck(rows, self.pck_mm)
            found["auc3d"] = float(np.mean([self.pck(rows, limit) for limit in AUC_MM]))
        return found

    def pck(self, rows, limit):
        counted = self.right[rows][self.in_pck[rows]]
        return float(np.mean(counted < limit)) if len(counted) else float("nan")


def _motion(joints, seen, true, fps, notes):
    """Returns the errors of velocity and acceleration, over frames that follow each other."""
    if true.frame is None or fps is None:
        missing = "frame numbers" if true.frame is None else "`fps`"
        notes.append(f"No errors of motion: {missing} not known.")
        return {}
    keys = [true.frame]
    keys += [key for key in (true.person, true.sequence, true.action) if key is not None]
    order = np.lexsort([np.unique(key, return_inverse=True)[1] for key in keys])
    step = np.diff(true.frame[order])
    other = np.zeros(len(step), bool)
    for key in keys[1:]:
        other |= key[order][1:] != key[order][:-1]
    following = step[~other & (step > 0)]
    if not len(following):
        return {}
    stride = int(following.min())
    # A frame without joints between parts keeps their differences out of the means.
    breaks = np.flatnonzero(other | (step != stride)) + 1
    parts = [np.insert(poses[order], breaks, 0.0, axis=0) for poses in joints]
    shown = np.insert(seen[order], breaks, False, axis=0)
    rate = fps / stride
    return {
        "mpjve_mm_per_s": float(errors.mpjve(*parts, rate, shown)),
        "acceleration_mm_per_s2": float(errors.acceleration_error(*parts, rate, shown)),
    }


def _scores_2d(predicted, true):
    converted = predicted.convert(true.skeleton.name)
    seen = true.visibility & np.isfinite(true.landmarks).all(-1)
    lacking = ~np.isfinite(converted.landmarks).all(-1)
    known = seen & ~lacking
    if not known.any():
        return {}
    points = [
        np.where(shown[..., np.newaxis], poses.landmarks, fill)
        for poses, shown, fill in ((converted, ~lacking, np.nan), (true, seen, 0.0))
    ]
    distance = np.linalg.norm(points[0] - points[1], axis=-1)
    found = {"landmark_error_px": float(distance[known].mean())}
    for name, size, threshold in (
        ("pckh_0.5", true.head_size, 0.5),
        ("pck_0.2", _trunk(true), 0.2),
    ):
        if size is not None and np.any(size > 0):
            rows = landmark_errors.pck(*points, size, seen, threshold=threshold).numpy()
            found[name] = _mean_over_joints(rows, seen, size > 0)
    if true.area is not None and np.any(true.area > 0):
        similarity = _oks(predicted, true)
        if similarity is not None:
            found["oks"] = similarity
    return found


def _mean_over_joints(rows, seen, counted):
    counts = seen.sum(1) * counted
    return float(np.sum(rows * counts) / counts.sum()) if counts.any() else float("nan")


def _trunk(poses):
    """Returns the larger diagonal of the trunk `[N]`, px; `None` without its joints."""
    names = poses.skeleton.joint_names
    ends = [("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")]
    if not {name for pair in ends for name in pair} <= set(names):
        return None
    points = np.where(poses.visibility[..., np.newaxis], poses.landmarks, np.nan)
    lengths = [
        np.linalg.norm(points[:, names.index(a)] - points[:, names.index(b)], axis=-1)
        for a, b in ends
    ]
    return np.nan_to_num(np.fmax(*lengths))


def _oks(predicted, true):
    coco = [poses.convert(skeletons.COCO_17.name) for poses in (predicted, true)]
    seen = coco[1].visibility & np.isfinite(coco[1].landmarks).all(-1)
    counted = seen.any(1) & (true.area > 0)
    if not counted.any():
        return None
    truth = np.where(seen[..., np.newaxis], coco[1].landmarks, 0.0)
    values = landmark_errors.oks(coco[0].landmarks, truth, true.area, seen).numpy()
    return float(values[counted].mean())
