"""Shortlists where few landmarks are missing, an operation at a time: against brute force."""

import dataclasses

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import few_missing_coarse
from tf_lift.prior import build_tables

WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0, 1, 1],
        [1, 0, 1, 0, 1, 0, 1],
        [0, 0, 1, 0, 0, 1, 0.0],
    ]
)


@pytest.mark.parametrize(
    ("scale", "estimator"), [(None, "map"), (1.0, "map"), (None, "min_energy")]
)
def test_costs_equal_brute_force(small_prior, recorded, scale, estimator):
    """With no landmark missing up to five of seven, all of one batch; at every angle."""
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 4, WEIGHTS, scale)
    found = few_missing_coarse.shortlist(
        tf.constant(landmarks), tf.constant(WEIGHTS), tables, tables.num_candidates, estimator, 5
    )
    options = {"scale": scale, "num_rotations": 6}
    expected = lift_ranking.rank(landmarks, small_prior, estimator, WEIGHTS, **options)
    np.testing.assert_allclose(np.concatenate(recorded), expected, rtol=1e-7, atol=1e-6)
    lift_ranking.check_best(found, expected)


@pytest.mark.parametrize("most_missing", [3, 6])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_from_some_angles_to_all_and_back(small_prior, recorded, scale, most_missing):
    """Interpolated costs are near the others; those of the shortlist are exact."""
    weights = WEIGHTS[:3] if most_missing == 3 else WEIGHTS
    landmarks = lift_ranking.make_landmarks(small_prior, len(weights), weights, scale)
    tables = build_tables(small_prior, 80, free_scale=scale is None, dtype="float64")
    tables = dataclasses.replace(tables, num_coarse=20)
    batch = tf.constant(landmarks), tf.constant(weights)
    found = few_missing_coarse.shortlist(*batch, tables, 2, "map", most_missing)
    options = {"scale": scale, "num_rotations": 80}
    expected = lift_ranking.rank(landmarks, small_prior, "map", weights, **options)
    coarse, near = recorded
    assert coarse.shape == expected.shape and near.shape[1] < 20
    at_samples = np.arange(160) % 40 % 2 == 0
    np.testing.assert_allclose(coarse[:, at_samples], expected[:, at_samples], rtol=1e-7, atol=1e-6)
    assert np.abs(coarse - expected).max() > 1e-6
    # The best of each half-turn are among them, by their own costs.
    np.testing.assert_allclose(
        np.sort(near, 1)[:, :2], np.sort(expected, 1)[:, :2], rtol=1e-7, atol=1e-6
    )
    lift_ranking.check_best(found, expected)
