"""Guesses the unit and the up axis of a clip from the size and the stance of its skeleton."""

import re

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_PATH_MM", "find_unit_mm", "find_up", "longest_path", "to_mm_and_z_up"]

from tf_lift.data.motion import frames

# Length of the bones from a hand to the opposite foot: 2.0 to 2.3 m in 17 joints, wrist to
# ankle, of 19 people in CMU's motion capture, and 2.2 to 2.5 m with fingers and toes of six.
# The bounds leave room for people of 1.3 to 2.2 m, and their ratio is less than that of any
# two units below, so that only one can fit.
LONGEST_PATH_MM = (1600.0, 3300.0)
UNITS = ("mm", "cm", "m", "inch", "cmu")
# Head and feet are this straight above each other in a skeleton at rest: cos 25 degrees.
CLEARLY_UP = 0.9
HEAD = re.compile("head", re.IGNORECASE)
FEET = re.compile("foot|feet|ankle|toe", re.IGNORECASE)


def find_unit_mm(positions, parents) -> float:
    """Finds which length unit makes a skeleton the size of a grown person.

    The size is the longest path along bones between two ends of limbs, in the clip's
    median. Lengths of 1.6 to 3.3 m count as human, in millimetres, centimetres, metres,
    inches, or the 1/0.45 inch of the CMU recordings; at most one of them fits. Children
    under about 1.2 m can be taken for adults in inches or fit none.

    Args:
        positions: Array of shape `[T, J, 3]`, in the unit to find.
        parents: Index of each joint's parent, -1 for a root.

    Returns:
        Millimetres of the unit.

    Raises:
        ValueError: If none fits.

    >>> find_unit_mm([[[0.0, 0.0, 0.0], [0.0, 0.0, 230.0]]], (-1, 0))
    10.0
    """
    length = longest_path(positions, parents)
    low, high = LONGEST_PATH_MM
    for unit in UNITS:
        if low <= length * frames.unit_length(unit) <= high:
            return frames.unit_length(unit)
    raise ValueError(
        f"the unit (`unit_mm`) must be given: the longest path along the bones is {length:.4g} "
        f"units, which is {low:g} to {high:g} mm in none of {list(UNITS)}. Received: None"
    )


def longest_path(positions, parents) -> float:
    """Returns the length of the longest way along bones between two ends of limbs.

    Args:
        positions: Array of shape `[T, J, 3]`.
        parents: Index of each joint's parent, -1 for a root.

    >>> longest_path([[[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]], (-1, 0, 0))
    7.0
    """
    positions = np.asarray(positions, np.float64)
    bones = [
        np.median(np.linalg.norm(positions[:, j] - positions[:, p], axis=-1)) if p >= 0 else 0.0
        for j, p in enumerate(parents)
    ]
    # For each joint the two longest ways down. A root with one child, such as a marker of
    # the place on the floor, is no end of a limb: its bone does not count.
    down = [[0.0, 0.0] for _ in parents]
    for joint in sorted(range(len(parents)), key=lambda j: -_depth(j, parents)):
        parent = parents[joint]
        if parent >= 0:
            down[parent] = sorted([*down[parent], bones[joint] + down[joint][0]])[:0:-1]
    trunks = [sum(ways) for ways in down if ways[1] > 0.0]
    return float(max(trunks, default=max((ways[0] for ways in down), default=0.0)))


def _depth(joint, parents):
    depth = 0
    while (joint := parents[joint]) >= 0:
        depth += 1
    return depth


def find_up(rest, positions, joint_names) -> str:
    """Finds which axis points up: y or z.

    It is the one along which the head is from the feet in the skeleton at rest, if it is
    within 25 degrees of it; else on average over the clip, if so; else, and where no joints
    are called head and foot (or ankle or toe), y, as most BVH files have it.

    Args:
        rest: Array of shape `[J, 3]`: the joints at rest, in any unit.
        positions: Array of shape `[T, J, 3]`: the clip.
        joint_names: The `J` names.

    Returns:
        "y" or "z".

    >>> names = ("hips", "LeftFoot", "Head")
    >>> standing = np.array([[0.0, 0, 1], [0.1, 0, 0], [0, 0, 1.7]])
    >>> find_up(standing, standing[None], names)
    'z'
    """
    for poses in (np.asarray(rest)[None], np.asarray(positions)):
        direction = body_direction(poses, joint_names)
        for axis in "yz":
            if direction is not None and abs(direction["xyz".index(axis)]) > CLEARLY_UP:
                return axis
    return "y"


def body_direction(positions, joint_names) -> NDArray[np.float64] | None:
    """Returns the mean direction from the feet to the head, length at most 1.

    Args:
        positions: Array of shape `[T, J, 3]`.
        joint_names: The `J` names.

    Returns:
        Array of shape `[3]`, or `None` where the names or the places do not tell.
    """
    head = [j for j, name in enumerate(joint_names) if HEAD.search(name)]
    feet = [j for j, name in enumerate(joint_names) if FEET.search(name)]
    if not head or not feet:
        return None
    direction = positions[:, head].mean(axis=1) - positions[:, feet].mean(axis=1)
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    if not length.all():
        return None
    return (direction / length).mean(axis=0)


def to_mm_and_z_up(
    positions, rest, joint_names, parents, unit_mm: float | None, up: str | None
) -> NDArray[np.float64]:
    """Brings a clip to millimetres and z up; what is not given is guessed.

    Args:
        positions: Array of shape `[T, J, 3]`: the clip in the file's unit and axes.
        rest: Array of shape `[J, 3]`: the joints at rest.
        joint_names: The `J` names.
        parents: Index of each joint's parent, -1 for a root.
        unit_mm: Millimetres of the file's unit, or `None` to guess (see `find_unit_mm`).
        up: The file's axis that points up, or `None` to guess (see `find_up`).

    Returns:
        Array of shape `[T, J, 3]`.

    Raises:
        ValueError: If the unit cannot be guessed or an argument is wrong.
    """
    if unit_mm is None:
        unit_mm = find_unit_mm(positions, parents)
    elif not 0.0 < unit_mm < np.inf:
        raise ValueError(f"`unit_mm` must be positive. Received: {unit_mm}")
    if up is None:
        up = find_up(rest, positions, joint_names)
    return frames.to_z_up(positions, up) * unit_mm
