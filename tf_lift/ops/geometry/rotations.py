"""Rotations from the world (z up) to the camera (x right, y down, z away)."""

import numpy as np

__all__ = ["world_to_camera"]


def world_to_camera(rotation_angle, pitch=0.0):
    """Returns the rotation of a pose about the vertical, seen by a pitched camera.

    The pose turns by `rotation_angle` about the world's z axis, counter-clockwise as seen
    from above. A level camera then maps (x, y, z) to (x, -z, y), and a positive `pitch` tilts
    it downwards.

    Args:
        rotation_angle: Angle in radians, any shape.
        pitch: Angle in radians, broadcast against `rotation_angle`.

    Returns:
        NumPy array of shape `[..., 3, 3]`, float64, for column vectors.

    >>> world_to_camera(0.0).round(3) + 0.0
    array([[ 1.,  0.,  0.],
           [ 0.,  0., -1.],
           [ 0.,  1.,  0.]])
    """
    angle, pitch = np.broadcast_arrays(np.float64(rotation_angle), np.float64(pitch))
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    level = np.stack(
        [
            np.stack([cos, -sin, zero], -1),
            np.stack([zero, zero, zero - 1], -1),
            np.stack([sin, cos, zero], -1),
        ],
        -2,
    )
    cos, sin = np.cos(pitch), np.sin(pitch)
    tilt = np.stack(
        [
            np.stack([zero + 1, zero, zero], -1),
            np.stack([zero, cos, -sin], -1),
            np.stack([zero, sin, cos], -1),
        ],
        -2,
    )
    return tilt @ level
