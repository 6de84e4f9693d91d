"""Errors of lifting motion-capture poses with a prior."""

import numpy as np
import tensorflow as tf

from tf_lift import lifting
from tf_lift.ops.errors import pose_errors
from tf_lift.ops.geometry import rotations

__all__ = ["lifting_errors"]

BATCH = 512
# Pixels per millimetre, uniform: a lift of free scale must not depend on it.
SCALES = (0.5, 2.0)


def lifting_errors(prior, poses, seed: int = 0, **arguments) -> dict[str, np.ndarray]:
    """Lifts the exact landmarks of poses that are turned and seen from afar.

    Every pose is turned about the vertical by a random angle and seen by an orthographic,
    horizontal camera at a random scale.

    Args:
        prior: `PosePrior`.
        poses: Array of shape `[N, L, 3]`, mm, z up, wherever they stand.
        seed: Seed of the angles and scales.
        **arguments: For `tf_lift.lift`.

    Returns:
        Dictionary of arrays `[N]`, mm, poses relative to joint 0: "mpjpe" and "pa_mpjpe".

    >>> errors = lifting_errors(tf_lift.PosePrior.load(), poses)
    >>> errors["mpjpe"].shape, bool((errors["pa_mpjpe"] < errors["mpjpe"]).all())
    ((16,), True)
    """
    rng = np.random.default_rng(seed)
    poses = np.asarray(poses, np.float64)
    rotation = rotations.world_to_camera(rng.uniform(0.0, 2.0 * np.pi, len(poses)))
    scale = rng.uniform(*SCALES, [len(poses), 1, 1])
    true = np.einsum("nij,nlj->nli", rotation, poses - poses[:, :1]).astype(np.float32)
    landmarks = (scale * true[..., :2]).astype(np.float32)

    errors: dict[str, list] = {"mpjpe": [], "pa_mpjpe": []}
    for start in range(0, len(poses), BATCH):
        rows = slice(start, start + BATCH)
        lifted = lifting.lift(tf.constant(landmarks[rows]), prior, **arguments)["joints_3d"]
        lifted -= lifted[:, :1]
        errors["mpjpe"].append(pose_errors.mpjpe(lifted, true[rows]).numpy())
        errors["pa_mpjpe"].append(pose_errors.pa_mpjpe(lifted, true[rows]).numpy())
    return {name: np.concatenate(parts) for name, parts in errors.items()}
