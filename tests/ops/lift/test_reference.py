"""The readable lift against NumPy's least squares, finite differences and degenerate input."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as oracle

from tf_lift.ops.lift import reference
from tf_lift.ops.lift.options import LiftOptions

PITCHES = (0.0, 0.3)
ESTIMATORS = ("mean", "map", "min_energy")


def make_options(estimator="map", num_rotations=5, pitches=PITCHES, temperature=3.0):
    return LiftOptions(
        estimator=estimator,
        num_rotations=num_rotations,
        pitches=pitches,
        temperature=temperature,
    )


def make_landmarks(prior, rng, num_poses, scale=None):
    poses = prior.sample(num_poses, seed=5)
    matrices = np.stack([oracle.rotation(a, 0.2) for a in rng.uniform(0, 6, num_poses)])
    flat = 0.4 * np.einsum("ndc,nlc->nld", matrices, poses)[..., :2]
    flat += rng.normal(0, 4, flat.shape)
    return flat if scale is not None else flat + rng.uniform(100, 400, [num_poses, 1, 2])


def make_weights(rng, kind, shape):
    """Weights with two landmarks missing, but not the first two, or none at all."""
    if kind == "all":
        return None
    visible = np.ones(shape, bool)
    for row in visible:
        row[rng.choice(np.arange(2, shape[1]), 2, replace=False)] = False
    return visible if kind == "bool" else visible * rng.uniform(0.2, 2, shape)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", ["all", "bool", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_every_cost_and_the_result_equal_least_squares(small_prior, rng, scale, kind, estimator):
    landmarks = make_landmarks(small_prior, rng, 2, scale)
    weights = make_weights(rng, kind, [2, 7])
    options = make_options(estimator, temperature=7.0)
    result = reference.lift(landmarks, small_prior, options, weights, scale)
    for i in range(2):
        seen = None if weights is None else weights[i]
        every = oracle.every(landmarks[i], small_prior, seen, scale, 5, PITCHES)
        key = "energy" if estimator == "min_energy" else "cost"
        np.testing.assert_allclose(result["costs"][i], [one[key] for one in every], rtol=1e-10)
        every.sort(key=lambda one, key=key: one[key])
        expected = oracle.read_out(every, estimator, temperature=7.0)
        for name in result.keys() - {"costs"}:
            np.testing.assert_allclose(
                result[name][i], expected[name], rtol=1e-9, atol=1e-9, err_msg=name
            )


@pytest.mark.parametrize("estimator", ["mean", "map"])
@pytest.mark.parametrize("kind", ["all", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_gradient_equals_finite_differences(small_prior, rng, scale, kind, estimator):
    landmarks = make_landmarks(small_prior, rng, 2, scale)
    weights = make_weights(rng, kind, [2, 7])
    options = make_options(estimator, 3, temperature=20.0)
    costs = np.sort(reference.lift(landmarks, small_prior, options, weights, scale)["costs"], 1)
    assert np.all(costs[:, 1] - costs[:, 0] > 1e-2)  # The winner stays the winner.

    @tf.function
    def outputs(landmarks):
        result = reference.lift(landmarks, small_prior, options, weights, scale)
        # Scale and energy as large as the others.
        numbers = tf.stack([1e3 * result["scale"], result["energy"] / 1e3], 1)
        flat = [tf.reshape(result[name], [2, -1]) for name in ("joints_3d", "landmarks")]
        return tf.concat([*flat, numbers], 1)

    helpers.check_gradient(outputs, [landmarks], rng, delta=1e-5, rtol=1e-6, atol=1e-5)


def test_gradient_of_landmarks_at_given_scale_is_the_projection(tiny_prior, rng):
    """S8: the symmetric matrix that projects landmarks also projects the upstream gradient."""
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 1, 1.0) / 0.4)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = reference.lift(landmarks, tiny_prior, make_options(), scale=1.0)
        projected = tf.reshape(result["landmarks"], [34])
    jacobian = tf.reshape(tape.jacobian(projected, landmarks), [34, 34])
    k = int(result["mixture_index"][0])
    matrix = oracle.rotation(float(result["rotation_angle"][0]), float(result["pitch"][0]))
    basis = np.stack([(e @ matrix[:2].T).reshape(-1) for e in tiny_prior.basis[k]], 1)
    penalty = np.diag((tiny_prior.noise_stddev[k] / tiny_prior.stddev[k]) ** 2)
    expected = basis @ np.linalg.inv(basis.T @ basis + penalty) @ basis.T
    np.testing.assert_allclose(jacobian, expected, atol=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("case", ["none visible", "one visible", "coincident"])
def test_undetermined_scale_gives_the_mean_pose(small_prior, rng, case, estimator):
    landmarks = make_landmarks(small_prior, rng, 2)
    visible = np.ones([2, 7], bool)
    place = {"none visible": [0, 0], "one visible": landmarks[0, 4], "coincident": [120.1, 80.7]}
    if case == "coincident":
        landmarks[0] = place[case]
    else:
        visible[0] = (np.arange(7) == 4) & (case == "one visible")
    variable = tf.constant(landmarks)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variable)
        result = reference.lift(variable, small_prior, make_options(estimator), visible)
    heaviest = int(np.argmax(small_prior.mixture_weights))
    joints = small_prior.mean_pose[heaviest] @ oracle.rotation(0.0).T
    np.testing.assert_allclose(result["joints_3d"][0], joints - joints[0], atol=1e-9)
    np.testing.assert_allclose(result["landmarks"][0], np.tile(place[case], [7, 1]), rtol=1e-12)
    assert result["scale"][0] == 0 and result["energy"][0] == np.inf
    assert result["mixture_index"][0] == heaviest
    assert result["rotation_angle"][0] == 0 and result["pitch"][0] == PITCHES[0]
    loadings = small_prior.basis[heaviest] * small_prior.stddev[heaviest][:, None, None]
    variance = np.sum((loadings - loadings[:, :1]) ** 2, (0, 2))
    variance += 3 * small_prior.noise_stddev[heaviest] ** 2
    np.testing.assert_allclose(result["joints_3d_stddev"][0, 1:], np.sqrt(variance[1:]))
    for name in ("joints_3d", "scale", "energy"):
        gradient = tape.gradient(result[name], variable).numpy()
        assert np.all(gradient[0] == 0) and np.any(gradient[1] != 0), name
    assert np.all(np.isfinite(tape.gradient(result["landmarks"], variable)))


def test_no_landmark_visible_at_given_scale_is_a_mean_pose(small_prior):
    landmarks, visible = tf.zeros([1, 7, 2], tf.float64), np.zeros([1, 7], bool)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = reference.lift(landmarks, small_prior, make_options("min_energy"), visible, 0.4)
    k = int(result["mixture_index"][0])
    joints = small_prior.mean_pose[k] @ oracle.rotation(float(result["rotation_angle"][0])).T
    np.testing.assert_allclose(result["joints_3d"][0], joints - joints[0], atol=1e-9)
    assert result["energy"][0] == 0 and result["scale"][0] == 0.4
    assert np.all(tape.gradient(result["joints_3d"], landmarks).numpy() == 0)


@pytest.mark.parametrize("case", ["landmark", "weight", "negative weight", "scale"])
def test_invalid_pose_is_nan_and_alone(small_prior, rng, case):
    landmarks, weights = make_landmarks(small_prior, rng, 2, 1.0), np.ones([2, 7])
    scale, options = np.array([0.4, 0.4]), make_options("mean")
    good = reference.lift(landmarks, small_prior, options, weights, scale)
    if case == "landmark":
        landmarks[0, 3, 1] = np.nan
    elif case == "scale":
        scale[0] = 0
    else:
        weights[0, 3] = np.nan if case == "weight" else -1
    variable = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        result = reference.lift(variable, small_prior, options, weights, scale)
    assert np.all(tape.gradient(result["joints_3d"], variable).numpy()[0] == 0)
    assert result.pop("mixture_index").numpy().tolist() == [-1, good["mixture_index"][1]]
    for name, value in result.items():
        assert np.all(np.isnan(value[0])), name
        np.testing.assert_allclose(value[1], good[name][1], rtol=1e-12, err_msg=name)


def test_missing_landmarks_may_hold_anything(small_prior, rng):
    landmarks, visible = make_landmarks(small_prior, rng, 2), make_weights(rng, "bool", [2, 7])
    expected = reference.lift(landmarks, small_prior, make_options(), visible)
    landmarks[~visible] = np.nan
    result = reference.lift(landmarks, small_prior, make_options(), visible)
    for name, value in expected.items():
        np.testing.assert_array_equal(result[name], value, err_msg=name)


def test_float32_is_near_float64(small_prior, rng):
    landmarks = make_landmarks(small_prior, rng, 3)
    exact = reference.lift(landmarks, small_prior, make_options())
    result = reference.lift(np.float32(landmarks), small_prior, make_options())
    np.testing.assert_allclose(result.pop("costs"), exact["costs"], rtol=1e-3, atol=1e-3)
    assert result["joints_3d"].dtype == tf.float32
    helpers.assert_same_lift(result, exact)
