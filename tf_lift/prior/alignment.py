"""Rotation of poses about the vertical: to a frame of the body, and to a pose model."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_angles", "facing_angles", "mirror", "rotate"]

# Angles tried before the refinement. The distance has two harmonics, so at most two
# minima: far fewer would find the better one.
NUM_ANGLES = 36
NUM_NEWTON_STEPS = 4


def rotate(poses, angles) -> NDArray[np.float64]:
    """Rotates poses about the vertical, counterclockwise as seen from above.

    Args:
        poses: Array of shape `[..., L, 3]`, z up.
        angles: Array broadcastable to `[...]`, radians.

    Returns:
        Array of shape `[..., L, 3]`.

    >>> rotate(np.array([[1.0, 0.0, 5.0]]), np.pi / 2).round(6) + 0.0
    array([[0., 1., 5.]])
    """
    cosine, sine = np.cos(angles)[..., None], np.sin(angles)[..., None]
    x, y, z = np.moveaxis(np.asarray(poses), -1, 0)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)


def mirror(poses, skeleton) -> NDArray[np.float64]:
    """Mirrors poses: x to -x, left joints for right ones.

    Args:
        poses: Array of shape `[..., L, 3]`, z up.
        skeleton: `Skeleton` of the joints.

    Returns:
        Array of shape `[..., L, 3]`.

    >>> pose = np.zeros([17, 3])
    >>> pose[13] = 1.0, 2.0, 3.0  # Left wrist.
    >>> mirror(pose, tf_lift.skeletons.H36M_17)[16]  # Right wrist.
    array([-1.,  2.,  3.])
    """
    return np.asarray(poses)[..., list(skeleton.swap), :] * [-1.0, 1.0, 1.0]


def facing_angles(poses, skeleton) -> NDArray[np.float64]:
    """Computes the rotations that turn poses to face -y, their left side towards +x.

    The direction is that of the sum of all bones from a right joint to its left
    counterpart: hips and shoulders, and limbs too where they tell.

    Args:
        poses: Array of shape `[..., L, 3]`, z up.
        skeleton: `Skeleton` of the joints.

    Returns:
        Array of shape `[...]`, radians, for `rotate`.

    >>> pose = np.zeros([17, 3])
    >>> pose[4] = 0.0, 100.0, 0.0  # Left hip towards +y.
    >>> float(facing_angles(pose, tf_lift.skeletons.H36M_17).round(4))
    -1.5708
    """
    left, right = _trunk_pairs(skeleton)
    across = (poses[..., left, :2] - poses[..., right, :2]).sum(axis=-2)
    return -np.arctan2(across[..., 1], across[..., 0])


def _trunk_pairs(skeleton):
    # Hips and shoulders where the skeleton names them, else every left-right pair.
    names = skeleton.joint_names
    pairs = [(names.index(n), skeleton.swap[names.index(n)]) for n in names if n[:5] == "left_"]
    trunk = [(a, b) for a, b in pairs if names[a] in ("left_hip", "left_shoulder")]
    left, right = zip(*(trunk or pairs), strict=True)
    return list(left), list(right)


def best_angles(poses, current, mean, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Finds the rotation of each pose that a PPCA model finds most likely.

    The squared Mahalanobis distance of a rotated pose is a trigonometric polynomial of
    degree 2 in the angle: with A the horizontal part of the pose, B the same turned by
    90 degrees and v its vertical part minus the mean,

        d(angle) = |cos(angle) A + sin(angle) B + v|^2  in the metric of the model,

    so five inner products per pose give it for every angle. Its best angle of a grid is
    refined by Newton steps. An angle is never made worse than the current one.

    Args:
        poses: Array of shape `[N, L, 3]`, z up, mm.
        current: Array of shape `[N]`, radians: angles to improve on.
        mean: Array of shape `[L * 3]`, mm.
        basis: Array of shape `[J, L * 3]`, orthonormal.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Noise, mm.

    Returns:
        Array of shape `[N]`, radians, in (-pi, pi].
    """
    num_poses = len(poses)
    x, y, z = np.moveaxis(poses, -1, 0)
    zero = np.zeros_like(x)
    flat = [num_poses, -1]
    parts = (
        np.stack([x, y, zero], axis=-1).reshape(flat),
        np.stack([-y, x, zero], axis=-1).reshape(flat),
        np.stack([zero, zero, z], axis=-1).reshape(flat) - mean,
    )
    shrink = np.sqrt(1.0 / noise_stddev**2 - 1.0 / (np.square(stddev) + noise_stddev**2))
    projected = [part @ (basis.T * shrink) for part in parts]

    def product(i, j):
        whole = np.einsum("nd,nd->n", parts[i], parts[j]) / noise_stddev**2
        return whole - np.einsum("nj,nj->n", projected[i], projected[j])

    aa, bb, ab, av, bv = product(0, 0), product(1, 1), product(0, 1), product(0, 2), product(1, 2)
    # d(angle) up to a constant, as coefficients of cos, sin, cos 2 and sin 2.
    c1, s1, c2, s2 = harmonics = np.stack([2.0 * av, 2.0 * bv, 0.5 * (aa - bb), ab])

    def distance(angle):
        return np.einsum("hn,hn->n", _waves(angle), harmonics)

    grid = 2.0 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    from_grid = grid[np.argmin(_waves(grid).T @ harmonics, axis=0)]
    best, lowest = _keep_lower(current, distance(current), from_grid, distance)
    for _ in range(NUM_NEWTON_STEPS):
        cosine, sine, cosine_2, sine_2 = _waves(best)
        slope = s1 * cosine - c1 * sine + 2.0 * (s2 * cosine_2 - c2 * sine_2)
        curvature = -(c1 * cosine + s1 * sine) - 4.0 * (c2 * cosine_2 + s2 * sine_2)
        step = np.divide(-slope, curvature, out=np.zeros(num_poses), where=curvature > 0.0)
        best, lowest = _keep_lower(best, lowest, best + step, distance)
    return np.angle(np.exp(1j * best))


def _waves(angle):
    return np.stack([np.cos(angle), np.sin(angle), np.cos(2.0 * angle), np.sin(2.0 * angle)])


def _keep_lower(best, lowest, candidate, distance):
    value = distance(candidate)
    better = value < lowest
    return np.where(better, candidate, best), np.where(better, value, lowest)
