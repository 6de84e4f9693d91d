"""Poses of people in photos and videos, and from files of 2D keypoints."""

from tf_lift.inference.detectors import BeliefMapDetector, Detection
from tf_lift.inference.estimator import Estimate, PoseEstimator
from tf_lift.inference.images import read_image
from tf_lift.inference.keypoints import Keypoints, read_keypoints
from tf_lift.inference.misfits import MisfitWarning
from tf_lift.inference.pose_files import read_poses
from tf_lift.inference.poses import Poses, lift_landmarks
from tf_lift.inference.sequences import lift_file

__all__ = [
    "BeliefMapDetector",
    "Detection",
    "Estimate",
    "Keypoints",
    "MisfitWarning",
    "PoseEstimator",
    "Poses",
    "lift_file",
    "lift_landmarks",
    "read_image",
    "read_keypoints",
    "read_poses",
]
