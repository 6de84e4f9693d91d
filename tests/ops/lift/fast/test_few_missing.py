"""Shortlists where few landmarks are missing, as XLA compiles them: against brute force."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component
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
    found = few_missing.shortlist(*batch, tables, tables.num_candidates, estimator)
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    expected = lift_ranking.rank(landmarks, small_prior, estimator, WEIGHTS, **options)
    ((costs, indices),) = recorded
    np.testing.assert_allclose(costs, expected[:, indices[0]], rtol=1e-7, atol=1e-6)
    lift_ranking.check_best(found, expected)
    # Poses take turns.
    monkeypatch.setattr(few_missing, "_MAX_ELEMENTS", 3 * 14 * tables.num_candidates)
    turns = few_missing.shortlist(*batch, tables, tables.num_candidates, estimator)
    np.testing.assert_array_equal(turns, found)


@pytest.mark.parametrize(("rotations", "scale"), [(6, None), (5, 1.0)])
def test_compiled_in_float32(small_prior, rotations, scale):
    tables = build_tables(small_prior, rotations, free_scale=scale is None)
    landmarks = lift_ranking.make_landmarks(small_prior, 4, WEIGHTS, scale)

    @tf.function(jit_compile=True, autograph=False)
    def find(landmarks, weights):
        return few_missing.shortlist(landmarks, weights, tables, 2, "map")

    found = find(tf.constant(landmarks, tf.float32), tf.constant(WEIGHTS, tf.float32))
    options = {"scale": scale, "num_rotations": rotations}
    costs = lift_ranking.rank(landmarks, small_prior, "map", WEIGHTS, **options)
    lift_ranking.check_best(found, costs, "float32")


def test_no_more_than_are_missing_at_most_are_eliminated(small_prior, monkeypatch):
    monkeypatch.setattr(few_missing, "MAX_MISSING", 3)
    tables = build_tables(small_prior, 6, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, WEIGHTS[:3])
    batch = tf.constant(landmarks), tf.constant(WEIGHTS[:3])
    found = few_missing.shortlist(*batch, tables, 2, "map")
    costs = lift_ranking.rank(landmarks, small_prior, "map", WEIGHTS[:3], num_rotations=6)
    lift_ranking.check_best(found, costs)


def test_rows_of_missing_landmarks():
    rows = few_missing.missing_rows(tf.constant(WEIGHTS), 5).numpy()
    assert rows.dtype == np.int32 and rows.shape == (4, 10)
    for pose, weights in zip(rows, WEIGHTS, strict=True):
        missing = np.flatnonzero(weights == 0)
        np.testing.assert_array_equal(pose[: len(missing)], missing)
        np.testing.assert_array_equal(pose[5 : 5 + len(missing)], 7 + missing)
        spare = np.delete(pose, [*range(len(missing)), *range(5, 5 + len(missing))])
        assert np.all((spare >= 14) & (spare < 24)) and len(set(spare)) == len(spare)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_determinant_of_the_visible_from_that_of_all(small_prior, scale):
    """log |visible| = log |all| + log |missing rows of M| + this."""
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    candidates = np.array([0, 4, 7, 11])
    directions = tables.components.directions(tf.constant(candidates), tables.per_component)
    noise_stddev = tf.gather(tables.noise_stddev, candidates)
    whole, visible = (
        component.fit(directions, tf.constant(weights), noise_stddev, scale is None).log_determinant
        for weights in (np.ones([4, 7]), WEIGHTS)
    )
    form, halves = tables.form.numpy(), tables.fold_half_turn(candidates)[0]
    rows = [np.flatnonzero(np.tile(weights == 0, 2)) for weights in WEIGHTS]
    # Half a turn later the determinant is the same.
    missing = [
        np.linalg.slogdet(form[np.ix_(places, places, [half])][..., 0])[1]
        for places, half in zip(rows, np.asarray(halves), strict=True)
    ]
    weights, variance = tf.constant(WEIGHTS), noise_stddev**2
    every = few_missing.log_determinant_of_others(weights, variance, tables)
    assert every.shape == (4, 4)  # Of all poses and all candidates.
    others = tf.linalg.diag_part(every)
    np.testing.assert_allclose(whole + missing + others, visible, rtol=1e-9)
    of_two = few_missing.log_determinant_of_others(weights, tf.stack([variance] * 2), tables)
    np.testing.assert_allclose(of_two, [others, others])
