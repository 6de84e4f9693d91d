"""The search alone: its normalisers, its features, its choice of candidates."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops import rotation_search
from tf_lift.prior import build_tables

ROTATIONS = 12


@pytest.mark.parametrize("weights_kind", ["all", "mask", "real"])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_candidates_and_normalisers_equal_brute_force(tiny_prior, rng, scale, weights_kind):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    landmarks = 0.5 * tiny_prior.sample(4, seed=1)[..., [0, 2]] * [1, -1]
    weights = {
        "all": None,
        "mask": np.float64(rng.uniform(size=[4, 17]) > 0.3),
        "real": rng.uniform(0.2, 2, [4, 17]),
    }[weights_kind]
    indices, normaliser = rotation_search.search(
        tf.constant(landmarks), tables, None if weights is None else tf.constant(weights)
    )
    assert indices.shape == (4, rotation_search.NUM_CANDIDATES)
    for i in range(4):
        best = reference.lift(
            landmarks[i], tiny_prior, None if weights is None else weights[i], scale, ROTATIONS
        )
        for n in range(rotation_search.NUM_CANDIDATES):
            k, angle = best[n]["mixture_index"], best[n]["rotation_angle"]
            assert int(indices[i, n]) == k * ROTATIONS + round(angle / (2 * np.pi) * ROTATIONS)
            expected = best[n]["cost"] - best[n]["energy"] / tiny_prior.noise_stddev[k] ** 2
            np.testing.assert_allclose(normaliser[i, n], expected, rtol=1e-9)


def test_energy_has_no_normaliser(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = tf.constant(0.5 * tiny_prior.sample(4, seed=1)[..., [0, 2]], tf.float32)
    for weights in (None, tf.ones([4, 17])):
        _, normaliser = rotation_search.search(landmarks, tables, weights, "energy")
        assert np.all(normaliser.numpy() == 0)


def test_no_gradient_flows_through_the_search(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = tf.constant(0.5 * tiny_prior.sample(2, seed=1)[..., [0, 2]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        _, normaliser = rotation_search.search(landmarks, tables, tf.ones([2, 17]))
    assert tape.gradient(normaliser, landmarks) is None


def test_quadratic_features_hold_each_pair_once(rng):
    landmarks = rng.standard_normal([3, 2, 2])
    for free_scale in (True, False):
        features = rotation_search.quadratic_features(tf.constant(landmarks), free_scale).numpy()
        for row, pose in zip(features, landmarks, strict=True):
            flat = pose.ravel() if free_scale else np.append(pose.ravel(), 1.0)
            outer = np.outer(flat, flat)
            np.testing.assert_allclose(row, outer[np.triu_indices(len(flat))])
