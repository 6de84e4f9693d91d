"""Learns a mixture of PPCA models from poses."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.prior import alignment, ppca

__all__ = ["balanced_weights", "check_arguments", "fit_mixture"]

# Rounds of fit and align for each rank of the single model. The alignment settles in
# the first ranks; more rounds change the likelihood in the fourth digit.
ROUNDS_PER_RANK = 2
NUM_LLOYD_STEPS = 20
# Lower bound (mm) of an estimated noise, well below what motion capture measures: poses
# that a basis spans exactly would otherwise have an infinite density.
MIN_NOISE_STDDEV = 0.1


def check_arguments(
    poses, groups, skeleton, mixture_size, num_bases, noise_stddev, max_iterations
) -> None:
    """Checks what `PosePrior.fit` is given.

    Args:
        poses: Array of shape `[N, L, 3]`, finite.
        groups: `None` or array of shape `[N]`.
        skeleton: `Skeleton` of the joints.
        mixture_size: Number of components.
        num_bases: Number of bases.
        noise_stddev: Noise in mm or `None`.
        max_iterations: Most iterations of EM.

    Raises:
        ValueError: If one of them does not fit.
    """
    if poses.ndim != 3 or poses.shape[1:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"`poses` must have shape [N, {skeleton.num_joints}, 3]. "
            f"Received: poses.shape={poses.shape}"
        )
    for name, value in (("mixture_size", mixture_size), ("max_iterations", max_iterations)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    # One coordinate has to be left for the noise; joint 0, at the origin, has none to give.
    most = 3 * skeleton.num_joints - 4
    if not 1 <= num_bases <= most:
        raise ValueError(f"`num_bases` must be from 1 to {most}. Received: {num_bases}")
    if len(poses) < num_bases:
        raise ValueError(
            f"`poses` must be at least as many as the bases, {num_bases}. "
            f"Received: poses.shape={poses.shape}"
        )
    if groups is not None and np.shape(groups) != (len(poses),):
        raise ValueError(
            f"`groups` must have shape [{len(poses)}]. Received: groups.shape={np.shape(groups)}"
        )
    if noise_stddev is not None and not 0.0 < noise_stddev < np.inf:
        raise ValueError(f"`noise_stddev` must be positive. Received: {noise_stddev}")


def balanced_weights(groups) -> NDArray[np.float64]:
    """Computes weights by which every group counts the same, mean 1.

    Args:
        groups: Array of shape `[N]`: label of each pose, numbers or texts.

    Returns:
        Array of shape `[N]`.

    >>> balanced_weights(["run", "run", "run", "sit"]).round(3)
    array([0.667, 0.667, 0.667, 2.   ])
    """
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return len(index) / (len(counts) * counts[index])


def fit_mixture(
    poses: NDArray[np.float64],
    weights: NDArray[np.float64],
    mixture_size: int,
    num_bases: int,
    seed: int,
    skeleton: skeletons.Skeleton,
    noise_stddev: float | None,
    max_iterations: int,
    tolerance: float,
    on_progress: Callable[[str, float, float], None],
) -> dict[str, NDArray[np.float64]]:
    """Learns mean poses, bases, deviations and weights.

    Every pose is used as it is and mirrored. A single model is grown rank by rank,
    each pose being turned about the vertical to where the model finds it most likely;
    its latent space is clustered; from there EM fits the mixture to the poses as they
    are turned. Every iteration raises the log-likelihood, or leaves it.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up, centred.
        weights: Array of shape `[N]`: how often each pose counts.
        mixture_size: Number of components K.
        num_bases: Number of bases J.
        seed: Seed of the clustering.
        skeleton: `Skeleton` of the joints.
        noise_stddev: Noise in mm, `None` to estimate one per component.
        max_iterations: Most iterations of EM.
        tolerance: EM stops when the mean log-likelihood of a pose grows by less.
        on_progress: Called with the stage ("align" or "mixture"), the fraction of it
            that is done, and the mean log-likelihood of a pose.

    Returns:
        Dictionary of the arrays of `PosePrior`.

    References:
        Tipping and Bishop. Mixtures of Probabilistic Principal Component Analysers.
        Neural Computation, 1999: section 3 and appendix C.
    """
    poses = np.concatenate([poses, alignment.mirror(poses, skeleton)])
    weights = np.concatenate([weights, weights]) / (2.0 * weights.sum())
    angles = alignment.facing_angles(poses, skeleton)

    for rank in range(1, num_bases + 1):
        for _ in range(ROUNDS_PER_RANK):
            vectors = _flat_rotated(poses, angles)
            single = _fit_component(vectors, weights, rank, noise_stddev)
            angles = alignment.best_angles(poses, angles, *single)
        density = ppca.log_density(_flat_rotated(poses, angles), *single)
        on_progress("align", rank / num_bases, float(weights @ density))

    # From here the poses stay as they are turned. To let every component turn every pose
    # to its own best angle lifts unseen subjects no better (69.2 mm against 68.2, a mean
    # over five seeds and two folds) and takes three times as long.
    vectors = _flat_rotated(poses, angles)
    responsibilities = _cluster(vectors, weights, single, mixture_size, seed)
    previous = -math.inf
    for iteration in range(max_iterations):
        mixture_weights = responsibilities @ weights
        components = [
            _fit_component(vectors, weights * share, num_bases, noise_stddev)
            for share in responsibilities
        ]
        responsibilities, densities = _expectation(vectors, components, mixture_weights)
        log_likelihood = float(weights @ densities)
        done = log_likelihood - previous < tolerance
        on_progress("mixture", 1.0 if done else (iteration + 1) / max_iterations, log_likelihood)
        if done:
            break
        previous = log_likelihood
    return _collect(components, mixture_weights, skeleton)


def _expectation(vectors, components, mixture_weights):
    density = np.stack([ppca.log_density(vectors, *component) for component in components])
    density += np.log(mixture_weights)[:, None]
    total = np.logaddexp.reduce(density, axis=0)
    return np.exp(density - total), total


def _flat_rotated(poses, angles):
    return alignment.rotate(poses, angles).reshape(len(poses), -1)


def _fit_component(vectors, shares, num_bases, noise_stddev):
    total = shares.sum()
    if total < 1e-12:
        raise ValueError("`mixture_size` must be smaller: a component has lost all its poses")
    mean = shares @ vectors / total
    centred = vectors - mean
    covariance = (centred * shares[:, None]).T @ centred / total
    return mean, *ppca.maximum_likelihood(covariance, num_bases, noise_stddev, MIN_NOISE_STDDEV)


def _cluster(vectors, weights, single, mixture_size, seed):
    # k-means++ and Lloyd's steps on the coefficients of the single model, in mm: the
    # distance between poses, without their noise.
    mean, basis, _, _ = single
    points = (vectors - mean) @ basis.T
    rng = np.random.default_rng(seed)
    centres = points[rng.choice(len(points), size=1, p=weights)]
    while len(centres) < mixture_size:
        chances = weights * _squared_distances(points, centres).min(axis=0)
        if not chances.sum() > 0.0:
            raise ValueError(
                "`mixture_size` must be at most the number of different poses. "
                f"Received: {mixture_size}"
            )
        chosen = rng.choice(len(points), p=chances / chances.sum())
        centres = np.concatenate([centres, points[chosen : chosen + 1]])
    for _ in range(NUM_LLOYD_STEPS):
        nearest = np.argmin(_squared_distances(points, centres), axis=0)
        members = weights * (nearest == np.arange(mixture_size)[:, None])
        sizes = members.sum(axis=1, keepdims=True)
        # A centre that nobody is nearest to stays where it is.
        centres = np.where(sizes > 0.0, members @ points / np.maximum(sizes, 1e-300), centres)
    return (nearest == np.arange(mixture_size)[:, None]).astype(np.float64)


def _squared_distances(points, centres):
    return np.stack([np.square(points - centre).sum(axis=1) for centre in centres])


def _collect(components, mixture_weights, skeleton):
    # The frame in which a component's mean faces -y: the lift tries all rotations anyway.
    size = len(components)
    num_joints = skeleton.num_joints
    means, bases, stddevs, noises = zip(*components, strict=True)
    mean_pose = np.stack(means).reshape(size, num_joints, 3)
    angles = alignment.facing_angles(mean_pose, skeleton)
    basis = np.stack(bases).reshape(size, -1, num_joints, 3)
    order = np.argsort(-mixture_weights, kind="stable")
    return {
        "mean_pose": alignment.rotate(mean_pose, angles)[order],
        "basis": alignment.rotate(basis, angles[:, None])[order],
        "stddev": np.stack(stddevs)[order],
        "noise_stddev": np.array(noises)[order],
        "mixture_weights": (mixture_weights / mixture_weights.sum())[order],
    }
