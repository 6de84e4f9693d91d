"""Noisy landmarks: weights from the ratio of variances, and residuals added to the pose."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as oracle

from tf_lift.ops.lift import noise
from tf_lift.prior import build_tables

ROTATIONS = 12


def make_landmarks(prior, rng, num_poses, scale):
    """Poses of a prior seen from all around at `scale` pixels per mm."""
    poses = prior.sample(num_poses, seed=4)
    matrices = [oracle.rotation(angle) for angle in rng.uniform(0, 2 * np.pi, num_poses)]
    return scale * np.einsum("ndc,nlc->nld", matrices, poses)[..., :2] + [300, 200]


def implied_inverse_scale(weights, stddev, noise_stddev):
    """The mm per pixel for which weights are n^2 / (n^2 + (u sigma)^2)."""
    return noise_stddev * np.sqrt(1 / weights - 1) / stddev


@pytest.mark.parametrize("scale", [0.2, 0.9])
def test_the_scale_of_the_noise_is_on_average_that_of_the_landmarks(tiny_prior, rng, scale):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 300, scale)
    landmarks += rng.normal(0, 30 * scale, landmarks.shape)
    batch = {"noise": tf.fill([300, 17], tf.constant(30 * scale, tf.float64))}
    weights = noise.trust_landmarks(tf.constant(landmarks), None, batch, tables).numpy()
    variance = np.mean(np.repeat(tiny_prior.noise_stddev, ROTATIONS) ** 2)
    inverse_scale = implied_inverse_scale(weights, 30 * scale, np.sqrt(variance))
    np.testing.assert_allclose(np.mean(inverse_scale**-2) ** -0.5, 1 / scale, rtol=0.05)


def test_weights_at_a_given_scale(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    scale, stddev = np.array([0.2, 0.5]), rng.uniform(0, 9, [2, 17])
    seen = rng.uniform(0, 2, [2, 17]) * (rng.uniform(size=[2, 17]) > 0.3)
    batch = {"noise": tf.constant(stddev), "scale": tf.constant(scale)}
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 2, 1.0))
    weights = noise.trust_landmarks(landmarks, tf.constant(seen), batch, tables)
    variance = np.mean(np.repeat(tiny_prior.noise_stddev, ROTATIONS) ** 2)
    expected = seen * variance / (variance + (stddev / scale[:, None]) ** 2)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_weights_do_not_depend_on_unit_place_or_missing_landmarks(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 2, 0.4)
    seen, stddev = np.float64(rng.uniform(size=[2, 17]) > 0.3), rng.uniform(1, 9, [2, 17])

    def weigh(landmarks, stddev):
        batch = {"noise": tf.constant(stddev)}
        return noise.trust_landmarks(tf.constant(landmarks), tf.constant(seen), batch, tables)

    expected = weigh(landmarks, stddev)
    assert np.all(expected.numpy()[seen == 0] == 0)
    np.testing.assert_allclose(weigh(3 * landmarks + 50, 3 * stddev), expected, rtol=1e-10)
    landmarks[seen == 0] = 0
    np.testing.assert_allclose(weigh(landmarks, stddev), expected, rtol=1e-12)


def test_noise_that_explains_all_of_the_spread_has_small_weights(tiny_prior):
    """And has finite ones; without noise all weights are one."""
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = tf.constant(np.random.default_rng(1).normal(0, 3, [1, 17, 2]))
    weights = [
        noise.trust_landmarks(landmarks, None, {"noise": tf.fill([1, 17], stddev)}, tables)
        for stddev in (tf.constant(0.0, tf.float64), tf.constant(50.0, tf.float64))
    ]
    np.testing.assert_array_equal(weights[0], np.ones([1, 17]))
    assert np.all((weights[1].numpy() > 0) & (weights[1].numpy() < 1e-3))


def test_weights_have_no_gradient(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 2, 0.4))
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        batch = {"noise": tf.ones([2, 17], tf.float64)}
        weights = noise.trust_landmarks(landmarks, None, batch, tables)
    assert tape.gradient(weights, landmarks) is None


@pytest.mark.parametrize("free_scale", [True, False])
def test_residuals_of_weight_one_bring_joints_to_the_landmarks(rng, free_scale):
    joints, landmarks = rng.normal(0, 200, [2, 6, 3]), rng.normal(0, 200, [2, 6, 2])
    weights = np.array([1.0, 1, 0, 1, 1.7, 0]) * np.ones([2, 1])
    result = noise.add_residuals(*map(tf.constant, (joints, landmarks, weights)), free_scale)
    result, visible = result.numpy(), weights[0] > 0
    np.testing.assert_array_equal(result[..., 2], joints[..., 2])
    np.testing.assert_array_equal(result[:, ~visible], joints[:, ~visible])
    difference = (result[..., :2] - landmarks)[:, visible]
    if free_scale:  # All are at the same distance: the mean residual is position.
        mean = np.einsum("bl,blc->bc", weights, joints[..., :2] - landmarks)
        difference -= mean[:, None] / weights.sum(1)[:, None, None]
    np.testing.assert_allclose(difference, 0, atol=1e-10)


def test_half_the_weight_adds_half_the_residual(rng):
    joints, landmarks = rng.normal(0, 200, [2, 6, 3]), rng.normal(0, 200, [2, 6, 2])
    half = noise.add_residuals(joints, landmarks, np.full([2, 6], 0.5), True) - joints
    whole = noise.add_residuals(joints, landmarks, np.ones([2, 6]), True) - joints
    np.testing.assert_allclose(half, whole / 2, rtol=1e-9, atol=1e-9)


def test_gradient_of_residuals_equals_finite_differences(rng):
    weights = tf.constant(rng.uniform(0, 1, [2, 6]))

    def add(joints_3d, landmarks):
        return noise.add_residuals(joints_3d, landmarks, weights, True)

    inputs = rng.normal(0, 2, [2, 6, 3]), rng.normal(0, 2, [2, 6, 2])
    helpers.check_gradient(add, inputs, rng)
