"""The few best candidates of the search: a ranking of all by brute force."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops import chunks
from tf_lift.ops.lift import rotation_search
from tf_lift.ops.lift.fast import (
    completion,
    masked_tables,
    missing_landmarks,
    nearest_candidates,
    visible_forms,
)
from tf_lift.prior import build_tables


def make_landmarks(prior, number, weights=None, scale=None):
    """Returns landmarks as the search takes them, of poses from all around."""
    poses = prior.sample(number, seed=3)
    turns = np.stack([reference.rotation(angle) for angle in 2.4 * np.arange(number)])
    landmarks = np.einsum("bdc,blc->bld", turns, poses)[..., :2]
    weights = np.ones(landmarks.shape[:2]) if weights is None else weights
    if scale is None:
        mean = np.einsum("bl,blc->bc", weights, landmarks)
        landmarks = (landmarks - mean[:, None] / weights.sum(1)[:, None, None]) / 600
    return landmarks * weights[..., None]


def rank(landmarks, prior, estimator="map", weights=None, **options):
    """Returns the costs `[B, M]` of all candidates in float64."""
    key = "cost" if estimator == "map" else "energy"
    weights = [None] * len(landmarks) if weights is None else weights
    return np.array(
        [
            [each[key] for each in reference.every(pose, prior, seen, **options)]
            for pose, seen in zip(landmarks, weights, strict=True)
        ]
    )


def as_program(function, compiled):
    """Returns a function that XLA compiles, or else runs eagerly."""
    return tf.function(function, jit_compile=True, autograph=False) if compiled else function


def check_best(found, costs, dtype):
    found = np.transpose(found)
    if dtype == "float64":
        expected = np.argsort(costs, axis=1, kind="stable")[:, : found.shape[1]]
        np.testing.assert_array_equal(found, expected)
        return
    # What rounding and the marks in the lowest bits leave of a cost, or of an energy.
    best = np.sort(costs, 1)[:, : found.shape[1]]
    error = np.take_along_axis(costs, found, 1) - best
    assert np.all(np.abs(error) < 1e-4 * np.maximum(np.abs(best), 100))
    assert all(len(set(row)) == len(row) for row in found)


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


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_nearest_are_those_of_the_lowest_cost(small_prior, case, dtype, compiled):
    """Half turns or not, few candidates or many, more asked for than there are."""
    rotations, pitches, scale, estimator, number = CASES[case]
    tables = build_tables(small_prior, rotations, pitches, scale is None, dtype)
    landmarks = make_landmarks(small_prior, 6, scale=scale)
    find = as_program(
        lambda batch: nearest_candidates.nearest(batch, tables, number, estimator, compiled),
        compiled,
    )
    found = find(tf.constant(landmarks, dtype)).numpy()
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    costs = rank(landmarks, small_prior, estimator, **options)
    assert found.shape == (min(number, costs.shape[1]), 6) and found.dtype == np.int32
    check_best(found, costs, dtype)


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_ranking_of_all_candidates_as_xla_has_it(small_prior, scale, estimator):
    """Also of those that look the other way; the components differ in weight and noise."""
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = make_landmarks(small_prior, 9, scale=scale)
    found = nearest_candidates.nearest(tf.constant(landmarks), tables, 12, estimator, True)
    costs, others = (
        rank(landmarks, small_prior, kind, scale=scale, num_rotations=6)
        for kind in (estimator, {"map": "min_energy", "min_energy": "map"}[estimator])
    )
    check_best(found, costs, "float64")
    assert np.any(np.argsort(costs, 1) != np.argsort(others, 1))


@pytest.mark.parametrize("unrolled", [False, True])
def test_large_batches_take_turns(small_prior, monkeypatch, unrolled):
    tables = build_tables(small_prior, 12, dtype="float64")
    landmarks = tf.constant(make_landmarks(small_prior, 23))
    expected = nearest_candidates.nearest(landmarks, tables, 2, unrolled=unrolled)
    # The products, 6 * 7 along an axis, are more than the candidates.
    monkeypatch.setattr(nearest_candidates, "MAX_NUMBERS", 10 * 6 * 7)
    sizes, map_chunks = [], chunks.map_chunks

    def record(*arguments):
        sizes.append(arguments[-1])
        return map_chunks(*arguments)

    monkeypatch.setattr(nearest_candidates.chunks, "map_chunks", record)

    def find(batch):
        return nearest_candidates.nearest(batch, tables, 2, unrolled=unrolled)

    np.testing.assert_array_equal(find(landmarks), expected)
    assert sizes == [10]
    unknown = tf.function(find, input_signature=[tf.TensorSpec([None, 7, 2], tf.float64)])
    np.testing.assert_array_equal(unknown(landmarks), expected)
    np.testing.assert_array_equal(unknown(landmarks[:5]), expected[:, :5])


MASKS = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1, 1.0]])
INDICES = {
    "uneven": [2, 0, 0, 1, 0, 0, 2, 0, 0],
    "one pose": [1],
    "one mask": [2] * 8,
    "none without": [1, 2, 2, 2, 2, 2, 1],
}


def find_of_masks(landmarks, index, masks, tables, number, estimator, compiled):
    def find(landmarks, index, masks):
        masked = masked_tables.build(tables, masks, 2)
        return nearest_candidates.nearest_of_masks(
            landmarks, index, masks, masked, tables, number, estimator
        )

    arguments = tf.constant(landmarks, tables.dtype), tf.constant(index, tf.int32)
    return as_program(find, compiled)(*arguments, tf.constant(masks, tables.dtype)).numpy()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("case", INDICES)
def test_nearest_of_few_masks(small_prior, monkeypatch, case, scale, compiled):
    """In rows of four poses: some full, some not, masks of no pose."""
    monkeypatch.setattr(nearest_candidates, "_ROW", 4)
    index = np.array(INDICES[case])
    weights = MASKS[index]
    landmarks = make_landmarks(small_prior, len(index), weights, scale)
    options = {"scale": scale, "num_rotations": 6}
    costs = rank(landmarks, small_prior, "map", weights, **options)
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    found = find_of_masks(landmarks, index, MASKS, tables, 6, "map", compiled)
    np.testing.assert_array_equal(found // 12, np.tile(index, [6, 1]))
    check_best(found % 12, costs, "float64")


@pytest.mark.parametrize(
    ("rotations", "pitches", "estimator", "dtype"),
    [
        (7, (0.0,), "map", "float32"),
        (6, (0.0,), "min_energy", "float32"),
        (140, (0.0,), "map", "float64"),
        (4, (0.0, 0.3), "min_energy", "float64"),
    ],
)
def test_nearest_of_few_masks_of_any_tables(small_prior, rotations, pitches, estimator, dtype):
    index = np.array([0, 2, 1, 2, 0])
    weights = MASKS[index]
    landmarks = make_landmarks(small_prior, 5, weights)
    tables = build_tables(small_prior, rotations, pitches, dtype=dtype)
    found = find_of_masks(landmarks, index, MASKS, tables, 2, estimator, True)
    assert found.dtype == np.int32
    options = {"num_rotations": rotations, "pitches": pitches}
    costs = rank(landmarks, small_prior, estimator, weights, **options)
    np.testing.assert_array_equal(found // tables.num_candidates, [index] * 2)
    check_best(found % tables.num_candidates, costs, dtype)


def test_many_poses_of_few_masks_take_turns(small_prior, monkeypatch):
    monkeypatch.setattr(nearest_candidates, "_ROW", 4)
    index = np.random.default_rng(0).integers(3, size=23)
    landmarks = make_landmarks(small_prior, 23, MASKS[index])
    tables = build_tables(small_prior, 6, dtype="float64")
    expected = find_of_masks(landmarks, index, MASKS, tables, 2, "map", False)
    monkeypatch.setattr(nearest_candidates, "MAX_NUMBERS", 10 * 6 * 7)
    found = find_of_masks(landmarks, index, MASKS, tables, 2, "map", False)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("written_out", [6, 1])
@pytest.mark.parametrize(
    ("scale", "estimator", "dtype"),
    [
        (None, "map", "float64"),
        (1.0, "map", "float64"),
        (None, "min_energy", "float64"),
        (None, "map", "float32"),
    ],
)
def test_nearest_of_visible(
    small_prior, rng, monkeypatch, scale, estimator, dtype, written_out, compiled
):
    """A mask for each pose; eliminations written out, or more rows than are; in turns."""
    monkeypatch.setattr(missing_landmarks, "MAX_WRITTEN_OUT", written_out)
    weights = np.float64(rng.uniform(size=[8, 7]) > 0.2)
    weights[:2] = MASKS[[0, 2]]
    most = int(np.max(np.sum(weights == 0, 1)))
    assert 2 <= most <= 4
    landmarks = make_landmarks(small_prior, 8, weights, scale)
    costs = rank(landmarks, small_prior, estimator, weights, scale=scale, num_rotations=6)
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype=dtype)

    def find(landmarks, weights):
        rows = completion.missing_rows(weights, most)
        return nearest_candidates.nearest_of_visible(
            landmarks, weights, rows, tables, 2, estimator, compiled
        )

    batch = tf.constant(landmarks, dtype), tf.constant(weights, dtype)
    check_best(as_program(find, compiled)(*batch), costs, dtype)
    monkeypatch.setattr(nearest_candidates, "MAX_NUMBERS_MISSING", 3 * 64 * 12)
    check_best(as_program(find, compiled)(*batch), costs, dtype)


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_quick_costs_are_those_of_the_search(small_prior, scale, estimator):
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = tf.constant(make_landmarks(small_prior, 5, scale=scale))
    costs = nearest_candidates._costs_of_visible(landmarks, tables, estimator)
    expected = rotation_search.search(landmarks, tables, estimator=estimator).costs
    found = visible_forms.join(costs, tables)
    np.testing.assert_allclose(found, tf.transpose(expected), rtol=1e-6)
