"""Lower and upper bounds for a network: the mean pose, and the lift of true landmarks. Internal."""

import numpy as np

from tf_lift.evaluation.evaluate import pose_error_means
from tf_lift.prior.pose_prior import PosePrior

__all__ = ["mean_pose", "true_landmarks"]


def mean_pose(prior: PosePrior, train_people: dict, people: dict) -> dict[str, float]:
    """Measures the errors of the prior's mean pose taken as the pose of everyone.

    The pose faces the camera, at the mean place and with the mean size of the training
    people in their images: the best answer that does not look at the image.

    Args:
        prior: Pose prior; its component of the largest weight gives the pose.
        train_people: Dict of `landmarks` `[M, L, 2]` px, which give place and size.
        people: True poses, as for `evaluate_stages`.

    Returns:
        Dict of `pose_error_means`.
    """
    pose = prior.mean_pose[np.argmax(prior.mixture_weights)]
    # World (x, y, z up) to camera (x right, y down, z away), origin at joint 0.
    joints_3d = (pose - pose[0])[:, [0, 2, 1]] * [1.0, -1.0, 1.0]
    landmarks = np.asarray(train_people["landmarks"], np.float64)
    spread = np.sqrt(((landmarks - landmarks.mean(1, keepdims=True)) ** 2).mean((1, 2))).mean()
    flat = joints_3d[:, :2] - joints_3d[:, :2].mean(0)
    flat *= spread / np.sqrt((flat**2).mean())
    count = len(people["landmarks"])
    return pose_error_means(
        np.tile(flat + landmarks.mean((0, 1)), [count, 1, 1]),
        np.tile(joints_3d, [count, 1, 1]),
        people,
    )


def true_landmarks(lift, people: dict) -> dict[str, float]:
    """Measures the errors of lifting the true landmarks, as from a perfect 2D network.

    Args:
        lift: Layer or function from landmarks `[N, L, 2]` px to a dict with `joints_3d`.
        people: True poses, as for `evaluate_stages`.

    Returns:
        Dict of `pose_error_means`; its `landmark_error_px` is 0.
    """
    landmarks = np.asarray(people["landmarks"], np.float32)
    return pose_error_means(landmarks, lift(landmarks)["joints_3d"].numpy(), people)
