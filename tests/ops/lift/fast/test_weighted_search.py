"""Shortlists for landmarks with weights: every cost against brute force."""

import dataclasses

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import weighted_search
from tf_lift.prior import build_tables

# Weights as real numbers, some above 1; masks; one visible landmark at a given scale only.
WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0.3, 2, 1, 4, 0.2, 1.5, 0.7],
        [0, 3, 1, 0.4, 0, 1, 0.1],
        [1, 0, 1, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 2.5, 0],
    ]
)
ONE_VISIBLE = np.eye(7)[3:4]

# Whether scale and position are given; places that the visible landmarks fill, all or some.
CASES = pytest.mark.parametrize(
    ("scale", "estimator", "rotations", "pitches", "size"),
    [
        (None, "map", 6, (0.0,), None),
        (1.0, "map", 6, (0.0,), None),
        (None, "map", 6, (0.0,), 5),
        (1.0, "min_energy", 6, (0.0,), 5),
        (None, "min_energy", 6, (0.0,), None),
        # Every candidate is fitted where none is half a turn from another.
        (None, "map", 5, (0.0,), None),
        (None, "map", 4, (0.0, 0.3), 5),
        (1.0, "min_energy", 4, (0.0, 0.3), None),
        (1.0, "map", 6, (0.2,), 5),
    ],
)


def make(prior, scale, size, number=None):
    """Returns landmarks and weights of which at most `size` are above 0."""
    weights = WEIGHTS if scale is None else np.concatenate([WEIGHTS, ONE_VISIBLE])
    weights = weights[2:] if size is not None else weights
    return lift_ranking.make_landmarks(prior, len(weights), weights, scale), weights


@CASES
def test_costs_equal_brute_force(small_prior, recorded, scale, estimator, rotations, pitches, size):
    tables = build_tables(small_prior, rotations, pitches, scale is None, "float64")
    landmarks, weights = make(small_prior, scale, size)
    found = weighted_search.shortlist(
        tf.constant(landmarks),
        tf.constant(weights),
        tables,
        tables.num_candidates + 5,
        estimator,
        False,
        size,
    )
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    expected = lift_ranking.rank(landmarks, small_prior, estimator, weights, **options)
    np.testing.assert_allclose(np.concatenate(recorded), expected, rtol=1e-8, atol=1e-7)
    lift_ranking.check_best(found, expected)


@pytest.mark.parametrize("size", [None, 5])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_from_some_angles_to_all_and_back(small_prior, recorded, scale, size):
    """Interpolated costs are near the others; those of the shortlist are exact."""
    landmarks, weights = make(small_prior, scale, size)
    tables = build_tables(small_prior, 48, free_scale=scale is None, dtype="float64")
    tables = dataclasses.replace(tables, num_coarse=12)
    batch = tf.constant(landmarks), tf.constant(weights)
    found = weighted_search.shortlist(*batch, tables, 2, "map", False, size)
    expected = lift_ranking.rank(
        landmarks, small_prior, "map", weights, scale=scale, num_rotations=48
    )
    coarse, near = recorded
    assert coarse.shape == expected.shape and near.shape[1] < 24
    # No more is needed than that the best are among the lowest; the bases of this prior turn
    # costs faster than those of people.
    lowest = np.argsort(expected, 1)[:, :6]
    error = np.take_along_axis(coarse - expected, lowest, 1)
    assert 1e-9 < np.abs(error).max() < 5
    at_samples = np.arange(96) % 24 % 2 == 0
    np.testing.assert_allclose(coarse[:, at_samples], expected[:, at_samples], rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(near, 1)[:, :2], np.sort(expected, 1)[:, :2], rtol=1e-8, atol=1e-7
    )
    lift_ranking.check_best(found, expected)


@pytest.mark.parametrize(("rotations", "scale"), [(48, None), (5, 1.0)])
def test_compiled_in_float32(small_prior, rotations, scale):
    tables = build_tables(small_prior, rotations, free_scale=scale is None)
    landmarks, weights = make(small_prior, scale, None)

    @tf.function(jit_compile=True, autograph=False)
    def find(landmarks, weights):
        return weighted_search.shortlist(landmarks, weights, tables, 2, "map", True)

    found = find(tf.constant(landmarks, tf.float32), tf.constant(weights, tf.float32))
    costs = lift_ranking.rank(
        landmarks, small_prior, "map", weights, scale=scale, num_rotations=rotations
    )
    lift_ranking.check_best(found, costs, "float32")


def test_fits_of_every_candidate_take_turns(small_prior, monkeypatch):
    tables = build_tables(small_prior, 5, dtype="float64")
    landmarks, weights = make(small_prior, None, None)

    def find(landmarks, weights):
        return weighted_search.shortlist(landmarks, weights, tables, 3, "map", False)

    batch = tf.constant(landmarks), tf.constant(weights)
    expected = find(*batch)
    monkeypatch.setattr(weighted_search, "_MAX_ELEMENTS", 2 * 10 * 7**2)
    np.testing.assert_array_equal(find(*batch), expected)
    unknown = tf.function(
        find, [tf.TensorSpec([None, *part.shape[1:]], tf.float64) for part in batch]
    )
    np.testing.assert_array_equal(unknown(*batch), expected)
