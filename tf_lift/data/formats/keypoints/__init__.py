"""Files of 2D keypoints of pose detectors, annotators and tools, recognised by their content.

Public: `Keypoints`, `KeypointsError`, `read_keypoints` and `FORMATS`, the names of the formats.
"""

from tf_lift.data.formats.keypoints.keypoints import Keypoints, KeypointsError
from tf_lift.data.formats.keypoints.reading import read_keypoints
from tf_lift.data.formats.keypoints.recognition import FORMATS

__all__ = ["FORMATS", "Keypoints", "KeypointsError", "read_keypoints"]
