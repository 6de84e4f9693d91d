"""Determines the skeleton of keypoints that do not name it."""

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data.formats.keypoints.keypoints import KeypointsError

__all__ = ["COUNTS", "PARTS", "determine", "split"]

# Formats of detectors whose 17 joints are COCO's.
_OF_COCO = (
    *("coco_results", "coco_annotations", "alphapose", "mmpose", "yolo", "openpose"),
    "mediapipe_json",
)
# Numbers of joints of known skeletons, and of OpenPose's others: MPI, BODY_19, 23, 135.
COUNTS = frozenset({s.num_joints for s in skeletons.SKELETONS.values()})
_OF_OPENPOSE = COUNTS | {15, 19, 23, 135}
PARTS = (3, 2)
# Distance of a midpoint from where two joints put it, over the size of the person.
_NEAR = 0.06


def split(flat: NDArray[np.float64], counts=_OF_OPENPOSE) -> NDArray[np.float64]:
    """Reshapes numbers in a row to `[num_joints, 3]`, or `[num_joints, 2]` without confidences.

    Raises:
        KeypointsError: If they are no multiple of 2 or 3.

    >>> split(np.zeros(51)).shape, split(np.zeros(36)).shape
    ((17, 3), (18, 2))
    """
    if flat.ndim == 2 and flat.shape[1] in PARTS:
        return flat
    flat = flat.ravel()
    fits = [part for part in PARTS if flat.size and flat.size % part == 0]
    if not fits:
        raise KeypointsError(f"{flat.size} numbers, not 2 or 3 for each joint")
    known = [part for part in fits if flat.size // part in counts]
    return flat.reshape(-1, (known or fits)[0])


def determine(landmarks: NDArray[np.float64], source: str, given: str | None = None) -> str | None:
    """Returns the name of the skeleton.

    Args:
        landmarks: `[N, num_joints, 2]`, NaN where a joint is missing.
        source: Name of the format.
        given: What the user or the file says, `None` if neither does.

    Returns:
        The name; `None` if the number of joints fits several skeletons, or none.

    Raises:
        KeypointsError: If the skeleton has another number of joints, or if 25 joints fit
            both or neither of OpenPose's two skeletons.
    """
    joints = landmarks.shape[1]
    if given is not None:
        wanted = skeletons.get(given)
        if wanted.num_joints != joints:
            raise KeypointsError(
                f"must have the {wanted.num_joints} joints of {wanted.name}, has {joints}"
            )
        return wanted.name
    if joints == skeletons.COCO_17.num_joints:
        return skeletons.COCO_17.name if source in _OF_COCO else None
    fits = [s.name for s in skeletons.SKELETONS.values() if s.num_joints == joints]
    if joints == skeletons.OPENPOSE_25.num_joints:
        return _body_25(landmarks)
    return fits[0] if len(fits) == 1 else None


def _body_25(landmarks):
    """Tells BODY_25 from BODY_25B by what lies in the middle of what.

    BODY_25's neck is the middle of the shoulders and its mid_hip that of the hips. Where BODY_25B
    has these numbers there are the left eye and the right elbow, and where BODY_25 has the right
    ear, BODY_25B has the upper neck.
    """
    first = _off_middle(landmarks, skeletons.OPENPOSE_25, ("neck",), ("mid_hip",))
    second = _off_middle(landmarks, skeletons.OPENPOSE_25B, ("upper_neck",), ())
    is_first, is_second = first < _NEAR, second < 4 * _NEAR
    if is_first != is_second:
        return "openpose25" if is_first else "openpose25b"
    if is_first and first < _NEAR / 3:
        return "openpose25"  # Midpoints to a pixel are no coincidence.
    which = "both fit" if is_first else "neither fits"
    raise KeypointsError(
        f"25 joints are openpose25 (BODY_25) or openpose25b (BODY_25B), and {which} the positions: "
        "give `skeleton` (`--skeleton`)"
    )


def _off_middle(landmarks, skeleton, of_shoulders, of_hips):
    index = skeleton.joint_names.index
    size = np.nanmax(np.nan_to_num(landmarks, nan=-np.inf), 1) - np.nanmin(
        np.nan_to_num(landmarks, nan=np.inf), 1
    )
    size = np.maximum(np.linalg.norm(np.nan_to_num(size, neginf=0.0), axis=-1), 1e-9)
    off = []
    for names, pair in ((of_shoulders, "shoulder"), (of_hips, "hip")):
        for name in names:
            sides = [landmarks[:, index(f"{side}_{pair}")] for side in ("left", "right")]
            distance = landmarks[:, index(name)] - (sides[0] + sides[1]) / 2
            off.append(np.linalg.norm(distance, axis=-1) / size)
    known = [values[np.isfinite(values)] for values in off]
    known = [values for values in known if len(values)]
    return max((float(np.median(values)) for values in known), default=np.inf)
