"""The contract of fast paths of the lift: what the reference finds, they find.

`make_cases` lifts poses with every number of missing landmarks with `ops.lift.reference` in
float64, once per prior; `check_shortlist` and `check_lift` hold a fast path to its results.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from helpers import assert_same_lift

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import reference
from tf_lift.ops.lift.options import LiftOptions

# Poses that the reference lifts at once: 240 candidates take 10 MB a pose.
_CHUNK = 8


class Cases(NamedTuple):
    """Landmarks and how the reference lifts them.

    Attributes:
        landmarks: `[B, L, 2]`, float64; pixels, or mm where the scale is given (1.0).
        weights: `[B, L]`, bool or float64; `None` for all visible.
        result: Dict of the reference's outputs, NumPy; `costs` is `[B, M]`.
    """

    landmarks: np.ndarray
    weights: np.ndarray | None
    result: dict[str, np.ndarray]


@functools.cache
def make_cases(
    prior,
    kind="bool",
    free_scale=True,
    num_rotations=80,
    estimator="map",
    num_missing=None,
    num_poses=2,
    seed=0,
):
    """Lifts poses of a prior that have landmarks missing.

    Args:
        prior: `PosePrior`; results are kept for each.
        kind: Of weights: "bool", "float" (0 or 0.2 to 4) or "all" (no weights, all visible).
        free_scale: Whether scale and position are free; else the scale is 1.0.
        num_rotations: Number of angles; the camera is level.
        estimator: See `LiftOptions`.
        num_missing: Tuple of the numbers of missing landmarks; by default 0 to L - 3.
        num_poses: Number of poses for each number of missing landmarks.
        seed: Seed of poses, views, noise and masks.

    Returns:
        `Cases`, in order of the number of missing landmarks.
    """
    rng = np.random.default_rng(seed)
    num_joints = prior.num_joints
    counts = [0] if kind == "all" else num_missing or range(num_joints - 2)
    poses = prior.sample(len(counts) * num_poses, seed=seed)
    matrices = rotations.world_to_camera(rng.uniform(0, 2 * np.pi, len(poses)))
    landmarks = np.einsum("ndc,nlc->nld", matrices, poses)[..., :2]
    landmarks += rng.normal(0, 10, landmarks.shape)
    if free_scale:
        landmarks *= rng.uniform(0.1, 0.6, [len(poses), 1, 1])
        landmarks += rng.uniform(100, 400, [len(poses), 1, 2])
    weights = None
    if kind != "all":
        order = rng.permuted(np.tile(np.arange(num_joints), [len(poses), 1]), axis=1)
        weights = order >= np.repeat(counts, num_poses)[:, np.newaxis]
        if kind == "float":
            weights = weights * rng.uniform(0.2, 4, weights.shape)
    return Cases(
        landmarks,
        weights,
        lift_in_chunks(landmarks, weights, prior, free_scale, num_rotations, estimator),
    )


def lift_in_chunks(landmarks, weights, prior, free_scale, num_rotations, estimator):
    """Returns the results of the reference as arrays; arguments as those of `make_cases`."""
    options = LiftOptions(estimator=estimator, num_rotations=num_rotations)
    scale = None if free_scale else 1.0

    weights = np.ones(landmarks.shape[:2]) if weights is None else weights
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(landmarks), _CHUNK)]
    results = [
        reference.lift(landmarks[chunk], prior, options, weights[chunk], scale) for chunk in chunks
    ]
    return {name: np.concatenate([one[name] for one in results]) for name in results[0]}


def check_shortlist(shortlist, cases, rtol=1e-6):
    """Checks that a shortlist holds the winner of each pose, or one of the same cost.

    Args:
        shortlist: Function of `[B, L, 2]` landmarks and weights, as `Cases` has them, that
            returns the indices `[B, N]` of candidates.
        cases: `Cases`.
        rtol: Relative difference of costs, taken as at least 1, that counts as a tie.
    """
    indices = np.asarray(shortlist(cases.landmarks, cases.weights))
    costs = cases.result["costs"]
    assert indices.ndim == 2 and indices.shape[0] == len(costs), indices.shape
    assert np.issubdtype(indices.dtype, np.integer)
    assert np.all((indices >= 0) & (indices < costs.shape[1]))
    lowest = costs.min(1)
    excess = np.take_along_axis(costs, indices, 1).min(1) - lowest
    missed = excess > rtol * np.maximum(np.abs(lowest), 1)
    if np.any(missed):
        visible = np.ones(len(costs)) if cases.weights is None else (cases.weights > 0).sum(1)
        raise AssertionError(
            f"The winner of {missed.sum()} of {len(costs)} poses is not in the shortlist; "
            f"visible landmarks: {visible[missed]}, costs above the lowest: {excess[missed]}"
        )


def to_search(landmarks, weights=None, free_scale=True):
    """Returns landmarks `[B, L, 2]` as a search takes them.

    They are zero where missing and, at a free scale, less their weighted mean and of size 1.
    """
    weights = np.ones(landmarks.shape[:2]) if weights is None else np.float64(weights)
    if free_scale:
        mean = np.einsum("bl,blc->bc", weights, landmarks) / weights.sum(1)[:, np.newaxis]
        landmarks = landmarks - mean[:, np.newaxis]
    landmarks = landmarks * (weights > 0)[..., np.newaxis]
    return landmarks / (np.abs(landmarks).max((1, 2), keepdims=True) if free_scale else 1)


def check_lift(lift, cases, min_gap=1e-3, **tolerances):
    """Compares a lift with the reference where the winner is clear.

    Args:
        lift: Function of landmarks and weights that returns a dict of results.
        cases: `Cases`.
        min_gap: Least difference of the two lowest costs of poses that are compared.
        tolerances: See `helpers.assert_same_lift`.
    """
    two_lowest = np.partition(cases.result["costs"], 1, axis=1)[:, :2]
    clear = two_lowest[:, 1] - two_lowest[:, 0] > min_gap
    assert np.mean(clear) > 0.8
    assert_same_lift(lift(cases.landmarks, cases.weights), cases.result, clear, **tolerances)


def check_gradient(function, landmarks, rng, delta=1e-6, rtol=1e-5, atol=1e-5):
    """Compares a gradient with central differences along random directions.

    Args:
        function: Function of landmarks that returns one tensor.
        landmarks: `[B, L, 2]`, float64.
        rng: Random generator of the upstream gradient and three directions.
        delta: Step of the differences.
        rtol: Relative tolerance.
        atol: Absolute tolerance, in units of the largest gradient.
    """
    landmarks = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        value = function(landmarks)
    upstream = rng.standard_normal(value.shape)
    gradient = tape.gradient(value, landmarks, tf.constant(upstream)).numpy()
    atol *= np.abs(gradient).max()
    for _ in range(3):
        direction = rng.standard_normal(landmarks.shape)
        both = (function(landmarks + sign * delta * direction).numpy() for sign in (1, -1))
        expected = np.sum(upstream * np.subtract(*both)) / (2 * delta)
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=rtol, atol=atol)
