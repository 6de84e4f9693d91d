"""The mean pose of a prior as a method: the error of not looking at the landmarks."""

import numpy as np

from benchmarks.accuracy import measures
from tf_lift import skeletons

__all__ = ["at_best_yaw", "facing"]

# Angles that the best yaw is searched at.
_NUM_YAWS = 72


def facing(prior) -> np.ndarray:
    """Returns the mean of a prior, upright and facing a level camera.

    Args:
        prior: `PosePrior` of h36m17's joints.

    Returns:
        `[L, 3]`, mm, camera frame, origin at joint 0.

    >>> pose = facing(tf_lift.PosePrior.load("cmu"))
    >>> left, right = pose[11], pose[14]  # The shoulders: a person's left is at the right.
    >>> bool(left[0] > right[0]), bool(abs(left[2] - right[2]) < 1e-6)
    (True, True)
    """
    mean = np.einsum("k,kli->li", prior.mixture_weights, prior.mean_pose)
    # World (z up) to camera (x right, y down, z away).
    pose = (mean - mean[0])[:, [0, 2, 1]] * [1.0, -1.0, 1.0]
    index = skeletons.H36M_17.joint_names.index
    across = pose[index("left_shoulder")] - pose[index("right_shoulder")]
    return _turn(pose, np.arctan2(across[2], across[0]))


def at_best_yaw(pose, truth) -> np.ndarray:
    """Turns a pose about the vertical of a level camera, as near to each truth as possible.

    No method could do this: it knows the truth.

    Args:
        pose: `[L, 3]`, mm, camera frame.
        truth: `[N, L, 3]`, mm, camera frame.

    Returns:
        `[N, L, 3]`.
    """
    turned = np.stack(
        [_turn(pose, yaw) for yaw in np.linspace(0.0, 2.0 * np.pi, _NUM_YAWS, endpoint=False)]
    )
    limbs = list(measures.LIMBS)
    near, far = measures.centred(turned)[:, limbs], measures.centred(truth)[:, limbs]
    # [N, yaws, limbs]: no more than some hundred MB for thousands of truths.
    distance = np.linalg.norm(far[:, np.newaxis] - near, axis=-1).mean(-1)
    return turned[distance.argmin(1)]


def _turn(pose, yaw):
    """Turns about y by the angle that takes (cos yaw, ., sin yaw) to x."""
    x, y, z = np.moveaxis(np.asarray(pose, np.float64), -1, 0)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], -1)
