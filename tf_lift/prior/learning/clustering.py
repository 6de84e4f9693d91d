"""Clusters poses by their coefficients in a single model, to start EM for the mixture."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.prior.gaussian import alignment, symmetry
from tf_lift.prior.learning.statistics import Moments, PoseData

__all__ = ["cluster_moments", "find_centres"]

NUM_LLOYD_STEPS = 20
# Largest number of poses, drawn at random, from which centres are found: more poses move them
# less than another seed.
MAX_POSES = 100_000


def cluster_moments(
    data: PoseData, angles, model, mixture_size: int, seed: int
) -> tuple[Moments, ...]:
    """Clusters poses and returns the moments of each cluster.

    The distance is that of coefficients of a PPCA model, in mm: of poses without noise.

    Args:
        data: The poses.
        angles: Array of shape `[N]`, radians: angle by which each pose is turned.
        model: Tuple of mean, basis, stddev, noise_stddev of the single model.
        mixture_size: Number of clusters.
        seed: Seed of the choice of centres.

    Returns:
        `Moments` of each cluster; a mirrored pose may be in another cluster than the pose.

    Raises:
        ValueError: If there are fewer different poses than clusters.
    """
    rng = np.random.default_rng(seed)
    mean, basis = model[:2]
    points, weights = _points_to_cluster(data, angles, mean, basis, rng)
    # The single model of mirrored poses is its own mirror image, and so is the space of its bases.
    mirror = _mirrored(basis, data.skeleton) @ basis.T if data.mirror else None
    centres = find_centres(points, weights, mixture_size, rng, mirror)

    def clusters(rows, poses):
        vectors = alignment.rotate(poses, angles[rows]).reshape(len(poses), -1)
        sides = [vectors]
        if data.mirror:
            sides.append(_mirrored(vectors, data.skeleton))
        weights = data.weights[rows] / len(sides)
        moments = [Moments.zero(len(mean))] * mixture_size
        for side in sides:
            nearest = _nearest((side - mean) @ basis.T, centres)
            for k in range(mixture_size):
                members = nearest == k
                moments[k] += Moments.of(side[members], weights[members])
        return moments

    total = [Moments.zero(len(mean))] * mixture_size
    for moments in data.map(clusters):
        total = [a + b for a, b in zip(total, moments, strict=True)]
    return tuple(total)


def _points_to_cluster(data, angles, mean, basis, rng):
    # Draw random numbers only if poses have to be left out.
    is_drawn = np.ones(len(data.poses), bool)
    if len(is_drawn) > MAX_POSES:
        is_drawn[rng.permutation(len(is_drawn))[MAX_POSES:]] = False

    def coefficients(rows, poses):
        kept = is_drawn[rows]
        vectors = alignment.rotate(poses[kept], angles[rows][kept]).reshape(kept.sum(), -1)
        sides = [vectors]
        if data.mirror:
            sides.append(_mirrored(vectors, data.skeleton))
        return [(side - mean) @ basis.T for side in sides]

    sides = zip(*data.map(coefficients), strict=True)
    points = np.concatenate([part for side in sides for part in side])
    weights = data.weights[is_drawn]
    if data.mirror:
        weights = np.concatenate([weights, weights])
    return points, weights / weights.sum()


def _mirrored(vectors, skeleton):
    poses = vectors.reshape(len(vectors), -1, 3)
    return alignment.mirror(poses, skeleton).reshape(len(vectors), -1)


def find_centres(
    points, weights, num_centres: int, rng, mirror: NDArray | None = None
) -> NDArray[np.float64]:
    """Finds cluster centres by k-means++ and Lloyd's steps.

    Args:
        points: Array of shape `[N, J]`.
        weights: Array of shape `[N]`, sums to 1.
        num_centres: Number of centres K.
        rng: NumPy's random generator.
        mirror: Array of shape `[J, J]`: `point @ mirror` is the mirror image of a point, and
            the points contain the mirror images of all points. Each centre then has its
            mirror image among the centres, or is its own.

    Returns:
        Array of shape `[K, J]`.

    Raises:
        ValueError: If fewer than K points differ.

    References:
        Arthur and Vassilvitskii. k-means++: the advantages of careful seeding. SODA 2007.

    >>> points = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> np.sort(find_centres(points, np.full(4, 0.25), 2, np.random.default_rng(0)), axis=0)
    array([[ 0.5],
           [10.5]])
    """
    centres = points[rng.choice(len(points), size=1, p=weights)]
    closest = _squared_distances(points, centres[0])
    while len(centres) < num_centres:
        chances = weights * closest
        if not chances.sum() > 0.0:
            raise ValueError(
                "`mixture_size` must be at most the number of different poses. "
                f"Received: {num_centres}"
            )
        row = rng.choice(len(points), p=chances / chances.sum())
        centres = np.concatenate([centres, points[row : row + 1]])
        closest = np.minimum(closest, _squared_distances(points, centres[-1]))
    for _ in range(NUM_LLOYD_STEPS - 1):
        centres = _lloyd_step(points, weights, centres)
    if mirror is not None:
        partners = symmetry.find_partners(centres, centres @ mirror)
        for _ in range(NUM_LLOYD_STEPS):
            centres = (centres + centres[partners] @ mirror) / 2.0
            centres = _lloyd_step(points, weights, centres)
        centres = (centres + centres[partners] @ mirror) / 2.0
    return centres


def _lloyd_step(points, weights, centres):
    members = weights[:, None] * (_nearest(points, centres)[:, None] == np.arange(len(centres)))
    sizes = members.sum(axis=0)[:, None]
    # A centre that is nearest to no point stays where it is.
    return np.where(sizes > 0.0, members.T @ points / np.maximum(sizes, 1e-300), centres)


def _nearest(points, centres):
    # Squared distances without the term |point|^2, which is the same for all centres.
    return np.argmin(np.square(centres).sum(axis=1) - 2.0 * (points @ centres.T), axis=1)


def _squared_distances(points, centre):
    return np.square(points - centre).sum(axis=1)
