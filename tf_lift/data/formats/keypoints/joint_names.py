"""Finds joints by the names that files give them."""

import dataclasses
import re
from collections.abc import Sequence

from tf_lift import skeletons

__all__ = ["Columns", "canonical", "match"]

# Skeletons that are preferred where names fit several.
_COMMON = ("h36m17", "openpose18", "coco17")
# Other names of the same points.
_SAME = {
    **dict.fromkeys(
        ("hip", "chip", "c_hip", "midhip", "hips", "hip_center", "center_hip"), "pelvis"
    ),
    **dict.fromkeys(("mid_hip", "root", "mid_hips", "hip_mid", "middle_hip"), "pelvis"),
    **dict.fromkeys(("head", "headtop", "top_head", "crown", "top_of_head"), "head_top"),
    **dict.fromkeys(("mid_shoulder", "mid_shoulders", "neck_base", "chest"), "neck"),
    **{f"{side}_bigtoe": f"{side}_big_toe" for side in ("left", "right")},
    **{f"{side}_smalltoe": f"{side}_small_toe" for side in ("left", "right")},
    **{f"{side}_foot": f"{side}_ankle" for side in ("left", "right")},
    **{f"{side}_hand": f"{side}_wrist" for side in ("left", "right")},
}
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
# A pose with fewer joints of known names is something else.
_MIN_JOINTS = 4


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which joint of a skeleton each name is.

    Attributes:
        skeleton: Name of the skeleton.
        joints: Index of the joint for each name, -1 for names that the skeleton has not.
        unused: Those names.
    """

    skeleton: str
    joints: tuple[int, ...]
    unused: tuple[str, ...]


def canonical(name: str) -> str:
    """Returns a joint's name in the form of this library.

    >>> [canonical(name) for name in ("LEFT_EYE", "leftShoulder", "RBigToe", "mouth left")]
    ['left_eye', 'left_shoulder', 'right_big_toe', 'left_mouth']
    """
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=\b[LRC])(?=[A-Z][a-z])", "_", name.strip())
    parts = [part for part in re.split(r"[^a-z0-9]+", text.lower()) if part]
    if parts and parts[0] not in _SIDES and parts[-1] not in _SIDES:
        glued = re.fullmatch(r"(left|right)([a-z]+)", parts[0])
        parts = [*glued.groups(), *parts[1:]] if glued else parts
    sides = [part for part in parts if part in _SIDES]
    if len(sides) == 1:
        parts = [_SIDES[sides[0]], *(part for part in parts if part not in _SIDES)]
    return "_".join(parts)


def match(names: Sequence[str], skeleton: str | None = None) -> Columns | None:
    """Finds the skeleton that has joints of these names.

    Args:
        names: Names of the file's joints.
        skeleton: The skeleton, `None` for the one that has the most of them and little else.

    Returns:
        The skeleton and joints; `None` if fewer than 4 of the names are known, or fewer than
        half of them and not all.

    >>> match(["LHip", "RHip", "LKnee", "RKnee", "tail"]).unused
    ('tail',)
    """
    wanted = [canonical(name) for name in names]
    candidates = list(skeletons.SKELETONS.values()) if skeleton is None else []
    candidates = candidates or [skeletons.get(skeleton or "")]
    best, best_rank = None, None
    for candidate in candidates:
        joints = _joints(wanted, candidate.joint_names)
        found = len({joint for joint in joints if joint >= 0})
        preference = _COMMON.index(candidate.name) if candidate.name in _COMMON else len(_COMMON)
        rank = (-found, preference == len(_COMMON), candidate.num_joints, preference)
        if best_rank is None or rank < best_rank:
            best, best_rank = (candidate, joints, found), rank
    if best is None:
        return None
    candidate, joints, found = best
    complete = found == len(names)
    if not found or not (complete or (found >= _MIN_JOINTS and 2 * found >= len(names))):
        return None
    unused = tuple(n for n, joint in zip(names, joints, strict=True) if joint < 0)
    return Columns(candidate.name, tuple(joints), unused)


def _joints(wanted, joint_names):
    exact = {canonical(name): index for index, name in enumerate(joint_names)}
    alias: dict[str, int] = {}
    for name, index in exact.items():
        alias.setdefault(_SAME.get(name, name), index)
    result, used = [], set()
    for name in wanted:
        joint = exact.get(name, -1)
        if joint < 0:
            joint = alias.get(_SAME.get(name, name), -1)
            # `head` of a file that has a `head_top` too is another point.
            joint = -1 if _SAME.get(name, name) in wanted and name in _SAME else joint
        joint = -1 if joint in used else joint
        used.add(joint)
        result.append(joint)
    return result
