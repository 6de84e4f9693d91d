"""Shortlists for landmarks with weights: every cost against brute force."""

import dataclasses

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import weighted_search
from tf_lift.ops.lift.fast.xla import k_lowest
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


@pytest.fixture
def recorded(monkeypatch):
    """Costs `[B, M]`, as candidates are compared by them."""
    calls, search = [], k_lowest.find

    def record(costs, *arguments):
        calls.append(np.transpose(costs))
        return search(costs, *arguments)

    monkeypatch.setattr(weighted_search.k_lowest, "find", record)
    return calls


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
    assert tables.num_coarse < tables.num_rotations // 2
    batch = tf.constant(landmarks), tf.constant(weights)
    found = weighted_search.shortlist(*batch, tables, 2, "map", False, size)
    expected = lift_ranking.rank(
        landmarks, small_prior, "map", weights, scale=scale, num_rotations=48
    )
    coarse, near = recorded
    assert coarse.shape == expected.shape and near.shape[1] < 12
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


def represent(prior, number, temperature, rotations=48, compiled=False):
    """Returns costs `[B, M]`, representatives and what to add to the costs of these."""
    landmarks, weights = make(prior, None, None)
    tables = build_tables(prior, rotations, dtype="float64")
    if rotations % 2 == 0:  # No costs are interpolated: all are exact.
        tables = dataclasses.replace(tables, num_coarse=rotations // 2)

    @tf.function(jit_compile=compiled, autograph=False)
    def call(landmarks, weights):
        return weighted_search.representatives(
            landmarks, weights, tables, number, "mean", compiled, temperature
        )

    indices, change = call(tf.constant(landmarks), tf.constant(weights))
    costs = lift_ranking.rank(landmarks, prior, "map", weights, num_rotations=rotations)
    assert indices.dtype == tf.int32 and indices.shape == change.shape
    return costs, indices.numpy(), change.numpy()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("rotations", "size", "number"), [(48, 4, 24), (48, 4, 10), (6, 2, 6), (6, 2, 3)]
)
def test_groups_have_the_probability_of_their_members(
    small_prior, rotations, size, number, compiled
):
    """All groups together that of all candidates; hot enough for singles not to suffice."""
    costs, indices, change = represent(small_prior, number, 1e4, rotations, compiled)
    assert indices.shape == (len(costs), number)
    share = np.exp(-(costs - costs.min(1, keepdims=True)) / 2e4)
    share /= share.sum(1, keepdims=True)
    expected = share.reshape(len(costs), -1, size).sum(2)
    groups = indices // size
    order = np.argsort(-expected, 1, kind="stable")[:, :number]
    np.testing.assert_array_equal(groups, order)
    found = np.take_along_axis(share, indices, 1) * np.exp(-change / 2e4)
    np.testing.assert_allclose(found, np.take_along_axis(expected, groups, 1), rtol=1e-8)
    if number == expected.shape[1]:
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-8)
    members = costs.reshape(len(costs), -1, size).argmin(2)
    np.testing.assert_array_equal(indices % size, np.take_along_axis(members, groups, 1))


@pytest.mark.parametrize("compiled", [False, True])
def test_single_candidates_where_they_suffice(small_prior, compiled):
    """Each pose by itself: some of the batch need groups, others do not."""
    temperature, number = 20.0, 10
    costs, indices, change = represent(small_prior, number, temperature, compiled=compiled)
    share = np.exp(-(costs - costs.min(1, keepdims=True)) / (2 * temperature))
    share = -np.sort(-share / share.sum(1, keepdims=True), 1)[:, :number]
    suffices = share.sum(1) > 0.97
    assert suffices.any() and not suffices.all(), share.sum(1)
    lift_ranking.check_best(indices[suffices], costs[suffices])
    np.testing.assert_allclose(change[suffices], 0, atol=1e-12)
    assert all(len(set(row // 4)) == number for row in indices[~suffices])
    assert np.all(change[~suffices][:, 0] < 0)


@pytest.mark.parametrize(("rotations", "number"), [(48, 25), (6, 40), (5, 4)])
def test_single_candidates_where_there_are_no_groups(small_prior, rotations, number):
    """Fewer groups than are asked for, or no half-turn symmetry."""
    costs, indices, change = represent(small_prior, number, 1e4, rotations)
    assert indices.shape[1] == min(number, costs.shape[1])
    lift_ranking.check_best(indices, costs)
    np.testing.assert_allclose(change, 0, atol=1e-9)
