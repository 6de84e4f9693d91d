"""Poses of people in photos, found by a belief-map network, and from files of 2D keypoints."""

from tf_lift.data.formats.keypoints import Keypoints, KeypointsError, read_keypoints
from tf_lift.inference.detectors import BeliefMapDetector, Detection
from tf_lift.inference.images import read_image
from tf_lift.inference.misfits import MisfitWarning
from tf_lift.inference.photos import predict, predict_file, predict_files
from tf_lift.inference.poses import Poses, lift_landmarks
from tf_lift.inference.sequences import lift_file

__all__ = [
    "BeliefMapDetector",
    "Detection",
    "Keypoints",
    "KeypointsError",
    "MisfitWarning",
    "Poses",
    "lift_file",
    "lift_landmarks",
    "predict",
    "predict_file",
    "predict_files",
    "read_image",
    "read_keypoints",
]
