"""Computes rotations from joint angles and positions from rotations, all frames at once."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["euler_rotations", "joint_positions", "to_zxy"]


def euler_rotations(axes: str, angles) -> NDArray[np.float64]:
    """Computes intrinsic Euler rotations, R = R_1(angle_1) R_2(angle_2) ...

    Each axis turns with the rotations before it; the first is the parent's. The extrinsic
    rotation (about fixed axes) is the same with both axes and angles in reverse order.

    Args:
        axes: Any number of "X", "Y" and "Z", in any order.
        angles: Array of shape `[..., len(axes)]`, rad.

    Returns:
        Array of shape `[..., 3, 3]` that rotates column vectors.

    >>> quarter = np.pi / 2
    >>> (euler_rotations("ZX", [quarter, quarter]) @ [0.0, 1.0, 0.0]).round(6) + 0.0
    array([0., 0., 1.])
    """
    angles = np.asarray(angles, np.float64)
    shape = angles.shape[:-1]
    rotations = Rotation.identity(math.prod(shape))
    # One axis at a time: BVH files may have none, or more than the three that SciPy takes.
    for index, axis in enumerate(axes):
        rotations = rotations * Rotation.from_euler(axis, angles[..., index].reshape(-1, 1))
    return rotations.as_matrix().reshape(*shape, 3, 3)


def to_zxy(rotations) -> NDArray[np.float64]:
    """Computes the angles of R = R_Z(z) R_X(x) R_Y(y).

    Every rotation has such angles. Where x is a right angle (gimbal lock), many pairs of z and
    y give the same rotation, and one of them is returned.

    Args:
        rotations: Array of shape `[..., 3, 3]`.

    Returns:
        Array of shape `[..., 3]`: z, x and y, rad, x between -pi/2 and pi/2.

    >>> to_zxy(euler_rotations("ZXY", [0.1, 0.2, 0.3])).round(6)
    array([0.1, 0.2, 0.3])
    """
    # Not SciPy's `as_euler`: near gimbal lock it warns and is off by up to 6e-8 rad, where
    # this is exact to rounding, and it takes six times as long (SciPy 1.17, 155,000 rotations).
    matrix = np.moveaxis(np.asarray(rotations, np.float64), (-2, -1), (0, 1))
    # The second column is R_Z(z) (0, cos x, sin x).
    z = np.arctan2(-matrix[0, 1], matrix[1, 1])
    x = np.arctan2(matrix[2, 1], np.hypot(matrix[0, 1], matrix[1, 1]))
    # The first row of R_X(x) R_Y(y) = R_Z(-z) R is (cos y, 0, sin y). Undoing the computed z
    # keeps the product right at gimbal lock, where z and y are not unique.
    cosine = np.cos(z) * matrix[0, 0] + np.sin(z) * matrix[1, 0]
    sine = np.cos(z) * matrix[0, 2] + np.sin(z) * matrix[1, 2]
    return np.stack([z, x, np.arctan2(sine, cosine)], axis=-1)


def joint_positions(
    parents, translations, rotations
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Computes the positions of joints from their rotations and bones.

        R_j = R_parent r_j,    p_j = p_parent + R_parent t_j

    Args:
        parents: Index of each joint's parent, before the joint's own; -1 for a root.
        translations: Array of shape `[T, J, 3]` or `[1, J, 3]`: t, each joint's position in
            its parent's axes, in any unit.
        rotations: Array of shape `[T, J, 3, 3]`: r, from the joint's axes to its parent's.

    Returns:
        Positions `[T, J, 3]` and rotations `[T, J, 3, 3]` in the world.

    Raises:
        ValueError: If a parent comes after its child.

    >>> bent = euler_rotations("Z", np.full([1, 2, 1], np.pi / 2))
    >>> joint_positions((-1, 0), np.array([[[0, 0, 5], [2, 0, 0]]]), bent)[0].round(6)
    array([[[0., 0., 5.],
            [0., 2., 5.]]])
    """
    rotations = np.asarray(rotations, np.float64)
    world = np.empty_like(rotations)
    positions = np.empty(rotations.shape[:-1])
    for joint, parent in enumerate(parents):
        if parent >= joint:
            raise ValueError(
                f"`parents` must come before their children. Received: parent {parent} of {joint}"
            )
        if parent < 0:
            positions[:, joint] = translations[:, joint]
            world[:, joint] = rotations[:, joint]
        else:
            moved = world[:, parent] @ translations[:, joint, :, None]
            positions[:, joint] = positions[:, parent] + moved[..., 0]
            world[:, joint] = world[:, parent] @ rotations[:, joint]
    return positions, world
