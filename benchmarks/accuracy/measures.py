"""Errors of lifted poses over the limbs, and how often the truth is within the deviations."""

import numpy as np

from tf_lift import skeletons
from tf_lift.ops import errors

__all__ = ["LIMBS", "centred", "measure"]

_NAMES = skeletons.H36M_17.joint_names
_HIPS = [_NAMES.index("left_hip"), _NAMES.index("right_hip")]
# The twelve joints that every convention has.
LIMBS = tuple(
    _NAMES.index(f"{side}_{part}")
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)
# Joint 0 is the origin, where the deviation is 0.
_GROUPS = {"": LIMBS, "_all": tuple(range(1, len(_NAMES)))}


def measure(predictions, truth, stddev=None) -> dict[str, float]:
    """Measures lifted poses.

    Poses are compared relative to the middle of their hips. A joint whose truth is NaN does
    not count. A pose that was predicted as NaN counts in `num_failed` only.

    Args:
        predictions: `[N, 17, 3]`, mm, camera frame.
        truth: `[N, 17, 3]`, mm, camera frame, NaN for unknown joints.
        stddev: `[N, 17]`, mm: the root of the variance summed over the three axes; or `None`.

    Returns:
        Dict of `num_poses`, `num_failed`, `mpjpe_mm`, `pa_mpjpe_mm` (after Procrustes) and
        `n_mpjpe_mm` (at the best scale) over `LIMBS`; the same with `_all_mm` over all 17;
        with `stddev` also `within_1` and `within_2`, the shares of `LIMBS` whose truth is
        within one and two deviations, and with `_all` of all joints but the root. Empty if
        there are no poses.

    Raises:
        ValueError: If a shape does not fit.
    """
    predictions, truth = np.asarray(predictions, np.float64), np.asarray(truth, np.float64)
    if predictions.shape != truth.shape or predictions.shape[1:] != (len(_NAMES), 3):
        raise ValueError(
            f"`predictions` and `truth` must have shape [N, {len(_NAMES)}, 3]. "
            f"Received: {predictions.shape} and {truth.shape}"
        )
    valid = np.isfinite(predictions).all((1, 2))
    if not valid.any():
        return {"num_poses": len(valid), "num_failed": int((~valid).sum())} if len(valid) else {}
    predictions, truth = centred(predictions[valid]), centred(truth[valid])
    known = np.isfinite(truth).all(-1)
    distance = np.linalg.norm(predictions - np.where(known[..., np.newaxis], truth, 0.0), axis=-1)
    found = {"num_poses": len(valid), "num_failed": int((~valid).sum())}
    for suffix, joints in (("", list(LIMBS)), ("_all", list(range(len(_NAMES))))):
        for name in ("mpjpe", "pa_mpjpe", "n_mpjpe"):
            values = getattr(errors, name)(predictions[:, joints], truth[:, joints])
            found[f"{name}{suffix}_mm"] = float(np.mean(values))
    if stddev is not None:
        stddev = np.asarray(stddev, np.float64)[valid]
        for suffix, group in _GROUPS.items():
            joints = list(group)
            counted = known[:, joints]
            for number in (1, 2):
                within = distance[:, joints] <= number * stddev[:, joints]
                found[f"within_{number}{suffix}"] = float(within[counted].mean())
    return found


def centred(poses) -> np.ndarray:
    """Returns poses `[N, 17, 3]` relative to the middle of their hips."""
    poses = np.asarray(poses, np.float64)
    return poses - poses[:, _HIPS].mean(1, keepdims=True)
