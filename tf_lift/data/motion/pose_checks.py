"""Checks that poses can be human: unit, up axis, left and right, frozen frames."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.motion import frames
from tf_lift.skeletons import Skeleton

__all__ = [
    "FROZEN_SECONDS",
    "HEIGHT_MM",
    "check_finite",
    "check_height",
    "check_sides",
    "check_unit",
    "check_upright",
    "frozen_frames",
    "has_starting_pose",
    "height",
]

# Total bone length of a body (mm), the median over the poses: 3,700 to 4,300 for the adults of
# the CMU data in 17 joints. The bounds admit toddlers and other skeletons; metres and
# centimetres are off by factors of 1000 and 10.
TOTAL_BONE_LENGTH_MM = (1500.0, 9000.0)
# Total bone length of an adult (mm), to rank the units that fit.
ADULT_BONE_LENGTH_MM = 4100.0
# Height of adults from the ankles to the head's top joint (mm): 1,456 to 1,581 for six of CMU's
# people. People of 1.4 to 1.95 m have these. Outside, the unit is doubtful, or it is a child.
HEIGHT_MM = (1300.0, 1800.0)
# Heights outside are no person's: toddlers of 0.7 m, and the tallest people known.
POSSIBLE_HEIGHT_MM = (550.0, 2400.0)
# Ratio of the height to the length along the bones in people who stand: 0.93 to 0.975 in eight of
# CMU's clips. A person who sits or bends all the time has a height by the bones alone.
STANDING = 0.95
# Lowest accepted share of poses with the head above the feet, further along z than along x or
# y. In the CMU data it is 0.996, cartwheels and falls included, and at least 0.65 in each of
# the 256 clips; where another axis is up, it is near 0.
MIN_UPRIGHT_SHARE = 0.3
# Largest accepted ratio of a bone's length to that of its mirror image: at most 1.4 in the CMU
# data (the shoulders of one clip), far more where joints are in another order. The median of
# fewer than 10 poses is less reliable: in our tests, poses drawn from a prior, which have
# random bone lengths, differ by factors of up to 2.2.
MAX_SIDE_RATIO = 2.0
MAX_SIDE_RATIO_OF_FEW = 3.0
NUM_FEW = 10
# Shortest standstill that is reported. People never stand still to the last digit: the CMU
# data have no three equal frames in a row.
FROZEN_SECONDS = 0.25
MIN_FROZEN_FRAMES = 3
# Speed (mm/s, relative to the root) that no joint of a person reaches. A baseball pitcher's
# hand, the fastest known motion, reaches 40 m/s.
MAX_SPEED = 50_000.0
# Joints that stand for the head, in order of preference.
_HEADS = ("head_top", "neck_nose", "nose", "neck")
# Those that are at the height of the ears or above.
_HEAD_TOPS = ("head_top", "nose")
_SIDES = ("left", "right")


def check_finite(poses: NDArray) -> None:
    """Checks that poses hold no NaN and no infinity.

    Args:
        poses: Array of shape `[N, L, 3]`.

    Raises:
        ValueError: If they do; the message gives the number of such poses and the first one.
    """
    bad = ~np.isfinite(poses).all(axis=(1, 2))
    if bad.any():
        raise ValueError(
            f"`poses` must be finite. Received: NaN or infinity in {bad.sum()} of {len(poses)} "
            f"poses, the first at index {np.argmax(bad)}"
        )


def check_unit(poses: NDArray, skeleton: Skeleton, used_mm: float = 1.0) -> None:
    """Checks that poses are in millimetres, by their total bone length.

    Args:
        poses: Array of shape `[N, L, 3]`.
        skeleton: Skeleton of the joints.
        used_mm: Length of the unit (mm) by which the file's numbers were multiplied.

    Raises:
        ValueError: If no person has that size; the message names the units that would fit.
    """
    total = total_bone_length(poses, skeleton)
    low, high = TOTAL_BONE_LENGTH_MM
    if low <= total <= high:
        return
    names = {"mm": "millimetres", "cm": "centimetres", "m": "metres", "inch": "inches"}
    lengths = {name: frames.UNITS[unit] * total / used_mm for unit, name in names.items()}
    fits = [name for name, length in lengths.items() if low <= length <= high]
    fits.sort(key=lambda name: abs(np.log(lengths[name] / ADULT_BONE_LENGTH_MM)))
    hint = ""
    if fits:
        hint = f" (it would fit {' or '.join(fits)})"
    elif total > 0.0:
        hint = f" ({total / ADULT_BONE_LENGTH_MM:.3g} times that of an adult)"
    raise ValueError(
        f"`poses` must be in millimetres, with a total bone length of {low:g} to {high:g} mm. "
        f"Received: {total:.4g}{hint}"
    )


def total_bone_length(poses: NDArray, skeleton: Skeleton) -> float:
    """Computes the total bone length, the median over the poses.

    Args:
        poses: Array of shape `[N, L, 3]`.
        skeleton: Skeleton of the joints.
    """
    child, parent = np.array([(c, p) for p, c in skeleton.bones]).T
    bones = np.linalg.norm(poses[:, child] - poses[:, parent], axis=-1)
    return float(np.median(bones.sum(axis=1)))


def height(poses: NDArray, skeleton: Skeleton) -> float:
    """Computes a person's height from the ankles to the head.

    It is the distance from the middle of the ankles to the head, in the tallest twentieth of the
    poses. Where nobody stands, it is that of a standing person with the same bones.

    Args:
        poses: Array of shape `[N, L, 3]`.
        skeleton: Skeleton of the joints.

    Returns:
        The height in the unit of the poses; NaN for a skeleton without head, shoulders, hips,
        knees or ankles.
    """
    names = skeleton.joint_names
    heads = [name for name in _HEAD_TOPS if name in names]
    limbs = ("shoulder", "hip", "knee", "ankle")
    if not heads or any(f"{side}_{limb}" not in names for side in _SIDES for limb in limbs):
        return float("nan")
    place = {name: poses[:, index] for index, name in enumerate(names)}
    head = place[heads[0]]
    shoulders, hips, knees, ankles = (
        np.stack([place[f"{side}_{limb}"] for side in _SIDES]) for limb in limbs
    )
    standing = np.quantile(np.linalg.norm(head - ankles.mean(axis=0), axis=-1), 0.95)
    pairs = [
        (head, shoulders.mean(axis=0)),
        (shoulders.mean(axis=0), hips.mean(axis=0)),
        (hips, knees),
        (knees, ankles),
    ]
    bones = sum(np.median(np.linalg.norm(a - b, axis=-1)) for a, b in pairs)
    return float(max(standing, STANDING * bones))


def check_height(height_mm: float, unit_mm: float | None = None) -> str:
    """Checks a person's height, by which a wrong unit shows.

    Args:
        height_mm: As `height` returns it, in mm; NaN passes.
        unit_mm: Length in mm of the unit in which the file was read, for the message.

    Returns:
        A remark for the user where the height is unusual, else an empty text.

    Raises:
        ValueError: If no person has that height.
    """
    low, high = HEIGHT_MM
    if np.isnan(height_mm) or low <= height_mm <= high:
        return ""
    taken = "" if unit_mm is None else f" in the unit taken, {frames.unit_name(unit_mm)}"
    measure = f"{height_mm:,.0f} mm from ankles to head{taken}"
    lowest, highest = POSSIBLE_HEIGHT_MM
    if not lowest <= height_mm <= highest:
        raise ValueError(
            f"a person must have {lowest:,.0f} to {highest:,.0f} mm from ankles to head. "
            f"Received: {measure}"
        )
    return (
        f"{measure}: adults have {low:,.0f} to {high:,.0f} mm; if this is one, give the file's "
        "unit with `--unit`"
    )


def check_upright(poses: NDArray, skeleton: Skeleton) -> None:
    """Checks that z is up: that the head is above the feet in enough poses.

    Args:
        poses: Array of shape `[N, L, 3]`.
        skeleton: Skeleton of the joints; one without head or ankles passes.

    Raises:
        ValueError: If z is not up; the message names the axis that seems to be.
    """
    names = skeleton.joint_names
    heads = [n for n in _HEADS if n in names]
    feet = [i for i, name in enumerate(names) if name.endswith("_ankle")]
    if not heads or not feet:
        return
    up = poses[:, names.index(heads[0])] - poses[:, feet].mean(axis=1)
    # Head minus feet: the component along the up axis is positive and the largest in nearly
    # every pose.
    upright = (up[:, 2] > 0.0) & (np.argmax(np.abs(up), axis=1) == 2)
    if upright.mean() < MIN_UPRIGHT_SHARE:
        axis = int(np.argmax(np.abs(up).mean(axis=0)))
        sign = "-" if up[:, axis].mean() < 0.0 else ""
        raise ValueError(
            f"`poses` must have z up. Received: {upright.mean():.0%} of the poses with the head "
            f"above the feet in z (up seems to be {sign}{'xyz'[axis]})"
        )


def check_sides(poses: NDArray, skeleton: Skeleton) -> None:
    """Checks that the joints are in the skeleton's order, by comparing left and right bones.

    Args:
        poses: Array of shape `[N, L, 3]`.
        skeleton: Expected skeleton.

    Raises:
        ValueError: If a bone is far longer on one side than on the other.
    """
    names, swap = skeleton.joint_names, skeleton.swap
    max_ratio = MAX_SIDE_RATIO if len(poses) >= NUM_FEW else MAX_SIDE_RATIO_OF_FEW
    for parent, child in skeleton.bones:
        if not names[child].startswith("left_") or skeleton.parents[swap[child]] != swap[parent]:
            continue
        left, right = (
            float(np.median(np.linalg.norm(poses[:, a] - poses[:, b], axis=-1)))
            for a, b in ((parent, child), (swap[parent], swap[child]))
        )
        if max(left, right) > max_ratio * min(left, right):
            raise ValueError(
                f"`poses` must have the joints of {skeleton.name!r} in its order, left and right "
                f"alike. Received: {left:.4g} from {names[parent]} to {names[child]}, but "
                f"{right:.4g} from {names[swap[parent]]} to {names[swap[child]]}"
            )


def frozen_frames(positions: NDArray, fps: float) -> NDArray[np.bool_]:
    """Finds frames that only repeat the one before, as when a recording lost its person.

    Frames count as frozen if all positions stay the same, to the last digit, for at least
    `FROZEN_SECONDS` and three frames.

    Args:
        positions: Array of shape `[T, J, 3]`.
        fps: Frames per second.

    Returns:
        Bool array of shape `[T]`, False for the first frame of each standstill.

    >>> frozen_frames(np.array([1, 2, 2, 2, 3, 3])[:, None, None], fps=10.0).astype(int)
    array([0, 0, 1, 1, 0, 0])
    """
    repeats = np.concatenate([[False], (positions[1:] == positions[:-1]).all(axis=(1, 2))])
    # Start and end of each run of repeats.
    edges = np.flatnonzero(np.diff(np.concatenate([repeats, [False]]).astype(int)))
    frozen = np.zeros(len(positions), bool)
    for first, last in edges.reshape(-1, 2):
        length = last - first + 1
        if length >= max(MIN_FROZEN_FRAMES, FROZEN_SECONDS * fps):
            frozen[first + 1 : last + 1] = True
    return frozen


def has_starting_pose(positions: NDArray, fps: float, root: int = 0) -> bool:
    """Returns whether the first frame is a reference pose rather than part of the motion.

    Many programs begin BVH files with a reference pose, arms stretched out. It shows by a
    jump to the second frame that is faster than any person moves.

    Args:
        positions: Array of shape `[T, J, 3]`, mm.
        fps: Frames per second.
        root: Index of the joint relative to which the others' speed is measured.

    >>> has_starting_pose(np.array([[0, 900], [0, 1], [0, 2]])[..., None] * [1, 0, 0], 120.0)
    True
    """
    if len(positions) < 3:
        return False
    moving = positions[:3] - positions[:3, root : root + 1]
    first, second = np.linalg.norm(np.diff(moving, axis=0), axis=-1).max(axis=1) * fps
    return bool(first > MAX_SPEED and second <= MAX_SPEED)
