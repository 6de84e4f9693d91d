"""Rotation of poses about the vertical: to a frame of the body, and to a pose model."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_angles", "distance_harmonics", "facing_angles", "mirror", "rotate"]

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


def distance_harmonics(poses, mean, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Computes how far poses are from a PPCA model, as a function of their rotation.

    The squared Mahalanobis distance of a rotated pose is a trigonometric polynomial of
    degree 2 in the angle: with A the horizontal part of the pose, B the same turned by
    90 degrees and v its vertical part minus the mean,

        d(angle) = |cos(angle) A + sin(angle) B + v|^2  in the metric of the model,

    so six inner products per pose give it for every angle.

    Args:
        poses: Array of shape `[N, L, 3]`, z up, mm.
        mean: Array of shape `[L * 3]`, mm.
        basis: Array of shape `[J, L * 3]`, orthonormal.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Noise, mm.

    Returns:
        Array of shape `[5, N]`: d as coefficients of 1, cos, sin, cos 2 and sin 2.
    """
    precision = 1.0 / noise_stddev**2
    shrink = np.sqrt(precision - 1.0 / (np.square(stddev) + noise_stddev**2))
    shape = [len(basis), -1, 3]
    basis_x, basis_y, basis_z = np.moveaxis((basis * shrink[:, None]).reshape(shape), -1, 0)
    mean_x, mean_y, mean_z = np.reshape(mean, [-1, 3]).T
    x, y, z = (np.ascontiguousarray(part) for part in np.moveaxis(poses, -1, 0))
    z = z - mean_z
    horizontal = np.concatenate([basis_x, basis_y, [mean_x, mean_y]]).T
    of_x, of_y = x @ horizontal, y @ horizontal
    size = len(basis)
    # What the bases take off the products of A, B and v.
    a = of_x[:, :size] + of_y[:, size:-2]
    b = of_x[:, size:-2] - of_y[:, :size]
    v = z @ basis_z.T - (basis_x @ mean_x + basis_y @ mean_y)
    # A and B have one length and are at right angles.
    length = precision * (_products(x, x) + _products(y, y))
    aa, bb, ab = length - _products(a, a), length - _products(b, b), -_products(a, b)
    av = -precision * (of_x[:, -2] + of_y[:, -1]) - _products(a, v)
    bv = -precision * (of_x[:, -1] - of_y[:, -2]) - _products(b, v)
    vv = precision * (_products(z, z) + mean_x @ mean_x + mean_y @ mean_y) - _products(v, v)
    return np.stack([vv + 0.5 * (aa + bb), 2.0 * av, 2.0 * bv, 0.5 * (aa - bb), ab])


def _products(left, right):
    return np.einsum("nj,nj->n", left, right)


def best_angles(
    poses, current, mean, basis, stddev, noise_stddev
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finds the rotation of each pose that a PPCA model finds most likely.

    The best angle of a grid is refined by Newton steps (`distance_harmonics`). An angle is
    never made worse than the current one.

    Args:
        poses: Array of shape `[N, L, 3]`, z up, mm.
        current: Array of shape `[N]`, radians: angles to improve on.
        mean: Array of shape `[L * 3]`, mm.
        basis: Array of shape `[J, L * 3]`, orthonormal.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Noise, mm.

    Returns:
        Angles of shape `[N]`, radians, in [-pi, pi], and the squared Mahalanobis distances
        `[N]` of the poses turned by them.
    """
    harmonics = distance_harmonics(poses, mean, basis, stddev, noise_stddev)
    constant, c1, s1, c2, s2 = harmonics

    def distance(angle):
        return np.einsum("hn,hn->n", _waves(angle), harmonics[1:])

    grid = 2.0 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    from_grid = grid[np.argmin(harmonics[1:].T @ _waves(grid), axis=1)]
    best, lowest = _keep_lower(current, distance(current), from_grid, distance)
    for _ in range(NUM_NEWTON_STEPS):
        cosine, sine, cosine_2, sine_2 = _waves(best)
        slope = s1 * cosine - c1 * sine + 2.0 * (s2 * cosine_2 - c2 * sine_2)
        curvature = -(c1 * cosine + s1 * sine) - 4.0 * (c2 * cosine_2 + s2 * sine_2)
        step = np.divide(-slope, curvature, out=np.zeros(len(best)), where=curvature > 0.0)
        best, lowest = _keep_lower(best, lowest, best + step, distance)
    return best - 2.0 * np.pi * np.rint(best / (2.0 * np.pi)), lowest + constant


def _waves(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    # The double angle by its formula: cosine and sine are most of the work.
    return np.stack([cosine, sine, 2.0 * cosine**2 - 1.0, 2.0 * sine * cosine])


def _keep_lower(best, lowest, candidate, distance):
    value = distance(candidate)
    better = value < lowest
    return np.where(better, candidate, best), np.where(better, value, lowest)
