"""Shortlists where all landmarks are visible: a ranking of all by brute force."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift.fast import visible_search
from tf_lift.prior import build_tables

CASES = {
    "halved": (12, (0.0,), None, "map", 2),
    "odd": (7, (0.0,), None, "map", 3),
    "pitches": (4, (0.0, 0.3), None, "map", 2),
    "many": (140, (0.0,), None, "map", 2),
    "few": (1, (0.0,), None, "map", 5),
    "given scale": (12, (0.0,), 1.0, "map", 2),
    "energy": (12, (0.0,), None, "min_energy", 2),
    "energy, given scale": (7, (0.0,), 1.0, "min_energy", 2),
}


@pytest.mark.parametrize("case", CASES)
def test_shortlist_holds_those_of_the_lowest_cost(small_prior, case):
    """Half turns or not, few candidates or many, more asked for than there are."""
    rotations, pitches, scale, estimator, number = CASES[case]
    landmarks = lift_ranking.make_landmarks(small_prior, 6, scale=scale)
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    costs = lift_ranking.rank(landmarks, small_prior, estimator, **options)
    for dtype, compiled in (("float64", False), ("float32", False), ("float32", True)):
        tables = build_tables(small_prior, rotations, pitches, scale is None, dtype)

        def find(landmarks, tables=tables, compiled=compiled):
            return visible_search.shortlist(landmarks, tables, number, estimator, compiled)

        find = tf.function(find, jit_compile=True, autograph=False) if compiled else find
        found = find(tf.constant(landmarks, dtype))
        assert found.shape == (6, min(number, costs.shape[1]))
        lift_ranking.check_best(found, costs, dtype)


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_ranking_of_all_candidates(small_prior, scale, estimator):
    """Also of those that look the other way; the components differ in weight and noise."""
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 9, scale=scale)
    costs, others = (
        lift_ranking.rank(landmarks, small_prior, kind, scale=scale, num_rotations=6)
        for kind in (estimator, {"map": "min_energy", "min_energy": "map"}[estimator])
    )
    points = tf.constant(landmarks)
    for compiled in (False, True):
        found = visible_search.shortlist(points, tables, 12, estimator, compiled)
        lift_ranking.check_best(found, costs)
    assert np.any(np.argsort(costs, 1) != np.argsort(others, 1))


@pytest.mark.parametrize("compiled", [False, True])
def test_large_batches_take_turns(small_prior, monkeypatch, compiled):
    tables = build_tables(small_prior, 12, dtype="float64")
    landmarks = tf.constant(lift_ranking.make_landmarks(small_prior, 23))

    def find(landmarks):
        return visible_search.shortlist(landmarks, tables, 2, "map", compiled)

    expected = find(landmarks)
    # The products, 6 * 7 on an axis, are more than the candidates.
    monkeypatch.setattr(visible_search, "_MAX_ELEMENTS", 10 * 6 * 7)
    sizes, map_chunks = [], chunks.map_chunks

    def record(*arguments):
        sizes.append(arguments[-1])
        return map_chunks(*arguments)

    monkeypatch.setattr(visible_search.chunks, "map_chunks", record)
    np.testing.assert_array_equal(find(landmarks), expected)
    assert sizes == [10]
    unknown = tf.function(find, input_signature=[tf.TensorSpec([None, 7, 2], tf.float64)])
    np.testing.assert_array_equal(unknown(landmarks), expected)
    np.testing.assert_array_equal(unknown(landmarks[:5]), expected[:5])
