"""The mean over all candidates against sums over the poses of each."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import posterior
from tf_lift.ops.lift.fast import candidates, visible_mean
from tf_lift.prior import build_tables


@pytest.mark.parametrize(
    ("free_scale", "rotations", "pitches"),
    [(True, 6, (0.0,)), (False, 6, (0.0,)), (True, 5, (0.0, 0.3)), (False, 5, (0.0,))],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_means_are_those_of_the_poses(small_prior, rng, free_scale, rotations, pitches, compiled):
    """For any weights and inverse scales, not those of the candidates alone."""
    tables = build_tables(small_prior, rotations, pitches, free_scale, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, scale=None if free_scale else 1.0)
    landmarks = tf.constant(landmarks)
    probability = rng.dirichlet(np.ones(tables.num_candidates), 3)
    every = candidates.all_visible(landmarks, tables, "map")
    scale, variance = every.poses.inverse_scale, every.poses.inverse_scale_variance

    @tf.function(jit_compile=compiled)
    def mean_pose(landmarks, probability):
        parts = (tf.transpose(part) for part in (probability, scale, variance))
        return visible_mean.mean_pose(landmarks, tables, *parts, compiled)

    found = mean_pose(landmarks, tf.constant(probability))
    poses = every.poses.joints_3d
    expected = np.einsum("bn,bnlc->blc", probability, poses)
    np.testing.assert_allclose(found.joints_3d, expected, atol=1e-3, rtol=1e-6)
    expected = np.einsum("bn,bnlc->blc", probability / scale, poses)[..., :2]
    np.testing.assert_allclose(found.projected, expected, atol=1e-3, rtol=1e-6)
    np.testing.assert_allclose(found.inverse_scale, np.sum(probability * scale, 1), rtol=1e-9)
    mean = posterior.expectation(poses, tf.constant(probability))
    stddev = posterior.stddev(every, probability, mean - mean[:, :1])
    np.testing.assert_allclose(np.sqrt(found.variance), stddev, rtol=1e-6)


def test_gradient_is_that_of_the_poses(small_prior, rng):
    tables = build_tables(small_prior, 6, dtype="float64")
    landmarks = tf.constant(lift_ranking.make_landmarks(small_prior, 3))
    upstream = rng.standard_normal([3, 7, 3]), rng.standard_normal([3, 7, 2])

    def by_products(landmarks):
        costs, *scales, _ = candidates.scales(landmarks, tables, "map")
        found = visible_mean.mean_pose(
            landmarks, tables, tf.nn.softmax(-costs / 6, 0), *scales, False
        )
        return found.joints_3d, found.projected, found.inverse_scale

    def by_poses(landmarks):
        every = candidates.all_visible(landmarks, tables, "map")
        probability = posterior.probabilities(every.costs, 3.0)
        joints, projected = (
            posterior.expectation(every.poses.joints_3d, weights)
            for weights in (probability, probability / every.poses.inverse_scale)
        )
        return joints, projected[..., :2], tf.reduce_sum(probability * every.poses.inverse_scale, 1)

    gradients = []
    for function in (by_products, by_poses):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            joints, projected, inverse_scale = function(landmarks)
            total = tf.reduce_sum(joints * upstream[0]) + tf.reduce_sum(projected * upstream[1])
            total += 1000 * tf.reduce_sum(inverse_scale)
        gradients.append(tape.gradient(total, landmarks).numpy())
    assert np.abs(gradients[1]).max() > 1
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-5 * np.abs(gradients[1]).max())
