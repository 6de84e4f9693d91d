"""Measures how well a prior lifts motion-capture poses."""

import numpy as np
import tensorflow as tf

from tf_lift import lifting
from tf_lift.ops.errors import pose_errors
from tf_lift.ops.geometry import rotations

__all__ = ["lifting_errors"]

BATCH = 512
# Range of the scale, px/mm, drawn uniformly: a lift of free scale must not depend on it.
SCALES = (0.5, 2.0)


def lifting_errors(
    prior, poses, seed: int = 0, estimator: str = "map", **arguments
) -> dict[str, np.ndarray]:
    """Measures the errors of lifting the exact landmarks of poses.

    A level orthographic camera sees every pose from a random side at a random scale.

    Args:
        prior: `PosePrior`.
        poses: Array of shape `[N, L, 3]`, mm, world frame, z up, at any place.
        seed: Seed of the angles and scales.
        estimator: Estimator of the lift (`tf_lift.LiftOptions`). The default is the fast
            one, because choosing the size of a prior takes many lifts.
        **arguments: Further arguments of `tf_lift.lift`.

    Returns:
        Dict of arrays `[N]`, mm, of poses relative to joint 0: "mpjpe" and "pa_mpjpe".

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
        lifted = lifting.lift(
            tf.constant(landmarks[rows]), prior, estimator=estimator, **arguments
        )["joints_3d"]
        lifted -= lifted[:, :1]
        errors["mpjpe"].append(pose_errors.mpjpe(lifted, true[rows]).numpy())
        errors["pa_mpjpe"].append(pose_errors.pa_mpjpe(lifted, true[rows]).numpy())
    return {name: np.concatenate(parts) for name, parts in errors.items()}
