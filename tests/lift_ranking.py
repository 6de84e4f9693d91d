"""A ranking of all candidates by brute force, which searches of candidates are held to."""

import numpy as np
from lift_contract import to_search
from reference import lifting as reference


def make_landmarks(prior, number, weights=None, scale=None):
    """Returns landmarks as the search takes them, of poses from all around."""
    poses = prior.sample(number, seed=3)
    turns = np.stack([reference.rotation(angle) for angle in 2.4 * np.arange(number)])
    landmarks = np.einsum("bdc,blc->bld", turns, poses)[..., :2]
    return to_search(landmarks, weights, scale is None)


def every(landmarks, prior, names, weights=None, **options):
    """Returns numbers `[B, M]` of all candidates in float64, for each name.

    "normaliser" is the log-determinant less twice the log of the mixture weight.
    """
    weights = [None] * len(landmarks) if weights is None else weights
    found = [
        reference.every(pose, prior, seen, **options)
        for pose, seen in zip(landmarks, weights, strict=True)
    ]
    for candidate in sum(found, []):
        weight = prior.mixture_weights[candidate["mixture_index"]]
        candidate["normaliser"] = candidate["log_determinant"] - 2 * np.log(weight)
    return [np.array([[each[name] for each in pose] for pose in found]) for name in names]


def rank(landmarks, prior, estimator="map", weights=None, **options):
    """Returns the costs `[B, M]` of all candidates, or their energies."""
    name = "energy" if estimator == "min_energy" else "cost"
    return every(landmarks, prior, [name], weights, **options)[0]


def check_best(found, costs, dtype="float64"):
    """Checks that indices `[B, N]` are those of the N lowest costs, in their order."""
    found = np.asarray(found)
    assert found.dtype == np.int32
    if dtype == "float64":
        expected = np.argsort(costs, axis=1, kind="stable")[:, : found.shape[1]]
        np.testing.assert_array_equal(found, expected)
        return
    # What rounding and the marks in the lowest bits leave of a cost, or of an energy.
    best = np.sort(costs, 1)[:, : found.shape[1]]
    error = np.take_along_axis(costs, found, 1) - best
    assert np.all(np.abs(error) < 1e-4 * np.maximum(np.abs(best), 100))
    assert all(len(set(row)) == len(row) for row in found)
