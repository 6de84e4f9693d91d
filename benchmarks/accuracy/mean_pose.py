"""The mean pose of a prior as a method: the error of not looking at the landmarks."""

import numpy as np

from benchmarks.accuracy import measures
from tf_lift import skeletons
from tf_lift.data.synthetic import views

__all__ = ["METHODS", "at_best_yaw", "facing", "predict"]

# Titles of the methods.
METHODS = {
    "mean_pose": "mean pose, facing the camera",
    "mean_pose_best_yaw": "mean pose at the best yaw (knows the truth)",
}
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
    """Turns a pose about the vertical, as near to each truth as possible.

    No method could do this: it knows the truth.

    Args:
        pose: `[L, 3]`, mm, frame of a level camera.
        truth: `[N, L, 3]`, mm, frame of a level camera; NaN for unknown joints.

    Returns:
        `[N, L, 3]`.
    """
    turned = np.stack(
        [_turn(pose, yaw) for yaw in np.linspace(0.0, 2.0 * np.pi, _NUM_YAWS, endpoint=False)]
    )
    limbs = list(measures.LIMBS)
    near, far = measures.centred(turned)[:, limbs], measures.centred(truth)[:, limbs]
    distance = np.linalg.norm(far[:, np.newaxis] - near, axis=-1).mean(-1)
    return turned[distance.argmin(1)]


def predict(knowledge: str, prior, truth, cameras, camera_index, best_yaw=False) -> np.ndarray:
    """Predicts the mean pose for every view, upright as far as the attitude is known.

    Args:
        knowledge: One of `knowledge.KNOWLEDGE`; without the attitude, cameras are level.
        prior: `PosePrior` of h36m17's joints.
        truth: `[N, L, 3]`, mm, camera frame; its values count with `best_yaw` only.
        cameras: `tf_lift.Camera` each.
        camera_index: `[N]`, index into `cameras`.
        best_yaw: Whether each pose is turned to its truth, instead of facing the camera.

    Returns:
        `[N, L, 3]`, mm, camera frame.
    """
    truth, pose = np.asarray(truth, np.float64), facing(prior)
    level = views.view_rotation(0.0, 0.0, 0.0)
    known = knowledge in ("attitude", "calibrated")
    tilts = np.array(
        [
            views.view_rotation(0.0, camera.pitch * known, camera.roll * known) @ level.T
            for camera in cameras
        ]
    )[np.asarray(camera_index)]
    if best_yaw:
        upright = at_best_yaw(pose, np.einsum("nji,nlj->nli", tilts, truth))
    else:
        upright = np.broadcast_to(pose, truth.shape)
    return np.einsum("nij,nlj->nli", tilts, upright)


def _turn(pose, yaw):
    """Turns about y by the angle that takes (cos yaw, ., sin yaw) to x."""
    x, y, z = np.moveaxis(np.asarray(pose, np.float64), -1, 0)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], -1)
