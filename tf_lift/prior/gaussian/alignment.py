"""Turns poses about the vertical: to face one way, or to fit a pose model."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_angles", "distance_harmonics", "facing_angles", "mirror", "rotate"]

# Number of angles before the refinement. The distance has two harmonics, so at most two minima:
# far fewer angles would find the better one.
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
    """Mirrors poses: negates x and exchanges left and right joints.

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

    A pose faces at right angles to the sum of the vectors from right to left hip and from
    right to left shoulder.

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
    # Hips and shoulders if the skeleton has them, else every left-right pair.
    names = skeleton.joint_names
    pairs = [(names.index(n), skeleton.swap[names.index(n)]) for n in names if n[:5] == "left_"]
    trunk = [(a, b) for a, b in pairs if names[a] in ("left_hip", "left_shoulder")]
    left, right = zip(*(trunk or pairs), strict=True)
    return list(left), list(right)


def distance_harmonics(poses, mean, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Computes the distance of poses from a PPCA model as a function of their rotation.

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
        Array of shape `[5, N]`: coefficients of d for 1, cos, sin, cos 2 and sin 2.
    """
    precision = 1.0 / noise_stddev**2
    shrink = np.sqrt(precision - 1.0 / (np.square(stddev) + noise_stddev**2))
    shape = [len(basis), -1, 3]
    basis_x, basis_y, basis_z = np.moveaxis((basis * shrink[:, None]).reshape(shape), -1, 0)
    mean_x, mean_y, mean_z = np.reshape(mean, [-1, 3]).T
    x, y, z = (np.ascontiguousarray(part) for part in np.moveaxis(poses, -1, 0))
    z = z - mean_z
    horizontal = np.concatenate([basis_x, basis_y, [mean_x, mean_y]]).T
    x_products, y_products = x @ horizontal, y @ horizontal
    size = len(basis)
    # The part that the bases explain of A, B and v.
    a = x_products[:, :size] + y_products[:, size:-2]
    b = x_products[:, size:-2] - y_products[:, :size]
    v = z @ basis_z.T - (basis_x @ mean_x + basis_y @ mean_y)
    # A and B have the same length and are orthogonal.
    length = precision * (_row_products(x, x) + _row_products(y, y))
    aa, bb = length - _row_products(a, a), length - _row_products(b, b)
    ab = -_row_products(a, b)
    av = -precision * (x_products[:, -2] + y_products[:, -1]) - _row_products(a, v)
    bv = -precision * (x_products[:, -1] - y_products[:, -2]) - _row_products(b, v)
    vv = precision * (_row_products(z, z) + mean_x @ mean_x + mean_y @ mean_y)
    vv -= _row_products(v, v)
    return np.stack([vv + 0.5 * (aa + bb), 2.0 * av, 2.0 * bv, 0.5 * (aa - bb), ab])


def _row_products(left, right):
    return np.einsum("nj,nj->n", left, right)


def best_angles(
    poses, current, mean, basis, stddev, noise_stddev
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finds the rotation of each pose that is most likely under a PPCA model.

    Refines the best angle of a grid by Newton steps (`distance_harmonics`). The result is
    never less likely than the current angle.

    Args:
        poses: Array of shape `[N, L, 3]`, z up, mm.
        current: Array of shape `[N]`, radians: angles to improve.
        mean: Array of shape `[L * 3]`, mm.
        basis: Array of shape `[J, L * 3]`, orthonormal.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Noise, mm.

    Returns:
        Angles of shape `[N]`, radians, in [-pi, pi], and the squared Mahalanobis distances
        `[N]` of the turned poses.
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
    # Double angles by formula, because cosine and sine are most of the work.
    return np.stack([cosine, sine, 2.0 * cosine**2 - 1.0, 2.0 * sine * cosine])


def _keep_lower(best, lowest, candidate, distance):
    value = distance(candidate)
    better = value < lowest
    return np.where(better, candidate, best), np.where(better, value, lowest)
