"""Landmarks that may be wrong: their probabilities by brute force, and what they do to a lift."""

import helpers
import lift_contract
import lift_inputs
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from reference import lifting as oracle

import tf_lift
from tf_lift.ops.lift import robust
from tf_lift.prior import build_tables

ROTATIONS = 12


@pytest.mark.parametrize("scale", [None, 0.4])
def test_probability_is_that_of_a_gaussian_or_a_uniform_landmark(tiny_prior, rng, scale):
    """Each landmark is predicted from the others by the conditional Gaussian."""
    landmarks = 1.3 * lift_inputs.make_landmarks(tiny_prior, rng, 3, scale)
    weights, right = rng.uniform(0.3, 2, [3, 17]), rng.uniform(0.2, 1, [3, 17])
    weights[:, 5] = 0
    outlier = rng.uniform(0.01, 0.6, [3, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    result = helpers.lift(landmarks, tables, weights * right, scale)
    found = robust.inlier_probability(
        *(tf.constant(part) for part in (landmarks, weights, right, outlier)),
        result,
        tables,
        *robust.view_without_roll(tables, result),
    )
    for i in range(3):
        k = int(result["mixture_index"][i])
        project = oracle.rotation(float(result["rotation_angle"][i]))[:2].T
        loadings = tiny_prior.basis[k] * tiny_prior.stddev[k][:, None, None]
        design = np.stack([(w @ project).reshape(-1) for w in loadings], 1)
        shift = np.tile(np.eye(2), [17, 1]) * (1e4 if scale is None else 0)
        known = design @ design.T + shift @ shift.T
        y = (landmarks[i] / float(result["scale"][i])).reshape(-1)
        y = y - (tiny_prior.mean_pose[k] @ project).reshape(-1)
        noise = tiny_prior.noise_stddev[k] ** 2
        for j in np.flatnonzero(weights[i]):
            own = [2 * j, 2 * j + 1]
            rest = [r for r in range(34) if r // 2 != j and weights[i, r // 2] > 0]
            of_rest = np.diag([noise / (weights * right)[i, r // 2] for r in rest])
            gain = known[np.ix_(own, rest)] @ np.linalg.inv(known[np.ix_(rest, rest)] + of_rest)
            covariance = known[np.ix_(own, own)] - gain @ known[np.ix_(rest, own)]
            covariance = covariance + noise / weights[i, j] * np.eye(2)
            density = scipy.stats.multivariate_normal(gain @ y[rest], covariance).pdf(y[own])
            inlier, uniform = (1 - outlier[i, j]) * density, outlier[i, j] / 1e6
            expected = inlier / (inlier + uniform)
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-3, atol=1e-6)
        assert found[i, 5] == 1


@pytest.mark.parametrize("joint", [10, 1])
def test_wrong_landmark_is_found(joint):
    """A head or hip that is half a metre off; the others' pose is that of a lift without it."""
    prior = tf_lift.PosePrior.load("cmu")
    landmarks = 0.3 * prior.sample(8, seed=3)[..., [0, 2]] * [1, -1]
    right = tf_lift.lift(landmarks, prior, np.arange(17) != joint)["joints_3d"].numpy()
    wrong = landmarks.copy()
    wrong[:, joint] += [150, 60]
    plain = tf_lift.lift(wrong, prior)
    found = tf_lift.lift(wrong, prior, outlier_probability=0.02)
    others = np.arange(17) != joint
    error = np.linalg.norm(found["joints_3d"] - right, axis=-1)[:, others].max(1)
    plain_error = np.linalg.norm(plain["joints_3d"] - right, axis=-1)[:, others].max(1)
    assert np.median(error) < 15 and np.all(error < plain_error)
    assert np.median(found["misfit"]) < np.median(plain["misfit"]) / 2


@pytest.mark.parametrize("mode", ["graph", "compiled"])
def test_graph_and_compiled_equal_eager(tiny_prior, rng, mode):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3)
    landmarks[:, 3] += 300
    visible = rng.random([3, 17]) > 0.1
    landmarks[2, 4] = np.nan
    visible[2, 4] = True
    outlier = tuple(map(tuple, rng.uniform(0, 0.3, [3, 17])))
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")

    def lift(landmarks):
        return helpers.lift(landmarks, tables, visible, None, "mean", outlier_probability=outlier)

    expected = lift(landmarks)
    assert np.isnan(expected["energy"][2]) and expected["mixture_index"][2] == -1
    traced = tf.function(lift, jit_compile=mode == "compiled", autograph=False)
    helpers.assert_same_lift(traced(tf.constant(landmarks)), expected, [0, 1])


def test_gradient_holds_the_weights(tiny_prior, rng):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 2)
    landmarks[:, 3] += 300
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    batch = {"landmarks": tf.constant(landmarks), "outlier": tf.fill([2, 17], np.float64(0.1))}

    def most_probable(batch):
        return helpers.lift(batch["landmarks"], tables, batch["weights"])

    weights = robust.find_weights(batch, tables, most_probable)
    assert np.all(weights[:, 3] < 0.1)

    def gradient(**arguments):
        with tf.GradientTape() as tape:
            tape.watch(batch["landmarks"])
            joints = helpers.lift(batch["landmarks"], tables, **arguments)["joints_3d"]
            loss = tf.reduce_sum(joints**2)
        return tape.gradient(loss, batch["landmarks"])

    expected = gradient(visibility=weights)
    np.testing.assert_allclose(gradient(outlier_probability=0.1), expected, rtol=1e-6, atol=1e-6)
    held = lambda y: helpers.lift(y, tables, weights)["joints_3d"]  # noqa: E731
    lift_contract.check_gradient(held, landmarks, rng)


def test_probability_of_another_shape_is_named(tiny_prior):
    with pytest.raises(ValueError, match="`outlier_probability` must have shape"):
        tf_lift.lift(np.ones([17, 2]), tiny_prior, outlier_probability=[0.1, 0.2])
