"""Poses of people in photos, found by a belief-map network, and from files of 2D keypoints."""

from typing import TYPE_CHECKING

from tf_lift.io import lazy

__all__ = [
    "BeliefMapDetector",
    "Detection",
    "Keypoints",
    "MisfitWarning",
    "PeopleDetector",
    "Person",
    "Poses",
    "Region",
    "lift_file",
    "lift_landmarks",
    "predict",
    "predict_file",
    "predict_files",
    "read_image",
    "read_keypoints",
]

# Imported when first used: the command that installs the detector needs no TensorFlow.
if TYPE_CHECKING:
    from tf_lift.inference.detectors import BeliefMapDetector, Detection
    from tf_lift.inference.images import read_image
    from tf_lift.inference.keypoints import Keypoints, read_keypoints
    from tf_lift.inference.misfits import MisfitWarning
    from tf_lift.inference.people.detector import PeopleDetector
    from tf_lift.inference.people.person import Person
    from tf_lift.inference.people.regions import Region
    from tf_lift.inference.photos import predict, predict_file, predict_files
    from tf_lift.inference.poses import Poses, lift_landmarks
    from tf_lift.inference.sequences import lift_file
else:
    __getattr__, __dir__ = lazy.attach(
        __name__,
        ("images", "keypoints", "misfits", "photos", "poses"),
        {
            "BeliefMapDetector": "detectors",
            "Detection": "detectors",
            "Keypoints": "keypoints",
            "MisfitWarning": "misfits",
            "PeopleDetector": "people.detector",
            "Person": "people.person",
            "Poses": "poses",
            "Region": "people.regions",
            "lift_file": "sequences",
            "lift_landmarks": "poses",
            "predict": "photos",
            "predict_file": "photos",
            "predict_files": "photos",
            "read_image": "images",
            "read_keypoints": "keypoints",
        },
    )
