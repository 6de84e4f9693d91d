"""A perspective camera in plain loops of float64, written from docs/cameras.md."""

import numpy as np


def about_z(angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])


def about_x(angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0], [0, cos, -sin], [0, sin, cos]])


def world_to_camera(yaw, pitch, roll):
    """Rotation of a camera: roll . pitch . yaw, from a world with z up."""
    level = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return about_z(roll) @ about_x(pitch) @ level @ about_z(yaw)


def distort(point, coefficients):
    """Brown's equations in OpenCV's order of the coefficients."""
    k1, k2, p1, p2, k3 = coefficients
    x, y = point
    r = np.hypot(x, y)
    radial = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
    return np.array(
        [
            x * radial + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2),
            y * radial + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y,
        ]
    )


def project(points, focal_length, principal_point, coefficients=(0, 0, 0, 0, 0)):
    """Pixels `[L, 2]` of points `[L, 3]` in front of the camera."""
    pixels = []
    for x, y, z in points:
        distorted = distort((x / z, y / z), coefficients)
        pixels.append(distorted * np.asarray(focal_length) + np.asarray(principal_point))
    return np.array(pixels)
