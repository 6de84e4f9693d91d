"""Guesses the unit and the up axis of a clip from the size and stance of its skeleton."""

import re

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.motion import frames

__all__ = ["LONGEST_PATH_MM", "find_unit_mm", "find_up", "longest_path", "to_mm_and_z_up"]

# Length of the bones from a hand to the opposite foot. Among 19 people in CMU's motion capture
# it is 2.0 to 2.3 m in 17 joints, wrist to ankle; with fingers and toes, 2.2 to 2.5 m among six.
# The bounds admit people of 1.3 to 2.2 m. Their ratio is less than that of any two units below,
# so at most one unit fits.
LONGEST_PATH_MM = (1600.0, 3300.0)
ADULT_PATH_MM = 2300.0
UNITS = ("mm", "cm", "m", "inch", "foot", "cmu")
# Cosine of the largest angle between an axis and the direction from feet to head: 25 degrees.
CLEARLY_UP = 0.9
HEAD = re.compile("head", re.IGNORECASE)
FEET = re.compile("foot|feet|ankle|toe", re.IGNORECASE)


def find_unit_mm(positions, parents) -> float:
    """Finds the length unit in which a skeleton has the size of an adult.

    The size is the longest path along bones between the ends of two limbs, from the median
    bone lengths of the clip. Paths of 1.6 to 3.3 m count as human. The candidates are
    millimetres, centimetres, metres, inches, feet, and the 1/0.45 inch of the CMU recordings;
    at most one fits. Children under about 1.2 m can pass for adults in inches or fit no unit.

    Args:
        positions: Array of shape `[T, J, 3]`, in the unit to find.
        parents: Index of each joint's parent, -1 for a root.

    Returns:
        Length of the unit in millimetres.

    Raises:
        ValueError: If no unit fits.

    >>> find_unit_mm([[[0.0, 0.0, 0.0], [0.0, 0.0, 230.0]]], (-1, 0))
    10.0
    """
    length = longest_path(positions, parents)
    low, high = LONGEST_PATH_MM
    for unit in UNITS:
        if low <= length * frames.unit_length(unit) <= high:
            return frames.unit_length(unit)
    raise ValueError(
        f"the file's unit must be given (`--unit`, `unit_mm`): the longest path along the bones is "
        f"{length:.4g} units, which is {low:g} to {high:g} mm in none of {list(UNITS)}; "
        f"an adult would be in a unit of about {ADULT_PATH_MM / length if length else 0.0:.3g} mm. "
        "Received: None"
    )


def longest_path(positions, parents) -> float:
    """Returns the length of the longest path along bones between the ends of two limbs.

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
    # For each joint, the two longest paths down. A root with a single child, such as a marker
    # on the floor, does not end a limb, so its bone does not count.
    down = [[0.0, 0.0] for _ in parents]
    for joint in sorted(range(len(parents)), key=lambda j: -_depth(j, parents)):
        parent = parents[joint]
        if parent >= 0:
            down[parent] = sorted([*down[parent], bones[joint] + down[joint][0]])[:0:-1]
    joined = [sum(paths) for paths in down if paths[1] > 0.0]
    return float(max(joined, default=max((paths[0] for paths in down), default=0.0)))


def _depth(joint, parents):
    depth = 0
    while (joint := parents[joint]) >= 0:
        depth += 1
    return depth


def find_up(rest_pose, positions, joint_names) -> str:
    """Finds which axis points up: y or z.

    The up axis is the one within 25 degrees of the direction from the feet to the head, in
    the rest pose or else in the mean over the clip. If neither decides, or no joint is named
    after a head or a foot (or ankle or toe), it is y, as in most BVH files.

    Args:
        rest_pose: Array of shape `[J, 3]`: the joints at rest, in any unit.
        positions: Array of shape `[T, J, 3]`: the clip.
        joint_names: The `J` names.

    Returns:
        "y" or "z".

    >>> names = ("hips", "LeftFoot", "Head")
    >>> standing = np.array([[0.0, 0, 1], [0.1, 0, 0], [0, 0, 1.7]])
    >>> find_up(standing, standing[None], names)
    'z'
    """
    for poses in (np.asarray(rest_pose)[None], np.asarray(positions)):
        direction = body_direction(poses, joint_names)
        for axis in "yz":
            if direction is not None and abs(direction["xyz".index(axis)]) > CLEARLY_UP:
                return axis
    return "y"


def body_direction(positions, joint_names) -> NDArray[np.float64] | None:
    """Computes the mean direction from the feet to the head.

    Args:
        positions: Array of shape `[T, J, 3]`.
        joint_names: The `J` names.

    Returns:
        Array of shape `[3]`, of length at most 1; `None` if no joint is named after a head or
        a foot, or if head and feet coincide in a frame.
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
    positions, rest_pose, joint_names, parents, unit_mm: float | None, up: str | None
) -> NDArray[np.float64]:
    """Converts a clip to millimetres and z up; guesses the unit and axis if not given.

    Args:
        positions: Array of shape `[T, J, 3]`: the clip in the file's unit and axes.
        rest_pose: Array of shape `[J, 3]`: the joints at rest.
        joint_names: The `J` names.
        parents: Index of each joint's parent, -1 for a root.
        unit_mm: Length of the file's unit in mm, or `None` to guess (see `find_unit_mm`).
        up: The file's axis that points up, or `None` to guess (see `find_up`).

    Returns:
        Array of shape `[T, J, 3]`.

    Raises:
        ValueError: If the unit cannot be guessed, or `unit_mm` or `up` is not valid.
    """
    if unit_mm is None:
        unit_mm = find_unit_mm(positions, parents)
    elif not 0.0 < unit_mm < np.inf:
        raise ValueError(f"`unit_mm` must be positive. Received: {unit_mm}")
    if up is None:
        up = find_up(rest_pose, positions, joint_names)
    return frames.to_z_up(positions, up) * unit_mm
