"""Joints of motion-capture files frame by frame and joint by joint, from the formats' texts.

Everything is 4 x 4 matrices of homogeneous coordinates; nothing is taken from the library.
"""

import math

import numpy as np


def turn(axis, degrees):
    """Right-handed rotation about x, y or z [4, 4]."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotations = {
        "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    matrix = np.eye(4)
    matrix[:3, :3] = rotations[axis]
    return matrix


def shift(x, y, z):
    """Translation [4, 4]."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def bvh_frame(joints, row):
    """Joints of one frame of a BVH file, {name: [3]}.

    M_joint = M_parent T(offset) C_1 C_2 ..., one matrix for each channel in its order.

    Args:
        joints: List of (name, parent's name or None, offset, channels), parents first.
        row: The numbers of the frame.
    """
    row = list(row)
    matrices = {}
    for name, parent, offset, channels in joints:
        matrix = matrices[parent] if parent else np.eye(4)
        matrix = matrix @ shift(*offset)
        for channel in channels:
            number = row.pop(0)
            if channel.endswith("rotation"):
                matrix = matrix @ turn(channel[0], number)
            else:
                matrix = matrix @ shift(*[number * (channel[0] == axis) for axis in "XYZ"])
        matrices[name] = matrix
    return {name: matrix[:3, 3] for name, matrix in matrices.items()}


def amc_frame(bones, hierarchy, root, angles):
    """Ends of the bones of one frame of an AMC file, {name: [3]}, in the file's unit.

    A bone with axes C turns by L = C M C^-1 of its parent's rotation, where M turns about
    x, then y, then z, which all stand still.

    Args:
        bones: {name: (direction, length, axis [3] degrees)}.
        hierarchy: List of (name, parent's name), parents first, the root's "root".
        root: The root's six numbers: place, rotations.
        angles: {name: {"rx": degrees, ...}}; absent ones are 0.
    """
    place, turns = root[:3], root[3:]
    rotations = {"root": turn("Z", turns[2]) @ turn("Y", turns[1]) @ turn("X", turns[0])}
    ends = {"root": np.array(place, float)}
    for name, parent in hierarchy:
        direction, length, axis = bones[name]
        own = turn("Z", axis[2]) @ turn("Y", axis[1]) @ turn("X", axis[0])
        moved = np.eye(4)
        for key in ("rx", "ry", "rz"):
            moved = turn(key[1].upper(), angles.get(name, {}).get(key, 0.0)) @ moved
        rotations[name] = rotations[parent] @ own @ moved @ np.linalg.inv(own)
        bone = rotations[name][:3, :3] @ (length * np.array(direction))
        ends[name] = ends[parent] + bone
    return ends
