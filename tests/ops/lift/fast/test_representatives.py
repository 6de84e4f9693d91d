"""Candidates that stand for all: their probabilities against those of every candidate."""

import dataclasses

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import representatives
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


def represent(prior, number, temperature, rotations=48, compiled=False):
    """Returns costs `[B, M]`, representatives and what to add to the costs of these."""
    landmarks = lift_ranking.make_landmarks(prior, len(WEIGHTS), WEIGHTS)
    tables = build_tables(prior, rotations, dtype="float64")
    if rotations % 2 == 0:  # No costs are interpolated: all are exact.
        tables = dataclasses.replace(tables, num_coarse_mean=rotations // 2)

    @tf.function(jit_compile=compiled, autograph=False)
    def call(landmarks, weights):
        return representatives.find(
            landmarks, weights, tables, number, "mean", compiled, temperature
        )

    indices, change = call(tf.constant(landmarks), tf.constant(WEIGHTS))
    costs = lift_ranking.rank(landmarks, prior, "map", WEIGHTS, num_rotations=rotations)
    assert indices.dtype == tf.int32 and indices.shape == change.shape
    return costs, indices.numpy(), change.numpy()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("rotations", "size", "number"), [(48, 4, 24), (48, 4, 10), (6, 2, 6), (6, 2, 3)]
)
def test_groups_have_the_probability_of_their_members(
    small_prior, rotations, size, number, compiled
):
    """Together that of all candidates. At this temperature no single ones suffice."""
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
