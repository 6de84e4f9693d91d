"""Rotations from joint angles, and positions from rotations, for all frames at once."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["axis_rotations", "euler_rotations", "joint_positions", "to_zxy"]


def axis_rotations(axis: str, angles) -> NDArray[np.float64]:
    """Returns the right-handed rotations about a coordinate axis.

    Args:
        axis: "X", "Y" or "Z".
        angles: Array of shape `[...]`, rad.

    Returns:
        Array of shape `[..., 3, 3]` that turns column vectors.

    >>> (axis_rotations("Z", np.pi / 2) @ [1.0, 0.0, 0.0]).round(6)
    array([0., 1., 0.])
    """
    first = "XYZ".index(axis)
    second, third = (first + 1) % 3, (first + 2) % 3
    cosine, sine = np.cos(angles), np.sin(angles)
    rotations = np.zeros([*np.shape(angles), 3, 3])
    rotations[..., first, first] = 1.0
    rotations[..., second, second] = cosine
    rotations[..., third, third] = cosine
    rotations[..., second, third] = -sine
    rotations[..., third, second] = sine
    return rotations


def euler_rotations(axes: str, angles) -> NDArray[np.float64]:
    """Multiplies rotations about axes that turn along with what they turn.

    R = R_1(angle_1) R_2(angle_2) ...: the first axis is the parent's, each next one is
    where those before have turned it. In axes that stand still the same rotation is the
    one with axes and angles listed backwards.

    Args:
        axes: Any number of "X", "Y" and "Z", in any order.
        angles: Array of shape `[..., len(axes)]`, rad.

    Returns:
        Array of shape `[..., 3, 3]`.

    >>> quarter = np.pi / 2
    >>> (euler_rotations("ZX", [quarter, quarter]) @ [0.0, 1.0, 0.0]).round(6) + 0.0
    array([0., 0., 1.])
    """
    angles = np.asarray(angles, np.float64)
    rotations = np.broadcast_to(np.eye(3), [*angles.shape[:-1], 3, 3])
    for index, axis in enumerate(axes):
        rotations = rotations @ axis_rotations(axis, angles[..., index])
    return rotations


def to_zxy(rotations) -> NDArray[np.float64]:
    """Finds the angles of R = R_Z(z) R_X(x) R_Y(y).

    Every rotation has them. Where x is a right angle, many z and y give it, and one pair
    of them is returned.

    Args:
        rotations: Array of shape `[..., 3, 3]`.

    Returns:
        Array of shape `[..., 3]`: z, x and y, rad, x between -pi/2 and pi/2.

    >>> to_zxy(euler_rotations("ZXY", [0.1, 0.2, 0.3])).round(6)
    array([0.1, 0.2, 0.3])
    """
    matrix = np.moveaxis(np.asarray(rotations, np.float64), (-2, -1), (0, 1))
    # The second column is R_Z(z) (0, cos x, sin x).
    z = np.arctan2(-matrix[0, 1], matrix[1, 1])
    x = np.arctan2(matrix[2, 1], np.hypot(matrix[0, 1], matrix[1, 1]))
    # The first row of R_X(x) R_Y(y) = R_Z(-z) R is (cos y, 0, sin y). Undoing the very z
    # found above keeps the product right where z and y cannot be told apart.
    cosine = np.cos(z) * matrix[0, 0] + np.sin(z) * matrix[1, 0]
    sine = np.cos(z) * matrix[0, 2] + np.sin(z) * matrix[1, 2]
    return np.stack([z, x, np.arctan2(sine, cosine)], axis=-1)


def joint_positions(
    parents, translations, rotations
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Puts joints where their rotations and bones lead.

        R_j = R_parent r_j,    p_j = p_parent + R_parent t_j

    Args:
        parents: Index of each joint's parent, before the joint's own; -1 for a root.
        translations: Array of shape `[T, J, 3]` or `[1, J, 3]`: t, each joint's place in
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
