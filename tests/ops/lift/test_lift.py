"""The lift against brute force, finite differences and XLA."""

import functools

import helpers
import lift_inputs
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift import reference as readable_lift
from tf_lift.ops.lift.fast import routes
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import build_tables

ROTATIONS = 12
OUTPUTS = ("landmarks", "joints_3d", "scale", "energy")


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("weights_kind", ["all", "visible", "mask", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_lift_equals_brute_force(tiny_prior, rng, scale, weights_kind, estimator):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 5, scale)
    weights = lift_inputs.random_weights(rng, weights_kind, [5, 17])
    tables = build_tables(tiny_prior, ROTATIONS, (0.0, 0.3), scale is None, "float64")
    result = helpers.lift(landmarks, tables, weights, scale, estimator)
    for i in range(5):
        best = reference.lift(
            landmarks[i],
            tiny_prior,
            None if weights is None else weights[i],
            scale,
            ROTATIONS,
            estimator,
            (0.0, 0.3),
        )[0]
        for key in (*OUTPUTS, "mixture_index", "rotation_angle", "pitch"):
            np.testing.assert_allclose(result[key][i], best[key], rtol=1e-8, atol=1e-7, err_msg=key)


def second_is_clear(landmarks, prior, weights, scale):
    """Whether float32 finds the second best candidate, on which deviations depend, of each."""
    options = LiftOptions(estimator="map")
    costs = readable_lift.lift(landmarks, prior, options, weights, scale)["costs"]
    costs = np.sort(costs, 1)
    clear = costs[:, 2] - costs[:, 1] > 0.02
    assert np.mean(clear) > 0.9
    return clear


@pytest.fixture(scope="module")
def programs(tiny_prior):
    """Function of a scale, a type of weights and whether XLA compiles it: one program of each."""

    @functools.cache
    def make(scale, kind, compiled):
        tables = build_tables(tiny_prior, 80, free_scale=scale is None)

        def lift(landmarks, weights=None):
            return helpers.lift(landmarks, tables, weights, scale)

        signature = [tf.TensorSpec([None, 17, 2])]
        if kind is not None:
            signature.append(tf.TensorSpec([None, 17], kind))
        return tf.function(lift, input_signature=signature, jit_compile=compiled)

    return make


@pytest.mark.parametrize(
    ("scale", "weights_kind"),
    # At a free scale test_contract.py has the others.
    [(None, "all"), (None, "visible"), (1.0, "all"), (1.0, "mask"), (1.0, "real")],
)
def test_float32_eager_and_compiled_equal_float64(tiny_prior, rng, programs, scale, weights_kind):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 40, scale)
    weights = lift_inputs.random_weights(rng, weights_kind, [40, 17])
    tables = build_tables(tiny_prior, 80, free_scale=scale is None, dtype="float64")
    exact = helpers.lift(landmarks, tables, weights, scale)
    clear = second_is_clear(landmarks, tiny_prior, weights, scale)
    arguments, kind = [tf.constant(landmarks, tf.float32)], None
    if weights is not None:
        # At a given scale one program lifts both kinds.
        kind = tf.bool if weights_kind == "visible" else tf.float32
        arguments.append(tf.cast(weights, kind))
    graph, compiled = (programs(scale, kind, compiled) for compiled in (False, True))
    for function in (graph.python_function, graph, compiled):
        result = function(*arguments)
        stddev = {"joints_3d_stddev": result.pop("joints_3d_stddev")}
        helpers.assert_same_lift(result, exact)
        helpers.assert_same_lift(stddev, exact, clear)


@pytest.mark.parametrize("weights_kind", ["all", "visible", "mask", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.usefixtures("untraced_lifts")
def test_gradient_equals_finite_differences(tiny_prior, rng, scale, weights_kind):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3, scale)
    weights = lift_inputs.random_weights(rng, weights_kind, [3, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    for i in range(3):
        cost = [
            found["cost"]
            for found in reference.lift(
                landmarks[i], tiny_prior, None if weights is None else weights[i], scale, ROTATIONS
            )[:2]
        ]
        assert cost[1] - cost[0] > 1e-3  # The winner stays the winner.

    def lift(landmarks):
        return helpers.lift(landmarks, tables, weights, scale)

    helpers.check_gradient_of_each(lift, OUTPUTS, landmarks, rng, 5, delta=1e-5)
    if scale is not None:
        # The given scale does not depend on the landmarks.
        variable = tf.constant(landmarks)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            result = lift(variable)["scale"]
        gradient = tape.gradient(result, variable)
        assert gradient is None or not np.any(gradient)


def test_landmarks_gradient_is_projection(tiny_prior, rng):
    """S8: the matrix that projects forward also projects the gradient."""
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = tf.constant(lift_inputs.make_landmarks(tiny_prior, rng, 1, 1.0))
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(landmarks, tables, scale=1.0)
        projected = tf.reshape(result["landmarks"], [34])
    jacobian = tf.reshape(tape.jacobian(projected, landmarks), [34, 34]).numpy()
    k = int(result["mixture_index"][0])
    matrix = reference.rotation(float(result["rotation_angle"][0]))[:2]
    basis = np.stack([(e @ matrix.T).reshape(-1) for e in tiny_prior.basis[k]], 1)
    penalty = np.diag((tiny_prior.noise_stddev[k] / tiny_prior.stddev[k]) ** 2)
    expected = basis @ np.linalg.inv(basis.T @ basis + penalty) @ basis.T
    np.testing.assert_allclose(jacobian, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("scale", "weights_kind", "known"),
    [
        (None, "all", True),
        (None, "few missing", False),
        (None, "visible", True),
        (0.4, "all", False),
        (0.4, "visible", True),
    ],
)
def test_keyword_compiles_lift_and_gradient(tiny_prior, rng, scale, weights_kind, known):
    """`jit_compile` in a graph that is not compiled, the number of poses known or not."""
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None)
    landmarks = np.float32(lift_inputs.make_landmarks(tiny_prior, rng, 9, scale))
    visible = lift_inputs.random_weights(rng, "visible", [9, 17])
    visible = {"all": None, "few missing": visible | (np.arange(17) > 4), "visible": visible}[
        weights_kind
    ]
    upstream = tf.constant(rng.standard_normal([9, 17, 5]), tf.float32)

    def run(landmarks, upstream, jit_compile):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = helpers.lift(landmarks, tables, visible, scale, jit_compile=jit_compile)
            both = tf.concat([result["joints_3d"], result["landmarks"]], -1)
        return result, tape.gradient(both, landmarks, upstream)

    specs = [
        tf.TensorSpec([9 if known else None, *part.shape[1:]]) for part in (landmarks, upstream)
    ]
    compiled = tf.function(lambda *x: run(*x, True), input_signature=specs)
    traces = [compiled(tf.constant(landmarks), upstream) for _ in range(2)]
    expected = run(tf.constant(landmarks), upstream, False)
    for result, gradient in traces:
        helpers.assert_same_lift(result, expected[0])
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("weights_kind", ["all", "mask"])
def test_gradient_compiled_equals_eager(tiny_prior, rng, weights_kind):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = tf.constant(lift_inputs.make_landmarks(tiny_prior, rng, 7), tf.float32)
    weights = lift_inputs.random_weights(rng, weights_kind, [7, 17])
    upstream = tf.constant(rng.standard_normal([7, 17, 3]), tf.float32)

    def gradient(landmarks):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            joints_3d = helpers.lift(landmarks, tables, weights)["joints_3d"]
        return tape.gradient(joints_3d, landmarks, upstream)

    eager = gradient(landmarks)
    assert np.linalg.norm(eager) > 1
    compiled = tf.function(gradient, jit_compile=True)(landmarks)
    np.testing.assert_allclose(eager, compiled, rtol=1e-3, atol=1e-3)


def test_gradient_reaches_given_scale(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 2, 0.4)
    scale = tf.constant([0.4, 0.41], tf.float64)
    upstream = rng.standard_normal([2, 17, 2])

    def value(scale):
        return helpers.lift(landmarks, tables, scale=scale)["landmarks"]

    with tf.GradientTape() as tape:
        tape.watch(scale)
        result = value(scale)
    gradient = tape.gradient(result, scale, tf.constant(upstream))
    difference = (value(scale + 1e-6) - value(scale - 1e-6)).numpy() / 2e-6
    np.testing.assert_allclose(gradient, np.sum(upstream * difference, (1, 2)), rtol=1e-6)


def test_hidden_landmarks_change_nothing(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 4)
    visible = rng.uniform(size=[4, 17]) > 0.3
    result = helpers.lift(landmarks, tables, visible)
    landmarks[~visible] = np.nan
    variable = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        blanked = helpers.lift(variable, tables, visible)
    gradient = tape.gradient(blanked["joints_3d"], variable).numpy()
    for key in result:
        np.testing.assert_array_equal(result[key], blanked[key], err_msg=key)
    assert np.all(gradient[~visible] == 0)
    assert np.all(np.abs(gradient[visible]).sum(-1) > 0)


def test_completed_landmarks_lift_to_the_same_pose(tiny_prior, rng):
    """Leaving landmarks out is minimising over them: the completed ones change nothing."""
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 4, 1.0)
    visible = rng.uniform(size=[4, 17]) > 0.3
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    masked = helpers.lift(landmarks, tables, visible, scale=1.0, estimator="min_energy")
    completed = np.where(visible[..., None], landmarks, masked["landmarks"])
    result = helpers.lift(completed, tables, scale=1.0, estimator="min_energy")
    for key in ("joints_3d", "landmarks", "energy"):
        np.testing.assert_allclose(result[key], masked[key], rtol=1e-8, atol=1e-7, err_msg=key)


def test_all_visible_mask_equals_no_mask(tiny_prior, rng):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3)
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    plain = helpers.lift(landmarks, tables)
    masked = helpers.lift(landmarks, tables, np.ones([3, 17], bool))
    for key in plain:
        np.testing.assert_allclose(plain[key], masked[key], rtol=1e-9, atol=1e-9, err_msg=key)


def test_scale_and_shift_equivariance(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3)
    result = helpers.lift(landmarks, tables)
    moved = helpers.lift(2.5 * landmarks + [30, -70], tables)
    np.testing.assert_allclose(moved["joints_3d"], result["joints_3d"], atol=1e-7)
    np.testing.assert_allclose(moved["scale"], 2.5 * result["scale"], rtol=1e-9)
    np.testing.assert_allclose(moved["energy"], result["energy"], rtol=1e-9)
    np.testing.assert_allclose(moved["landmarks"], 2.5 * result["landmarks"] + [30, -70])


def test_leading_dimensions(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 6).astype("float32")
    flat = helpers.lift(landmarks, tables, np.arange(17) != 5)
    nested = helpers.lift(landmarks.reshape(2, 3, 17, 2), tables, np.arange(17) != 5)
    for key in flat:
        assert nested[key].shape[:2] == (2, 3)
        np.testing.assert_array_equal(np.reshape(nested[key], flat[key].shape), flat[key])


@pytest.mark.parametrize("num_poses", [None, 5])
def test_gradient_of_masks_after_a_reload(small_prior, rng, tmp_path, monkeypatch, num_poses):
    """A SavedModel holds the gradient of the routes that its poses take."""
    monkeypatch.setattr(routes, "_PLAIN", routes._COMPILED)
    tables = build_tables(small_prior, ROTATIONS)
    landmarks = tf.constant(lift_inputs.make_landmarks(small_prior, rng, 5), tf.float32)
    visible = tf.constant(lift_inputs.random_weights(rng, "visible", [5, 7]))
    module = tf.Module()
    module.lift = tf.function(
        lambda landmarks, visible: helpers.lift(landmarks, tables, visible)["joints_3d"],
        [tf.TensorSpec([num_poses, 7, 2]), tf.TensorSpec([num_poses, 7], tf.bool)],
    )
    upstream = tf.constant(rng.standard_normal([5, 7, 3]), tf.float32)

    def run(lift):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            joints = lift(landmarks, visible)
        return joints, tape.gradient(joints, landmarks, upstream)

    expected = run(module.lift)
    tf.saved_model.save(module, tmp_path / "saved")
    joints, gradient = run(tf.saved_model.load(tmp_path / "saved").lift)
    np.testing.assert_array_equal(joints, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-5, atol=1e-5)
    assert np.all(np.abs(gradient.numpy()[visible.numpy()]).sum(-1) > 0)
