"""The lifting layer: config, the prior it carries, saving, gradients on and off, XLA."""

import dataclasses
import json
import weakref

import helpers
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tf_lift
from tf_lift.layers import PPCALifting
from tf_lift.prior import pose_prior

ARRAYS = ("mean_pose", "basis", "stddev", "noise_stddev", "mixture_weights")
# The tables of `tiny_prior` at 80 rotations take 0.7 MB.
SMALL = 50_000


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
        # Of the pose nothing depends on the gain that this check trains, at a free scale.
        fit_output="landmarks",
        rtol=1e-3,
        atol=2e-2,
    )


OPTIONS = {
    "temperature": 2.0,
    "num_hypotheses": 2,
    "landmark_stddev": 3.0,
    "add_residuals": True,
    "bone_lengths": "prior",
}


def test_options_are_kept(tiny_prior, tmp_path):
    options = {**OPTIONS, "num_hypotheses": None}  # The check knows no nested results.
    helpers.check_layer(
        lambda: PPCALifting(tiny_prior, num_rotations=8, **options),
        make_landmarks(tiny_prior, 4),
        tmp_path,
        fit_output="landmarks",
        rtol=1e-4,
        atol=1e-2,
    )


def test_options_equal_function(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 4)
    expected = tf_lift.lift(landmarks, tiny_prior, num_rotations=8, **OPTIONS, camera="level")
    result = PPCALifting(tiny_prior, num_rotations=8, **OPTIONS)(landmarks)
    tf.nest.map_structure(np.testing.assert_array_equal, result, expected)
    plain = tf_lift.lift(landmarks, tiny_prior, num_rotations=8, camera="level")
    assert np.max(np.abs(plain["joints_3d"] - expected["joints_3d"])) > 1


@pytest.mark.parametrize("given", ["object", "dict", "fields", "both"])
def test_options_are_given_as_object_dict_or_fields(tiny_prior, given):
    options = tf_lift.LiftOptions("map", num_rotations=8, height=1700.0)
    arguments = {
        "object": {"options": options},
        "dict": {"options": dataclasses.asdict(options)},
        "fields": dataclasses.asdict(options),
        "both": {
            "options": tf_lift.LiftOptions(num_rotations=8, height=1700.0),
            "estimator": "map",
        },
    }[given]
    layer = PPCALifting(tiny_prior, name="lift", **arguments)
    assert layer.options == options
    config = json.loads(json.dumps(layer.get_config()))
    assert config["name"] == "lift" and PPCALifting.from_config(config).options == options
    landmarks = make_landmarks(tiny_prior, 2)
    expected = tf_lift.lift(landmarks, tiny_prior, options=options, camera="level")
    tf.nest.map_structure(np.testing.assert_array_equal, layer(landmarks), expected)


def test_equals_function(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 4)
    visible = np.arange(17) % 4 != 1
    expected = tf_lift.lift(landmarks, tiny_prior, visible, num_rotations=8, camera="level")
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
    expected = tf_lift.lift(values, tiny_prior, seen, num_rotations=8, camera="level")
    np.testing.assert_allclose(
        model.predict([values, seen], verbose=0)["joints_3d"], expected["joints_3d"], atol=1e-2
    )


def test_config_carries_the_prior_exactly(tiny_prior, monkeypatch):
    layer = PPCALifting(dataclasses.replace(tiny_prior, credit="Grüße\n"), num_rotations=8)
    landmarks = make_landmarks(tiny_prior, 4)
    expected = layer(landmarks)
    content = json.dumps(layer.get_config())
    # As in a process that has never seen this prior.
    monkeypatch.setattr(pose_prior, "_BY_TEXT", weakref.WeakValueDictionary())
    restored = PPCALifting.from_config(json.loads(content))
    assert restored.prior is not layer.prior
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(restored.prior, name), getattr(tiny_prior, name))
    assert restored.prior.credit == "Grüße\n"
    tf.nest.map_structure(np.testing.assert_array_equal, restored(landmarks), expected)


def test_layers_of_equal_priors_share_one(tiny_prior):
    equal = dataclasses.replace(tiny_prior)
    model = helpers._functional(PPCALifting(equal, name="lift"), np.zeros([1, 17, 2]))
    shared = PPCALifting(tiny_prior).prior
    for network in (model, *(tf.keras.models.clone_model(model) for _ in range(2))):
        assert network.get_layer("lift").prior is shared
    other = dataclasses.replace(tiny_prior, noise_stddev=np.nextafter(equal.noise_stddev, 0))
    assert PPCALifting(other).prior is not shared


def test_keras_file_is_small_and_lifts_alike(tiny_prior, tmp_path):
    landmarks = make_landmarks(tiny_prior, 4)
    model = helpers._functional(PPCALifting(tiny_prior), landmarks)
    model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < SMALL
    restored = tf.keras.models.load_model(tmp_path / "model.keras")
    tf.nest.map_structure(
        np.testing.assert_array_equal,
        restored.predict(landmarks, verbose=0),
        model.predict(landmarks, verbose=0),
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
    helpers.assert_same_lift(compiled, plain)
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec([None, 17, 2])).graph
    functions = graph.as_graph_def().library.function
    assert any("_XlaMustCompile" in function.attr for function in functions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": None}, "`prior` must be a PosePrior or its text.*NoneType"),
        ({"prior": "cmu"}, "`prior` must be a PosePrior or its text.*'cmu'"),
        ({"prior": {"class_name": "PosePrior"}}, "`prior` must be a PosePrior.*dict"),
        ({"num_rotations": 0}, "`num_rotations` must be a positive integer"),
        ({"pitches": ()}, "`pitches` must be finite angles"),
        ({"estimator": "best"}, "`estimator` must be one of"),
        ({"scale": -1.0}, "`scale` must be positive"),
        ({"jit_compile": "always"}, "`jit_compile` must be"),
        ({"temperature": -1.0}, "`temperature` must be a positive number"),
        ({"landmark_stddev": -1.0}, "`landmark_stddev` must be"),
        ({"options": "map"}, "`options` must be a LiftOptions"),
        ({"bone_lengths": "mine"}, "`bone_lengths` must be lengths"),
    ],
)
def test_bad_arguments_are_named(tiny_prior, arguments, message):
    with pytest.raises(ValueError, match=message):
        PPCALifting(**({"prior": tiny_prior} | arguments))


def constant_bytes(function):
    definition = function.graph.as_graph_def()
    bodies = [definition.node, *(body.node_def for body in definition.library.function)]
    constants = [node for body in bodies for node in body if node.op == "Const"]
    return sum(node.attr["value"].tensor.ByteSize() for node in constants)


def table_bytes(function):
    return sum(np.asarray(tensor).nbytes for tensor in function.captured_inputs)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_layers_and_traces_share_one_set_of_tables(tiny_prior, jit_compile):
    priors = tiny_prior, dataclasses.replace(tiny_prior)
    layers = [PPCALifting(prior, jit_compile=jit_compile) for prior in priors]
    layers.append(PPCALifting.from_config(layers[0].get_config()))
    traces = [
        tf.function(layer).get_concrete_function(tf.TensorSpec([batch, 17, 2]))
        for layer in layers
        for batch in (None, 3)
    ]
    first = {id(tensor) for tensor in traces[0].captured_inputs}
    assert table_bytes(traces[0]) > SMALL
    for trace in traces:
        assert {id(tensor) for tensor in trace.captured_inputs} == first
        assert constant_bytes(trace) < SMALL


def test_saved_model_holds_the_tables_once_and_lifts_alike(tiny_prior, tmp_path):
    layer = PPCALifting(tiny_prior, num_rotations=400)
    landmarks = tf.TensorSpec([None, 17, 2])
    module = tf.Module()
    lift = tf.function(lambda points: layer(points))
    module.lift = lift.get_concrete_function(landmarks)
    lift_visible = tf.function(lambda points, seen: layer(points, visibility=seen))
    module.lift_visible = lift_visible.get_concrete_function(
        landmarks, tf.TensorSpec([None, 17], name="seen")
    )
    values = [make_landmarks(tiny_prior, 3), np.float32(np.arange(51).reshape(3, 17) % 4 != 1)]
    values = [tf.constant(each) for each in values]
    expected = module.lift(values[0]), module.lift_visible(*values)
    tf.saved_model.save(module, tmp_path / "saved")
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((tmp_path / "saved" / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    constants = [node.attr["value"].tensor.tensor_content for node in nodes if node.op == "Const"]
    large = [content for content in constants if len(content) > SMALL]
    assert large and len(set(large)) == len(large)
    restored = tf.saved_model.load(tmp_path / "saved")
    actual = restored.lift(values[0]), restored.lift_visible(*values)
    tf.nest.map_structure(np.testing.assert_array_equal, actual, expected)
