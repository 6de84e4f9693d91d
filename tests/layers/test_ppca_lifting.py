"""The lifting layer: config, saving, gradients on and off, XLA."""

import helpers
import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift.layers import PPCALifting


def make_landmarks(prior, num_poses):
    poses = prior.sample(num_poses, seed=5)
    return np.float32(0.3 * poses[..., [0, 2]] * [1, -1] + 200)


@pytest.mark.parametrize("scale", [None, 0.3])
def test_layer_contract(tiny_prior, tmp_path, scale):
    landmarks = make_landmarks(tiny_prior, 4) - (0 if scale is None else 200)
    helpers.check_layer(
        lambda: PPCALifting(tiny_prior, num_rotations=8, pitches=(0.0, 0.2), scale=scale),
        landmarks,
        tmp_path,
        num_non_trainable=9,
        # Of the pose nothing depends on the gain that this check trains, at a free scale.
        fit_output="landmarks",
        rtol=1e-4,
        atol=1e-3,
    )


OPTIONS = {
    "selection": "mean",
    "temperature": 2.0,
    "num_hypotheses": 2,
    "landmark_noise": 0.0,
    "bone_lengths": "prior",
}


def test_options_are_kept(tiny_prior, tmp_path):
    options = {**OPTIONS, "num_hypotheses": None}  # The check knows no nested results.
    helpers.check_layer(
        lambda: PPCALifting(tiny_prior, num_rotations=8, **options),
        make_landmarks(tiny_prior, 4),
        tmp_path,
        num_non_trainable=9,
        fit_output="landmarks",
        rtol=1e-4,
        atol=1e-2,
    )


def test_options_equal_function(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 4)
    expected = tf_lift.lift(landmarks, tiny_prior, num_rotations=8, **OPTIONS)
    result = PPCALifting(tiny_prior, num_rotations=8, **OPTIONS)(landmarks)
    tf.nest.map_structure(np.testing.assert_array_equal, result, expected)
    plain = tf_lift.lift(landmarks, tiny_prior, num_rotations=8)
    assert np.max(np.abs(plain["joints_3d"] - expected["joints_3d"])) > 1


def test_equals_function(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 4)
    visible = np.arange(17) % 4 != 1
    expected = tf_lift.lift(landmarks, tiny_prior, visible, num_rotations=8)
    result = PPCALifting(tiny_prior, num_rotations=8)(landmarks, visibility=visible)
    assert result.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(result[key], value, err_msg=key)
    assert result["mixture_index"].dtype == tf.int32


def test_visibility_as_input_of_a_functional_model(tiny_prior):
    landmarks = tf.keras.Input([17, 2])
    visibility = tf.keras.Input([17], dtype="bool")
    lifted = PPCALifting(tiny_prior, num_rotations=8)(landmarks, visibility=visibility)
    model = tf.keras.Model([landmarks, visibility], lifted)
    values = make_landmarks(tiny_prior, 3)
    seen = np.arange(17) % np.array([[3], [4], [5]]) != 1
    expected = tf_lift.lift(values, tiny_prior, seen, num_rotations=8)
    np.testing.assert_allclose(
        model.predict([values, seen], verbose=0)["joints_3d"], expected["joints_3d"], atol=1e-2
    )


@pytest.mark.parametrize("lift_gradient", [True, False])
def test_lift_gradient(tiny_prior, lift_gradient):
    layer = PPCALifting(tiny_prior, num_rotations=8, lift_gradient=lift_gradient)
    landmarks = tf.constant(make_landmarks(tiny_prior, 2))
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        projected = layer(landmarks)["landmarks"]
    gradient = tape.gradient(projected, landmarks)
    assert (gradient is not None) == lift_gradient


def test_compiled_equals_plain(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 3)
    plain = PPCALifting(tiny_prior, num_rotations=8, jit_compile=False)(landmarks)
    layer = PPCALifting(tiny_prior, num_rotations=8, jit_compile=True)
    compiled = layer(landmarks)
    for key, value in plain.items():
        np.testing.assert_allclose(compiled[key], value, rtol=1e-3, atol=1e-2, err_msg=key)
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec([None, 17, 2])).graph
    functions = graph.as_graph_def().library.function
    assert any("_XlaMustCompile" in function.attr for function in functions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": None}, "`prior` must be a PosePrior"),
        ({"num_rotations": 0}, "`num_rotations` must be a positive integer"),
        ({"pitches": ()}, "`pitches` must be finite angles"),
        ({"selection": "best"}, "`selection` must be one of"),
        ({"scale": -1.0}, "`scale` must be positive"),
        ({"jit_compile": "always"}, "`jit_compile` must be"),
        ({"temperature": -1.0}, "`temperature` must be positive"),
        ({"landmark_noise": -1.0}, "`landmark_noise` must not be negative"),
        ({"bone_lengths": "mine"}, "`bone_lengths` must be lengths"),
    ],
)
def test_bad_arguments_are_named(tiny_prior, arguments, message):
    with pytest.raises(ValueError, match=message):
        PPCALifting(**({"prior": tiny_prior} | arguments))
