"""The search alone: the cost of every candidate, and its features."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops import rotation_search
from tf_lift.prior import build_tables

ROTATIONS = 12


@pytest.mark.parametrize("selection", ["posterior", "energy"])
@pytest.mark.parametrize("weights_kind", ["all", "mask", "few missing", "real"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_costs_equal_brute_force(tiny_prior, rng, scale, weights_kind, selection):
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
    costs = rotation_search.search(tf.constant(landmarks), tables, seen, selection, masks).costs
    for i in range(4):
        seen = None if weights is None else weights[i]
        for found in reference.lift(landmarks[i], tiny_prior, seen, scale, ROTATIONS, selection):
            k, angle = found["mixture_index"], found["rotation_angle"]
            index = k * ROTATIONS + round(angle / (2 * np.pi) * ROTATIONS)
            expected = found["cost" if selection == "posterior" else "energy"]
            np.testing.assert_allclose(costs[i, index], expected, rtol=1e-8, atol=1e-6)


def test_products_hold_each_pair_once(rng):
    across, along = rng.standard_normal([2, 2, 3])
    same, mixed = rotation_search.products(tf.constant(across), tf.constant(along))
    for i in range(3):
        x, y = across[:, i], along[:, i]
        np.testing.assert_allclose(
            same[:, i], [x[0] * x[0], x[0] * x[1], x[1] ** 2, y[0] * y[0], y[0] * y[1], y[1] ** 2]
        )
        np.testing.assert_allclose(mixed[:, i], np.outer(x, y).ravel())


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("rotations", "pitches", "number"),
    [(12, (0.0,), 2), (7, (0.0,), 3), (4, (0.0, 0.3), 2), (200, (0.0,), 2), (1, (0.0,), 5)],
)
def test_nearest_are_those_of_the_lowest_cost(
    tiny_prior, rng, rotations, pitches, number, dtype, unrolled
):
    """Half turns or not, few candidates or many, more asked for than there are."""
    tables = build_tables(tiny_prior, rotations, pitches, True, dtype)
    landmarks = 0.5 * tiny_prior.sample(30, seed=1)[..., [0, 2]] * [1, -1]
    landmarks -= landmarks.mean(1, keepdims=True)
    landmarks = tf.constant(landmarks / 500, dtype)
    costs = rotation_search.search(landmarks, tables).costs.numpy()
    points = rotation_search.coordinates(landmarks, tables)
    found = rotation_search.nearest(points, tables, number, unrolled=unrolled).numpy()
    assert found.shape == (min(number, costs.shape[1]), 30)
    for i in range(30):
        assert len(set(found[:, i])) == len(found)
        # Equal but for what rounding and the marks in the lowest bits leave of a cost.
        np.testing.assert_allclose(
            costs[i, found[:, i]], np.sort(costs[i])[: len(found)], rtol=0, atol=0.02
        )


def test_search_in_chunks_equals_search_at_once(tiny_prior, rng, monkeypatch):
    tables = build_tables(tiny_prior, ROTATIONS)
    points = tf.constant(rng.standard_normal([23, 32]), tf.float32)
    expected = rotation_search.nearest(points, tables, 2)
    monkeypatch.setattr(rotation_search, "MAX_NUMBERS", 10 * 16 * 17)
    np.testing.assert_array_equal(rotation_search.nearest(points, tables, 2), expected)
    unknown = tf.function(
        lambda points: rotation_search.nearest(points, tables, 2),
        input_signature=[tf.TensorSpec([None, 32])],
    )
    np.testing.assert_array_equal(unknown(points), expected)
    np.testing.assert_array_equal(unknown(points[:5]), expected[:, :5])
