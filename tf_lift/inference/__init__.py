"""Poses of people in photos and videos, and from files of 2D keypoints."""

from typing import TYPE_CHECKING

from tf_lift.io import lazy

__all__ = [
    "BeliefMapDetector",
    "Detection",
    "Estimate",
    "Keypoints",
    "KeypointsError",
    "KeypointsWarning",
    "MisfitWarning",
    "PeopleDetector",
    "Person",
    "PoseEstimator",
    "Poses",
    "Region",
    "lift_file",
    "lift_keypoints",
    "lift_landmarks",
    "read_image",
    "read_keypoints",
    "read_poses",
]

# Imported when first used: the command that installs the detector needs no TensorFlow.
if TYPE_CHECKING:
    from tf_lift.inference.detectors import BeliefMapDetector, Detection
    from tf_lift.inference.estimator import Estimate, PoseEstimator
    from tf_lift.inference.images import read_image
    from tf_lift.inference.keypoints import Keypoints, KeypointsError, read_keypoints
    from tf_lift.inference.misfits import MisfitWarning
    from tf_lift.inference.people.detector import PeopleDetector
    from tf_lift.inference.people.person import Person
    from tf_lift.inference.people.regions import Region
    from tf_lift.inference.pose_files import read_poses
    from tf_lift.inference.poses import Poses, lift_landmarks
    from tf_lift.inference.sequences import KeypointsWarning, lift_file, lift_keypoints
else:
    __getattr__, __dir__ = lazy.attach(
        __name__,
        ("images", "keypoints", "misfits", "pose_files", "poses"),
        {
            "BeliefMapDetector": "detectors",
            "Detection": "detectors",
            "Estimate": "estimator",
            "Keypoints": "keypoints",
            "KeypointsError": "keypoints",
            "KeypointsWarning": "sequences",
            "MisfitWarning": "misfits",
            "PeopleDetector": "people.detector",
            "Person": "people.person",
            "PoseEstimator": "estimator",
            "Poses": "poses",
            "Region": "people.regions",
            "lift_file": "sequences",
            "lift_keypoints": "sequences",
            "lift_landmarks": "poses",
            "read_image": "images",
            "read_keypoints": "keypoints",
            "read_poses": "pose_files",
        },
    )
