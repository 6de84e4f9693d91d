"""The refined rotation: a minimum of the brute-force cost, with its exact derivative."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference
from scipy import optimize

from tf_lift.prior import build_tables

ROTATIONS = 24


def make_landmarks(prior, rng, num_poses):
    poses = prior.sample(num_poses, seed=8)
    matrices = [reference.rotation(angle, 0.2) for angle in rng.uniform(0, 6, num_poses)]
    flat = np.einsum("ndc,nlc->nld", matrices, poses)[..., :2] * 0.4
    return flat + rng.normal(0, 2.0, flat.shape)


def make_weights(rng, kind, num_poses):
    return (
        None if kind == "all" else rng.uniform(0.3, 2, [num_poses, 17]) * (np.arange(17) % 6 != 4)
    )


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("kind", ["all", "weights"])
def test_angle_is_the_minimum_of_the_cost(tiny_prior, rng, kind, scale):
    landmarks = make_landmarks(tiny_prior, rng, 3)
    weights = make_weights(rng, kind, 3)
    tables = build_tables(tiny_prior, ROTATIONS, (0.2,), scale is None, "float64")
    grid = helpers.lift(landmarks, tables, weights, scale)
    fine = helpers.lift(landmarks, tables, weights, scale, refine=True)
    for i in range(3):
        seen = None if weights is None else weights[i]
        k = int(fine["mixture_index"][i])
        assert k == grid["mixture_index"][i]

        def solve(angle, i=i, k=k, seen=seen):
            matrix = reference.rotation(angle, 0.2)
            return reference.candidate(landmarks[i], tiny_prior, k, matrix, seen, scale)

        start, step = float(grid["rotation_angle"][i]), 2 * np.pi / ROTATIONS
        found = optimize.minimize_scalar(
            lambda angle: solve(angle)["cost"],
            bounds=(start - step, start + step),
            method="bounded",
            options={"xatol": 1e-9},
        )
        np.testing.assert_allclose(fine["rotation_angle"][i], found.x, atol=1e-6)
        assert abs(found.x - start) > 1e-4
        best = solve(float(fine["rotation_angle"][i]))
        for key in ("joints_3d", "landmarks", "scale", "energy"):
            np.testing.assert_allclose(fine[key][i], best[key], rtol=1e-6, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("kind", ["all", "weights"])
@pytest.mark.usefixtures("untraced_lifts")
def test_gradient_equals_finite_differences(tiny_prior, rng, kind, scale):
    landmarks = make_landmarks(tiny_prior, rng, 2)
    weights = make_weights(rng, kind, 2)
    tables = build_tables(tiny_prior, ROTATIONS, (0.2,), scale is None, "float64")

    def lift(landmarks):
        return helpers.lift(landmarks, tables, weights, scale, refine=True)

    outputs = "joints_3d", "landmarks", "rotation_angle", "scale"
    helpers.check_gradient_of_each(lift, outputs, landmarks, rng, 3, 1e-4, rtol=1e-5, atol=1e-6)


def test_never_worse_than_the_grid(tiny_prior, rng):
    """Whatever the landmarks: coarse angles, few of them visible, noise alone."""
    tables = build_tables(tiny_prior, 6, dtype="float64")
    landmarks = rng.normal(0, 50, [20, 17, 2])
    visible = rng.uniform(size=[20, 17]) > 0.5
    grid = helpers.lift(landmarks, tables, visible)
    fine = helpers.lift(landmarks, tables, visible, refine=True)
    for i in range(20):
        costs = [
            reference.candidate(
                landmarks[i],
                tiny_prior,
                int(result["mixture_index"][i]),
                reference.rotation(float(result["rotation_angle"][i])),
                visible[i],
            )["cost"]
            for result in (grid, fine)
        ]
        assert costs[1] <= costs[0] + 1e-9
        turn = abs(float(fine["rotation_angle"][i] - grid["rotation_angle"][i]))
        assert turn <= 2 * np.pi / 6 + 1e-9


@pytest.mark.slow
def test_compiled_float32_equals_float64(tiny_prior, rng):
    landmarks = make_landmarks(tiny_prior, rng, 8)
    tables = build_tables(tiny_prior, ROTATIONS, (0.2,))
    exact = helpers.lift(
        landmarks, build_tables(tiny_prior, ROTATIONS, (0.2,), dtype="float64"), refine=True
    )

    @tf.function(jit_compile=True)
    def lift(landmarks):
        return helpers.lift(landmarks, tables, refine=True)

    result = lift(tf.constant(landmarks, tf.float32))
    np.testing.assert_allclose(result["rotation_angle"], exact["rotation_angle"], atol=1e-3)
    np.testing.assert_allclose(result["joints_3d"], exact["joints_3d"], atol=1.0)


def test_undetermined_scale_is_not_refined(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = tf.fill([1, 17, 2], tf.constant(5.0, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(landmarks, tables, refine=True)
    expected = helpers.lift(landmarks, tables)
    for key, value in expected.items():
        np.testing.assert_array_equal(result[key], value, err_msg=key)
    assert np.all(tape.gradient(result["joints_3d"], landmarks).numpy() == 0)
