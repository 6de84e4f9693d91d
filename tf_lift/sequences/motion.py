"""How people's joints move: constants learnt from motion capture."""

from typing import NamedTuple

import numpy as np

from tf_lift import skeletons

__all__ = ["ROOT_DENSITY", "JointMotion", "of_skeleton"]


class JointMotion(NamedTuple):
    """The motion of joints, of one coordinate each.

    Attributes:
        in_space: `[L]`: power of the acceleration in the room, mm^2/s^3.
        about_root: `[L]`: that of the position relative to joint 0.
        spread: `[L]`: deviation of the latter position within a clip, mm.
    """

    in_space: np.ndarray
    about_root: np.ndarray
    spread: np.ndarray


# Square root of the acceleration's power (mm/s^1.5) in space and relative to the pelvis, and
# deviation of the relative position within a clip (mm), of CMU's motion capture at 10 frames per
# second: `python -m benchmarks sequences --motion` computes them. Left and right share a row.
_JOINTS = {
    "pelvis": (677, 0, 0),
    "hip": (700, 179, 29),
    "knee": (1323, 1292, 106),
    "ankle": (1841, 1874, 131),
    "spine": (629, 263, 33),
    "thorax": (689, 517, 74),
    "neck_nose": (717, 570, 88),
    "head_top": (748, 624, 104),
    "shoulder": (761, 604, 94),
    "elbow": (1430, 1366, 144),
    "wrist": (2062, 2042, 211),
}
ROOT_DENSITY = 677.0**2

# Factor of the deviation within a clip, because a person may turn while unseen: measured in gaps
# of up to 4 s, docs/sequences.md.
_SPREAD = 1.5

# Parts of the names of joints that the motion capture lacks, and the joint that they move like.
_ALIKE = {
    "mid_hip": "pelvis",
    "spine_base": "pelvis",
    "hip": "hip",
    "knee": "knee",
    "ankle": "ankle",
    "toe": "ankle",
    "heel": "ankle",
    "foot": "ankle",
    "wrist": "wrist",
    "hand": "wrist",
    "thumb": "wrist",
    "pinky": "wrist",
    "index": "wrist",
    "elbow": "elbow",
    "shoulder": "shoulder",
    "collar": "thorax",
    "neck": "thorax",
    "thorax": "thorax",
    "spine": "spine",
    "pelvis": "pelvis",
}
_HEAD = ("nose", "eye", "ear", "mouth", "head", "crown")
# Joints of unknown names move like knees.
_UNKNOWN = "knee"


def of_skeleton(skeleton) -> JointMotion:
    """Returns the motion of a skeleton's joints, by their names.

    Args:
        skeleton: `Skeleton` or its name.

    >>> of_skeleton("coco17").about_root.shape
    (17,)
    """
    rows = [_JOINTS[_alike(name)] for name in skeletons.get(skeleton).joint_names]
    in_space, about_root, spread = np.array(rows, np.float64).T
    spread = _SPREAD * spread
    # Joint 0 of another skeleton may be another one: no joint is without motion.
    return JointMotion(in_space**2, np.maximum(about_root, 100) ** 2, np.maximum(spread, 10))


def _alike(name):
    name = name.removeprefix("left_").removeprefix("right_")
    if name in _JOINTS:
        return name
    for part, joint in _ALIKE.items():
        if part in name:
            return joint
    return "head_top" if any(part in name for part in _HEAD) else _UNKNOWN
