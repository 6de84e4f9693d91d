"""The search alone: the cost of every candidate, and its features."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift import rotation_search
from tf_lift.prior import build_tables

ROTATIONS = 12


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("weights_kind", ["all", "mask", "few missing", "real"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_costs_equal_brute_force(tiny_prior, rng, scale, weights_kind, estimator):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    landmarks = 0.5 * tiny_prior.sample(4, seed=1)[..., [0, 2]] * [1, -1]
    weights = {
        "all": None,
        # The first pose misses nothing, another more than are corrected one by one.
        "mask": np.float64(np.arange(17) >= [[0], [3], [9], [1]]),
        "few missing": np.float64((np.arange(17) * 5) % 17 >= [[0], [1], [8], [4]]),
        "real": rng.uniform(0.2, 2, [4, 17]),
    }[weights_kind]
    if scale is None:
        seen = np.ones([4, 17]) if weights is None else weights
        landmarks -= np.einsum("bl,blc->bc", seen, landmarks)[:, None] / seen.sum(1)[:, None, None]
    seen = None if weights is None else tf.constant(weights)
    masks = weights_kind in ("mask", "few missing")
    landmarks = np.where(seen[..., None], landmarks, 0) if masks else landmarks
    costs = rotation_search.search(tf.constant(landmarks), tables, seen, estimator, masks).costs
    for i in range(4):
        seen = None if weights is None else weights[i]
        for found in reference.lift(landmarks[i], tiny_prior, seen, scale, ROTATIONS, estimator):
            k, angle = found["mixture_index"], found["rotation_angle"]
            index = k * ROTATIONS + round(angle / (2 * np.pi) * ROTATIONS)
            expected = found["cost" if estimator == "map" else "energy"]
            np.testing.assert_allclose(costs[i, index], expected, rtol=1e-8, atol=1e-6)
