"""Draws poses from a mixture of PPCA models and computes the density of poses."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.prior.gaussian import alignment, blas, ppca
from tf_lift.prior.storage import files

__all__ = ["log_density", "sample"]

# Number of poses whose density at all rotations is computed at once: 180 rotations take 3 MB.
_CHUNK = 2048


@blas.single_thread()
def sample(prior, num_poses, seed=0, noise=False) -> NDArray[np.float64]:
    """Draws poses, see `PosePrior.sample`.

    Args:
        prior: `PosePrior`.
        num_poses: Number of poses.
        seed: Seed; the same seed gives the same poses.
        noise: Whether to add the isotropic noise.

    Returns:
        Array of shape `[num_poses, L, 3]`, mm.

    Raises:
        ValueError: If `num_poses` is not positive.
    """
    if num_poses < 1:
        raise ValueError(f"`num_poses` must be at least 1. Received: {num_poses}")
    rng = np.random.default_rng(seed)
    # NumPy's choice rejects weights that sum to 1 + 1e-7, as rounded ones may.
    probabilities = prior.mixture_weights / prior.mixture_weights.sum()
    index = rng.choice(prior.mixture_size, size=num_poses, p=probabilities)
    coefficients = rng.standard_normal([num_poses, prior.num_bases]) * prior.stddev[index]
    poses = np.empty([num_poses, prior.num_joints, 3])
    for k in range(prior.mixture_size):
        members = index == k
        offsets = np.tensordot(coefficients[members], prior.basis[k], axes=1)
        poses[members] = prior.mean_pose[k] + offsets
    if noise:
        poses += rng.standard_normal(poses.shape) * prior.noise_stddev[index, None, None]
    return poses


@blas.single_thread()
def log_density(prior, poses, num_rotations=1) -> NDArray[np.float64]:
    """Computes the log density of poses, see `PosePrior.log_likelihood`.

    Args:
        prior: `PosePrior`.
        poses: Array of shape `[N, L, 3]`, mm.
        num_rotations: Number of rotations about the vertical that the density is averaged
            over.

    Returns:
        Array of shape `[N]`, natural logarithm of a density in 1 / mm^(3 L).

    Raises:
        ValueError: If the poses have a wrong shape or are not finite.
    """
    poses = files.as_float64(poses, "poses")
    if poses.ndim != 3 or poses.shape[1:] != (prior.num_joints, 3):
        raise ValueError(
            f"`poses` must have shape [N, {prior.num_joints}, 3]. "
            f"Received: poses.shape={poses.shape}"
        )
    if num_rotations < 1:
        raise ValueError(f"`num_rotations` must be at least 1. Received: {num_rotations}")
    angles = 2.0 * np.pi * np.arange(num_rotations) / num_rotations
    total = np.empty(len(poses))
    for start in range(0, len(poses), _CHUNK):
        rows = slice(start, start + _CHUNK)
        total[rows] = _rotated_density(prior, poses[rows], angles)
    return total


def _rotated_density(prior, poses, angles):
    waves = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)])
    waves = np.concatenate([waves, np.cos(2.0 * angles)[None], np.sin(2.0 * angles)[None]])
    total = np.full([len(angles), len(poses)], -np.inf)
    for k in range(prior.mixture_size):
        basis = prior.basis[k].reshape(prior.num_bases, -1)
        deviations = basis, prior.stddev[k], prior.noise_stddev[k]
        harmonics = alignment.distance_harmonics(poses, prior.mean_pose[k].ravel(), *deviations)
        density = ppca.log_density_at((harmonics.T @ waves).T, *deviations)
        total = np.logaddexp(total, density + np.log(prior.mixture_weights[k]))
    return np.logaddexp.reduce(total, axis=0) - np.log(len(angles))
