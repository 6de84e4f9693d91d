"""The lift at its degenerate points, and of bad input."""

import helpers
import lift_inputs
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.prior import build_tables

ROTATIONS = 12


def mean_pose(prior):
    heaviest = int(np.argmax(prior.mixture_weights))
    joints = prior.mean_pose[heaviest] @ reference.rotation(0.0).T
    return joints - joints[0]


@pytest.mark.parametrize("case", ["none visible", "one visible", "coincident"])
def test_undetermined_scale_gives_mean_pose(tiny_prior, rng, case):
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 1)
    visible = np.zeros([1, 17], bool)
    if case == "one visible":
        visible[0, 4] = True
    elif case == "coincident":
        landmarks[:] = [120.0, 80.0]
        visible = None
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    variable = tf.constant(landmarks)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variable)
        result = helpers.lift(variable, tables, visible)
    np.testing.assert_allclose(result["joints_3d"][0], mean_pose(tiny_prior), atol=1e-9)
    assert result["scale"][0] == 0 and result["energy"][0] == np.inf
    where = {"none visible": [0, 0], "one visible": landmarks[0, 4], "coincident": [120, 80]}[case]
    np.testing.assert_allclose(result["landmarks"][0], np.tile(where, [17, 1]))
    heaviest = int(np.argmax(tiny_prior.mixture_weights))
    loadings = tiny_prior.basis[heaviest] * tiny_prior.stddev[heaviest][:, None, None]
    variance = np.sum(loadings**2, (0, 2)) + 3 * tiny_prior.noise_stddev[heaviest] ** 2
    np.testing.assert_allclose(result["joints_3d_stddev"][0, 1:], np.sqrt(variance[1:]))
    for key in ("joints_3d", "scale", "energy"):
        assert np.all(tape.gradient(result[key], variable).numpy() == 0)
    assert np.all(np.isfinite(tape.gradient(result["landmarks"], variable)))


def test_no_landmark_visible_at_given_scale(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = tf.zeros([1, 17, 2], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(
            landmarks, tables, np.zeros([1, 17]), scale=1.0, estimator="min_energy"
        )
    k = int(result["mixture_index"][0])
    expected = tiny_prior.mean_pose[k] @ reference.rotation(float(result["rotation_angle"][0])).T
    np.testing.assert_allclose(result["joints_3d"][0], expected - expected[0], atol=1e-9)
    assert result["energy"][0] == 0
    assert np.all(tape.gradient(result["joints_3d"], landmarks).numpy() == 0)


@pytest.mark.parametrize("case", ["landmark", "infinite", "weight", "negative weight"])
def test_invalid_pose_is_nan_and_alone(tiny_prior, rng, case):
    """In a graph; test_contract.py compiles poses that are not valid."""
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3).astype("float32")
    weights = np.ones([3, 17], "float32")
    good = helpers.lift(landmarks, tables, weights)
    bad_landmarks, bad_weights = landmarks.copy(), weights.copy()
    if case in ("landmark", "infinite"):
        bad_landmarks[1, 3, 0] = np.nan if case == "landmark" else np.inf
    else:
        bad_weights[1, 3] = np.nan if case == "weight" else -1.0

    @tf.function
    def lift(landmarks, weights):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = helpers.lift(landmarks, tables, weights)
        return result, tape.gradient(result["joints_3d"], landmarks)

    result, gradient = lift(tf.constant(bad_landmarks), tf.constant(bad_weights))
    helpers.assert_same_lift(result, good, [0, 2])
    assert result.pop("mixture_index").numpy()[1] == -1
    for key, value in result.items():
        assert np.all(np.isnan(value[1])), key
    assert np.all(gradient[1].numpy() == 0) and np.all(np.isfinite(gradient))


def test_scale_that_is_not_positive_is_nan(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False)
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 3, 1.0)
    result = helpers.lift(landmarks, tables, scale=[1.0, 0.0, np.nan])
    np.testing.assert_array_equal(np.isnan(result["energy"]), [False, True, True])
    np.testing.assert_array_equal(result["mixture_index"][1:], [-1, -1])


def test_scale_is_positive_for_people_unlike_the_prior(tiny_prior, rng):
    """People who lie or stand on their heads fit no upright pose; some scale is likeliest."""
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    standing = lift_inputs.make_landmarks(tiny_prior, rng, 5)
    landmarks = np.concatenate([standing[..., ::-1], -standing])
    result = helpers.lift(landmarks, tables)
    assert np.all(result["scale"] > 0) and np.all(np.isfinite(result["energy"]))
    for i in range(10):
        best = reference.lift(landmarks[i], tiny_prior, num_rotations=ROTATIONS)[0]
        np.testing.assert_allclose(result["joints_3d"][i], best["joints_3d"], atol=1e-6)
    # The least-squares scale would be negative: no pose of the prior is upside down.
    along = np.sum(standing[..., 1] * landmarks[5:, :, 1], 1)
    assert np.all(along < 0) and np.all(
        result["energy"][5:] > 100 * tiny_prior.noise_stddev[0] ** 2
    )


def test_exact_tie_is_deterministic(tiny_prior):
    """Two equal components: the first wins, always."""
    import dataclasses

    twins = dataclasses.replace(
        tiny_prior,
        mean_pose=tiny_prior.mean_pose[[0, 0]],
        basis=tiny_prior.basis[[0, 0]],
        stddev=tiny_prior.stddev[[0, 0]],
        noise_stddev=tiny_prior.noise_stddev[[0, 0]],
        mixture_weights=np.array([0.5, 0.5]),
    )
    tables = build_tables(twins, ROTATIONS)
    landmarks = np.float32(0.3 * mean_pose(tiny_prior)[:, :2])
    result = helpers.lift(landmarks, tables)
    assert result["mixture_index"] == 0
    assert np.all(np.isfinite(result["joints_3d"]))


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ([8, 16, 2], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([8, 17, 3], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([17], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([0, 17, 2], {}, "`landmarks` must not be empty"),
        ([8, 17, 2], {"visibility": np.ones([8, 16])}, "`visibility` must have shape"),
        ([8, 17, 2], {"estimator": "best"}, "`estimator` must be one of"),
        ([8, 17, 2], {"scale": 1.0}, "`tables` must be made for a free scale"),
    ],
)
def test_bad_input_is_named(tiny_prior, shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        helpers.lift(np.zeros(shape), build_tables(tiny_prior, ROTATIONS), **arguments)
