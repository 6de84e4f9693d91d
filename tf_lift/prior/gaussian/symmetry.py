"""Keeps a mixture its own mirror image: components in pairs, or each its own image."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.prior.gaussian import alignment

__all__ = ["find_partners", "mirror_error", "partners_of", "symmetrise"]


def find_partners(points, images) -> NDArray[np.int64]:
    """Pairs points such that each is near the mirror image of its partner.

    Greedy: the nearest pair first. A point may be its own partner.

    Args:
        points: Array of shape `[K, D]`.
        images: Array of shape `[K, D]`: the mirror image of each point.

    Returns:
        Array of shape `[K]`, its own inverse: the index of each point's partner.

    >>> find_partners(np.array([[1.0], [0.1], [-1.2]]), np.array([[-1.0], [-0.1], [1.2]]))
    array([2, 1, 0])
    """
    distance = np.linalg.norm(points[:, np.newaxis] - images, axis=-1)
    distance = distance + distance.T
    partners = np.full(len(points), -1)
    for flat in np.argsort(distance, axis=None, kind="stable"):
        first, second = divmod(int(flat), len(points))
        if partners[first] < 0 and partners[second] < 0:
            partners[[first, second]] = second, first
    return partners


def partners_of(prior, skeleton) -> NDArray[np.int64]:
    """Returns the index of the component that is nearest to each one's mirror image, `[K]`.

    Args:
        prior: `PosePrior`.
        skeleton: `Skeleton` of its joints.
    """
    points = _points(prior.mean_pose, prior.basis, prior.stddev)
    mean, basis = (alignment.mirror(part, skeleton) for part in (prior.mean_pose, prior.basis))
    return find_partners(points, _points(mean, basis, prior.stddev))


def _points(mean_pose, basis, stddev):
    """Returns mean and covariance of each component as a vector, both in mm."""
    size = len(mean_pose)
    loadings = (basis * stddev[..., np.newaxis, np.newaxis]).reshape(*stddev.shape, -1)
    covariance = np.swapaxes(loadings, 1, 2) @ loadings
    root = np.sqrt(np.maximum(np.trace(covariance, axis1=1, axis2=2), 1e-300))
    return np.concatenate(
        [mean_pose.reshape(size, -1), covariance.reshape(size, -1) / root[:, np.newaxis]], 1
    )


def symmetrise(prior, skeleton) -> dict[str, NDArray[np.float64]]:
    """Returns the arrays of the nearest mixture that is its own mirror image.

    The components of a pair become the mean of one and the mirror image of the other, in
    means, covariances, noise variances and weights. A component without a partner becomes
    the mean of itself and its mirror image; each of its bases is then symmetric (its own
    mirror image) or antisymmetric (the negative of it).

    Args:
        prior: `PosePrior`.
        skeleton: `Skeleton` of its joints.

    Returns:
        Dict of `mean_pose`, `basis`, `stddev`, `noise_stddev`, `mixture_weights`.

    References:
        docs/method.md, section 8.
    """
    partners = partners_of(prior, skeleton)
    mirror = alignment.mirror
    mean = prior.mean_pose
    mean = (mean + mirror(mean[partners], skeleton)) / 2.0
    basis, stddev = prior.basis.copy(), prior.stddev.copy()
    size, num_bases = stddev.shape
    for first, second in enumerate(partners):
        if second < first:
            basis[first], stddev[first] = mirror(basis[second], skeleton), stddev[second]
            mean[first] = mirror(mean[second], skeleton)
            continue
        loadings = np.concatenate(
            [
                prior.basis[first] * prior.stddev[first, :, np.newaxis, np.newaxis],
                mirror(prior.basis[second], skeleton)
                * prior.stddev[second, :, np.newaxis, np.newaxis],
            ]
        ) / np.sqrt(2.0)
        if first == second:
            loadings = _even_and_odd(loadings, skeleton)
        basis[first], stddev[first] = _principal(loadings, num_bases)
    noise = np.sqrt((prior.noise_stddev**2 + prior.noise_stddev[partners] ** 2) / 2.0)
    weights = (prior.mixture_weights + prior.mixture_weights[partners]) / 2.0
    return {
        "mean_pose": mean,
        "basis": basis,
        "stddev": np.maximum(stddev, 1e-9),
        "noise_stddev": noise,
        "mixture_weights": weights / weights.sum(),
    }


def _even_and_odd(loadings, skeleton):
    """Returns loadings of the same covariance, each symmetric or antisymmetric.

    Half of them are the mirror images of the others.
    """
    half = loadings[: len(loadings) // 2] * np.sqrt(0.5)
    image = alignment.mirror(half, skeleton)
    return np.concatenate([half + image, half - image])


def _principal(loadings, num_bases):
    """Returns the largest principal axes of loadings `[J, L, 3]` and their deviations.

    Symmetric and antisymmetric loadings are orthogonal, so that axes mix them only where
    deviations are equal; they are separated before.
    """
    flat = loadings.reshape(len(loadings), -1)
    _, stddev, axes = np.linalg.svd(flat, full_matrices=False)
    return axes[:num_bases].reshape(-1, *loadings.shape[1:]), stddev[:num_bases]


def mirror_error(prior, skeleton) -> float:
    """Returns by how much the mirrored mixture differs from the mixture, mm.

    Args:
        prior: `PosePrior`.
        skeleton: `Skeleton` of its joints.
    """
    partners = partners_of(prior, skeleton)
    mean, basis = (alignment.mirror(x[partners], skeleton) for x in (prior.mean_pose, prior.basis))
    here = _points(prior.mean_pose, prior.basis, prior.stddev)
    return float(np.abs(here - _points(mean, basis, prior.stddev[partners])).max())
