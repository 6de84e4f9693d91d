"""The lift by a camera of unknown attitude, against the equations and finite differences."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from lift_inputs import make_landmarks

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift.attitude import lift as attitude_lift
from tf_lift.ops.lift.attitude import reference
from tf_lift.ops.lift.attitude.expectation import Expectation
from tf_lift.ops.lift.options import LiftOptions, ReadOut
from tf_lift.prior import attitude_tables

PITCHES, ROLLS, TURN = (-0.1, 0.3), (-0.3, 0.0, 0.3), (0.1, 0.05, 0.15)
NUM_ROTATIONS = 12


@pytest.fixture(scope="module")
def tables(tiny_prior):
    return attitude_tables.build_attitude_tables(tiny_prior, PITCHES, TURN, "float64")


def make_batch(prior, rng, size, focal_length=None, weights=None, dtype=np.float64):
    landmarks = make_landmarks(prior, rng, size)
    if focal_length is not None:
        # Some away from the optical axis, which perspective depends on.
        landmarks -= landmarks.mean(1, keepdims=True) + rng.uniform(-50, 50, [size, 1, 2])
    expected = Expectation(
        *rng.uniform([[0.0], [0.2], [-0.1], [0.1]], [[0.2], [0.4], [0.1], [0.3]], [4, size])
    )
    batch = {"landmarks": landmarks} | expected._asdict()
    if focal_length is not None:
        batch["focal_length"] = np.full(size, focal_length)
    if weights is not None:
        batch["weights"] = weights
    return {name: tf.constant(values, dtype) for name, values in batch.items()}


def run(tables, batch, estimator="mean", compiled=False, **fields):
    read_out = ReadOut(estimator, compiled=compiled, **fields)
    return attitude_lift.lift_rows(tables, read_out, ROLLS, batch)


@pytest.mark.parametrize("focal_length", [None, 900.0])
@pytest.mark.parametrize("pitches", [PITCHES, (0.0,)])
def test_all_visible_is_as_fitted_with_equal_weights(tiny_prior, rng, pitches, focal_length):
    """The one reads tables, the other solves systems, of the same candidates."""
    tables = attitude_tables.build_attitude_tables(tiny_prior, pitches, TURN, "float64")
    batch = make_batch(tiny_prior, rng, 4, focal_length)
    lifted = run(tables, batch, num_hypotheses=2)
    weighted = run(tables, batch | {"weights": np.ones([4, 17])}, num_hypotheses=2)
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-6),
        lifted,
        weighted,
    )


def brute_force(prior, batch, estimator):
    turned = attitude_tables.turnable(prior, TURN)[0]
    return reference.lift(
        batch["landmarks"],
        turned,
        (NUM_ROTATIONS, PITCHES, ROLLS),
        Expectation(*(batch[name] for name in Expectation._fields)),
        LiftOptions(estimator),
        attitude_lift.NUM_CANDIDATES,
        batch.get("weights"),
        batch.get("focal_length"),
    )


@pytest.mark.parametrize("focal_length", [None, 900.0])
@pytest.mark.parametrize("estimator", ["mean", "map", "min_energy"])
def test_equals_the_reference(tiny_prior, tables, rng, focal_length, estimator):
    batch = make_batch(tiny_prior, rng, 12, focal_length)
    expected = brute_force(tiny_prior, batch, estimator)
    lifted = run(tables, batch, estimator)
    np.testing.assert_allclose(lifted["joints_3d"], expected["joints_3d"], atol=1e-5)
    np.testing.assert_allclose(lifted["scale"], expected["scale"], rtol=1e-8)
    np.testing.assert_allclose(lifted["energy"], expected["energy"], rtol=1e-7)
    if focal_length is not None:
        depth = lifted["root_position"][:, 2]
        np.testing.assert_allclose(depth, expected["root_depth"], rtol=1e-8)


def test_missing_landmarks_find_the_best_candidate_of_most_poses(tiny_prior, tables, rng):
    weights = (rng.uniform(size=[40, 17]) > 0.3).astype(np.float64)
    batch = make_batch(tiny_prior, rng, 40, None, weights)
    expected = brute_force(tiny_prior, batch, "map")
    batch["landmarks"] = tf.where(batch["weights"][..., None] > 0, batch["landmarks"], np.nan)
    lifted = run(tables, batch, "map")
    same = np.abs(lifted["joints_3d"] - expected["joints_3d"]).max((1, 2)) < 1e-4
    assert same.mean() > 0.8
    np.testing.assert_allclose(lifted["energy"][same], expected["energy"][same], rtol=1e-6)


@pytest.mark.parametrize("has_options", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("focal_length", [None, 900.0])
def test_gradient_equals_finite_differences(
    tiny_prior, tables, rng, focal_length, missing, has_options
):
    """Of each output, with a random upstream gradient."""
    weights = (np.arange(17) % 5 > 0) * np.ones([2, 1]) if missing else None
    batch = make_batch(tiny_prior, rng, 2, focal_length, weights)
    options = {}
    if has_options:
        # So long that no bone is near its kink, where it is parallel to the image.
        batch["bone_lengths"] = tf.constant(rng.uniform(600, 900, [2, 16]))
        options = {"add_residuals": True, "num_hypotheses": 2, "parents": tuple(range(-1, 16))}

    def lift(landmarks):
        lifted = run(tables, batch | {"landmarks": landmarks}, **options)
        if has_options:
            lifted |= {"hypotheses": lifted["hypotheses"]["joints_3d"]}
        return lifted

    landmarks = batch["landmarks"]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(landmarks)
        lifted = lift(landmarks)
    outputs = ["joints_3d", "up", "landmarks", "scale", *(["hypotheses"] if has_options else [])]
    if focal_length is not None:
        outputs[3] = "root_position"
    upstream = {name: rng.standard_normal(lifted[name].shape) for name in outputs}
    gradients = {
        name: tape.gradient(lifted[name], landmarks, tf.constant(upstream[name]))
        for name in outputs
    }
    for _ in range(3):
        # Far narrower steps than those between candidates: the chosen ones stay. Yet so wide that
        # rounding of the root, metres away, does not count.
        direction = rng.standard_normal(landmarks.shape)
        step = 1e-4 * direction
        high, low = (lift(landmarks + sign * step) for sign in (1, -1))
        for name in outputs:
            difference = (high[name] - low[name]).numpy()
            expected = np.sum(upstream[name] * difference) / 2e-4
            gradient = np.sum(gradients[name] * direction)
            assert gradient != 0
            np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("has_weights", [False, True])
def test_compiled_equals_eager_with_its_gradient(tiny_prior, rng, has_weights):
    tables = attitude_tables.build_attitude_tables(tiny_prior, PITCHES, TURN, "float32")
    weights = (rng.uniform(size=[70, 17]) > 0.2).astype(np.float32)
    weights[0], weights[1], weights[2] = 1, 0, np.arange(17) == 3
    batch = make_batch(tiny_prior, rng, 70, 900.0, weights, np.float32)
    landmarks = batch["landmarks"].numpy()
    landmarks[3, 0], weights[3, 0] = np.nan, 1
    if has_weights:
        batch["weights"] = tf.constant(weights)
    else:
        del batch["weights"]
        landmarks[1], landmarks[2] = 0, 7
    batch["landmarks"] = tf.constant(landmarks)
    upstream = tf.constant(rng.standard_normal([70, 17, 3]), tf.float32)

    def both(compiled):
        def call(landmarks):
            with tf.GradientTape() as tape:
                tape.watch(landmarks)
                result = run(tables, batch | {"landmarks": landmarks}, compiled=compiled)
                joints = tf.where(tf.math.is_finite(result["joints_3d"]), result["joints_3d"], 0)
            return result, tape.gradient(joints, landmarks, upstream)

        return tf.function(call, jit_compile=compiled, autograph=False)(batch["landmarks"])

    (eager, gradient), (compiled, compiled_gradient) = both(False), both(True)
    for name in eager:
        np.testing.assert_allclose(compiled[name], eager[name], rtol=1e-3, atol=0.3, err_msg=name)
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=2e-3, atol=2e-3)
    # The invalid pose, and the two that determine nothing.
    assert eager["mixture_index"][3] == -1 and np.isnan(eager["joints_3d"][3]).all()
    assert np.all(gradient[3] == 0) and np.isfinite(gradient).all()
    assert np.isfinite(eager["joints_3d"][1:3]).all() and np.all(eager["scale"][1:3] == 0)
    assert np.isinf(eager["energy"][1:3]).all() and np.isinf(eager["misfit"][1:3]).all()


def test_finds_the_attitude_of_the_prior_s_own_people(tiny_prior, rng):
    tables = attitude_tables.build_attitude_tables(
        tiny_prior, (-0.1, 0.25, 0.6), (0.1, 0.1, 0.1), "float64"
    )
    size = 40
    pitch, roll = rng.uniform(-0.1, 0.6, size), rng.uniform(-0.35, 0.35, size)
    turns = rotations.world_to_camera(rng.uniform(0, 2 * np.pi, size), pitch)
    poses = tiny_prior.sample(size, seed=3)
    seen = np.einsum("nij,nlj->nli", turns, poses - poses[:, :1])
    joints = reference.turn_landmarks(tf.constant(seen), tf.constant(roll)).numpy()
    wide = Expectation(*(tf.fill([size], tf.constant(x, tf.float64)) for x in (0.2, 0.5, 0.0, 0.5)))
    batch = {"landmarks": tf.constant(joints[..., :2])} | wide._asdict()
    rolls = (-0.4, -0.2, 0.0, 0.2, 0.4)
    lift = functools.partial(attitude_lift.lift_rows, tables, ReadOut("mean"), rolls)
    lifted = lift(batch)
    up = lifted["up"].numpy()
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), 1, atol=1e-9)
    assert np.median(np.abs(np.arctan2(up[:, 0], -up[:, 1]) - roll)) < 0.06
    assert np.median(np.abs(np.arcsin(-up[:, 2]) - pitch)) < 0.08
    assert np.median(np.linalg.norm(lifted["joints_3d"] - joints, axis=-1)) < 40
    # Turning the image turns the result.
    turned = reference.turn_landmarks(
        batch["landmarks"], tf.fill([size], tf.constant(0.2, tf.float64))
    )
    again = lift(batch | {"landmarks": turned, "roll": batch["roll"] + 0.2})
    expected = reference.turn_landmarks(
        lifted["joints_3d"], tf.fill([size], tf.constant(0.2, tf.float64))
    )
    np.testing.assert_allclose(again["joints_3d"], expected, atol=1e-6)


def test_options_as_those_of_the_level_lift(tiny_prior, tables, rng):
    batch = make_batch(tiny_prior, rng, 4)
    lengths = np.full([4, 16], 300.0)
    parents = tuple(range(-1, 16))
    lifted = run(
        tables,
        batch | {"bone_lengths": tf.constant(lengths), "noise": tf.fill([4, 17], np.float64(2))},
        num_hypotheses=2,
        add_residuals=True,
        parents=parents,
    )
    total = np.linalg.norm(np.diff(lifted["joints_3d"], axis=1), axis=-1).sum(-1)
    np.testing.assert_allclose(total, 16 * 300, rtol=0.02)
    assert lifted["hypotheses"]["joints_3d"].shape == (4, 2, 17, 3)
    np.testing.assert_array_less(lifted["hypotheses"]["probability"].numpy().sum(-1), 1 + 1e-9)
    # Residuals without noise: joints project to their landmarks.
    exact = run(tables, batch, add_residuals=True, estimator="map")
    flat = exact["joints_3d"][..., :2] * exact["scale"][:, None, None]
    difference = flat - batch["landmarks"]
    np.testing.assert_allclose(difference, difference[:, :1] + np.zeros_like(difference), atol=1e-6)


def test_a_wrong_landmark_is_found_at_any_attitude(tiny_prior, tables, rng):
    batch = make_batch(tiny_prior, rng, 12)
    right = run(tables, batch)
    landmarks = batch["landmarks"].numpy()
    landmarks[:, 13] += 150
    wrong = batch | {"landmarks": tf.constant(landmarks)}
    outlier = tf.fill([12, 17], tf.constant(0.05, tf.float64))
    others = np.arange(17) != 13

    def moved(result):
        distance = np.linalg.norm(result["joints_3d"] - right["joints_3d"], axis=-1)
        return np.median(distance[:, others])

    found = run(tables, wrong | {"outlier": outlier})
    assert moved(found) < 0.2 * moved(run(tables, wrong))
    # Turned with the image, it is found as well.
    angle = tf.fill([12], tf.constant(0.25, tf.float64))
    turned = wrong | {"landmarks": reference.turn_landmarks(wrong["landmarks"], angle)}
    turned |= {"roll": batch["roll"] + 0.25, "outlier": outlier}
    expected = reference.turn_landmarks(found["joints_3d"], angle)
    np.testing.assert_allclose(run(tables, turned)["joints_3d"], expected, atol=1e-5)
    assert np.all(run(tables, wrong)["misfit"] > 1) and np.median(right["misfit"]) < 1
