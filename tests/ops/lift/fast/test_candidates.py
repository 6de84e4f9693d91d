"""Poses of many candidates against the reference's fits of them."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import reference
from tf_lift.ops.lift.fast import candidates, weighted_fit
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import build_tables

CASES = pytest.mark.parametrize(
    ("free_scale", "rotations", "pitches", "estimator"),
    [
        (True, 6, (0.0,), "map"),
        (False, 6, (0.0,), "map"),
        (True, 6, (0.0,), "min_energy"),
        (True, 5, (0.0, 0.3), "map"),
        (False, 5, (0.0,), "min_energy"),
    ],
)
WEIGHTS = np.array([[1, 1, 1, 1, 1, 1, 1], [0.3, 2, 1, 4, 0, 1.5, 0.7], [1, 0, 1, 0, 1, 0, 0]])


def fit(prior, landmarks, weights, free_scale, rotations, pitches, estimator):
    """Returns the reference's candidates, with energies as the costs of "min_energy"."""
    options = LiftOptions(num_rotations=rotations, pitches=pitches)
    batch = tf.constant(landmarks), tf.constant(weights)
    found = reference.fit_candidates(*batch, prior, options, free_scale)
    return found._replace(costs=found.poses.energy) if estimator == "min_energy" else found


def check_same(found, expected):
    np.testing.assert_allclose(found.costs, expected.costs, rtol=1e-8, atol=1e-7)
    for name, part, other in zip(found.poses._fields, found.poses, expected.poses, strict=True):
        if name in ("joints_3d", "pose_per_inverse_scale"):
            # Where the origin of a pose is does not matter.
            part, other = (each - each[:, :, :1] for each in (part, other))
        if name == "pose_per_inverse_scale" and not np.any(expected.poses.inverse_scale_variance):
            continue  # At a given scale it counts for nothing.
        np.testing.assert_allclose(part, other, rtol=1e-8, atol=1e-6, err_msg=name)
    variance = found.variance + tf.zeros_like(expected.variance)
    np.testing.assert_allclose(variance, expected.variance, rtol=1e-8)


@CASES
def test_all_candidates_of_visible_landmarks(
    small_prior, free_scale, rotations, pitches, estimator
):
    tables = build_tables(small_prior, rotations, pitches, free_scale, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, scale=None if free_scale else 1.0)
    expected = fit(
        small_prior, landmarks, np.ones([3, 7]), free_scale, rotations, pitches, estimator
    )
    check_same(candidates.all_visible(tf.constant(landmarks), tables, estimator), expected)


@pytest.mark.parametrize("compiled", [False, True])
@CASES
def test_chosen_candidates_of_visible_landmarks(
    small_prior, free_scale, rotations, pitches, estimator, compiled
):
    tables = build_tables(small_prior, rotations, pitches, free_scale, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, scale=None if free_scale else 1.0)
    indices = tf.constant([[0, 3, 7], [1, 9, 2], [4, 4, 8]])
    expected = fit(
        small_prior, landmarks, np.ones([3, 7]), free_scale, rotations, pitches, estimator
    )
    expected = tf.nest.map_structure(lambda part: tf.gather(part, indices, batch_dims=1), expected)
    found = candidates.chosen_visible(
        tf.constant(landmarks), tables, tf.transpose(indices), estimator, compiled
    )
    check_same(found, expected)


@CASES
def test_chosen_candidates_of_any_weights(small_prior, free_scale, rotations, pitches, estimator):
    tables = build_tables(small_prior, rotations, pitches, free_scale, "float64")
    scale = None if free_scale else 1.0
    landmarks = lift_ranking.make_landmarks(small_prior, 3, WEIGHTS, scale)
    expected = fit(small_prior, landmarks, WEIGHTS, free_scale, rotations, pitches, estimator)
    indices = tf.constant([[0, 3, 7], [1, 9, 2], [4, 4, 8]])
    batch = tf.constant(landmarks), tf.constant(WEIGHTS)
    solved = weighted_fit.fit(*batch, tables, tf.transpose(indices), False)
    variance = weighted_fit.variance(solved, tables, False)
    found = candidates.chosen(batch[0], tables, solved, variance, estimator)
    expected = tf.nest.map_structure(lambda part: tf.gather(part, indices, batch_dims=1), expected)
    check_same(found, expected)


@pytest.mark.parametrize("kind", ["all", "chosen", "weights"])
def test_gradient_of_costs_and_poses_is_that_of_the_reference(small_prior, rng, kind):
    """Of costs as well: the mean over candidates weights them by these."""
    tables = build_tables(small_prior, 6, dtype="float64")
    weights = WEIGHTS if kind == "weights" else None
    landmarks = tf.constant(lift_ranking.make_landmarks(small_prior, 3, weights))
    seen = tf.constant(np.ones([3, 7]) if weights is None else weights)
    mean = seen / tf.reduce_sum(seen, 1, keepdims=True)
    of_joints, of_costs = rng.standard_normal([3, 12, 7, 3]), rng.standard_normal([3, 12])

    def gradient(find):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            found = find(landmarks - tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis])
            joints = found.poses.joints_3d - found.poses.joints_3d[:, :, :1]
            total = tf.reduce_sum(joints * of_joints) + tf.reduce_sum(found.costs * of_costs)
        return tape.gradient(total, landmarks)

    def find(landmarks):
        if kind == "all":
            return candidates.all_visible(landmarks, tables, "map")
        indices = tf.tile(tf.range(12)[:, tf.newaxis], [1, 3])
        if kind == "chosen":
            return candidates.chosen_visible(landmarks, tables, indices, "map", False)
        solved = weighted_fit.fit(landmarks, seen, tables, indices, False)
        return candidates.chosen(landmarks, tables, solved, 0.0, "map")

    options = LiftOptions(num_rotations=6)
    expected = gradient(
        lambda points: reference.fit_candidates(points, seen, small_prior, options, True)
    )
    np.testing.assert_allclose(gradient(find), expected, rtol=1e-7, atol=1e-5)
