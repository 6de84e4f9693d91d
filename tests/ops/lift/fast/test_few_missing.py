"""Shortlists where few landmarks are missing, as XLA compiles them: against brute force."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import few_missing
from tf_lift.ops.lift.fast.xla import k_lowest
from tf_lift.prior import build_tables

WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0, 1, 1],
        [1, 0, 1, 0, 1, 0, 1],
        [0, 0, 1, 0, 0, 1, 0.0],
    ]
)

CASES = pytest.mark.parametrize(
    ("scale", "estimator", "rotations", "pitches"),
    [
        (None, "map", 6, (0.0,)),
        (1.0, "map", 6, (0.0,)),
        (None, "min_energy", 6, (0.0,)),
        # Neither has candidates half a turn apart.
        (None, "map", 5, (0.0,)),
        (1.0, "min_energy", 4, (0.0, 0.3)),
    ],
)


@pytest.fixture
def recorded(monkeypatch):
    """Costs and indices of candidates, as they are compared."""
    calls, search = [], k_lowest.k_lowest

    def record(parts, indices, *arguments, **options):
        calls.append(tuple(np.concatenate(part, -1) for part in (parts, indices)))
        return search(parts, indices, *arguments, **options)

    monkeypatch.setattr(few_missing.k_lowest, "k_lowest", record)
    return calls


@CASES
def test_costs_equal_brute_force(
    small_prior, monkeypatch, recorded, scale, estimator, rotations, pitches
):
    """With no landmark missing up to five of seven, all of one batch; run without XLA."""
    tables = build_tables(small_prior, rotations, pitches, scale is None, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 4, WEIGHTS, scale)
    batch = tf.constant(landmarks), tf.constant(WEIGHTS)
    found = few_missing.shortlist(*batch, tables, tables.num_candidates, estimator, 5)
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    expected = lift_ranking.rank(landmarks, small_prior, estimator, WEIGHTS, **options)
    ((costs, indices),) = recorded
    np.testing.assert_allclose(costs, expected[:, indices[0]], rtol=1e-7, atol=1e-6)
    lift_ranking.check_best(found, expected)
    # Poses take turns.
    monkeypatch.setattr(few_missing, "_MAX_ELEMENTS", 3 * 14 * tables.num_candidates)
    turns = few_missing.shortlist(*batch, tables, tables.num_candidates, estimator, 5)
    np.testing.assert_array_equal(turns, found)


@pytest.mark.parametrize(("rotations", "scale"), [(6, None), (5, 1.0)])
def test_compiled_in_float32(small_prior, rotations, scale):
    tables = build_tables(small_prior, rotations, free_scale=scale is None)
    landmarks = lift_ranking.make_landmarks(small_prior, 4, WEIGHTS, scale)

    @tf.function(jit_compile=True, autograph=False)
    def find(landmarks, weights):
        return few_missing.shortlist(landmarks, weights, tables, 2, "map", 5)

    found = find(tf.constant(landmarks, tf.float32), tf.constant(WEIGHTS, tf.float32))
    options = {"scale": scale, "num_rotations": rotations}
    costs = lift_ranking.rank(landmarks, small_prior, "map", WEIGHTS, **options)
    lift_ranking.check_best(found, costs, "float32")


def test_no_more_than_are_missing_at_most_are_eliminated(small_prior):
    tables = build_tables(small_prior, 6, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, WEIGHTS[:3])
    batch = tf.constant(landmarks), tf.constant(WEIGHTS[:3])
    found = few_missing.shortlist(*batch, tables, 2, "map", 3)
    costs = lift_ranking.rank(landmarks, small_prior, "map", WEIGHTS[:3], num_rotations=6)
    lift_ranking.check_best(found, costs)
