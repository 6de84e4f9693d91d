"""Checks that many tests share."""

import json
from unittest import mock

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift.fast.xla import tracing
from tf_lift.ops.lift.options import LiftOptions


def numerical_gradient(function, x, delta=1e-6):
    """Central differences of a scalar function at a float64 array."""
    x = np.array(x, np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        high, low = x.copy(), x.copy()
        high[index] += delta
        low[index] -= delta
        gradient[index] = (float(function(high)) - float(function(low))) / (2 * delta)
    return gradient


def upstream_gradients(function, inputs, upstream):
    """Value of a function, and the gradients of sum(upstream * value) at float tensors."""
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
        total = tf.reduce_sum(value * tf.cast(upstream, value.dtype))
    return value, tape.gradient(total, inputs, unconnected_gradients="zero")


def check_gradient(function, inputs, rng, delta=1e-6, rtol=1e-6, atol=1e-7):
    """Compares the gradient of a float64 function with central differences.

    The upstream gradient is random, so that a rule that ignores it fails.
    """
    inputs = [np.array(x, np.float64) for x in inputs]
    upstream = rng.standard_normal(function(*map(tf.constant, inputs)).shape)
    _, gradients = upstream_gradients(function, inputs, upstream)
    for position, gradient in enumerate(gradients):

        def total(x, position=position):
            changed = [*inputs[:position], x, *inputs[position + 1 :]]
            return np.sum(function(*map(tf.constant, changed)).numpy() * upstream)

        expected = numerical_gradient(total, inputs[position], delta)
        np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=atol)


def check_gradient_of_each(
    function, names, inputs, rng, num_directions, delta, rtol=1e-6, atol=1e-5
):
    """Compares gradients of a function's outputs, each by itself, along random directions.

    Args:
        function: Function of one float64 array that returns a dict.
        names: Keys of it.
        inputs: The array.
        rng: Random generator of the upstream gradients and directions.
        num_directions: Number of directions.
        delta: Step of the central differences.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
    """
    variable = tf.constant(inputs)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variable)
        result = function(variable)
    upstream = {name: rng.standard_normal(result[name].shape) for name in names}
    gradients = {
        name: tape.gradient(
            result[name], variable, tf.constant(each), unconnected_gradients="zero"
        ).numpy()
        for name, each in upstream.items()
    }
    for _ in range(num_directions):
        direction = rng.standard_normal(inputs.shape)
        high, low = (function(inputs + sign * delta * direction) for sign in (1, -1))
        for name, gradient in gradients.items():
            expected = np.sum(upstream[name] * (high[name] - low[name]).numpy()) / (2 * delta)
            np.testing.assert_allclose(
                np.sum(gradient * direction), expected, rtol=rtol, atol=atol, err_msg=name
            )


def check_modes(function, inputs, rng, rtol=1e-5, atol=1e-5):
    """Compares value and gradient: eager, in a graph of unknown batch size, and under XLA.

    The graph is traced once without a batch size and then run with the whole batch and with
    its first element alone.
    """
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    shape = function(*inputs).shape
    upstream = tf.constant(rng.standard_normal(shape), inputs[0].dtype)

    def value_and_gradients(upstream, *inputs):
        return upstream_gradients(function, inputs, upstream)

    expected = value_and_gradients(upstream, *inputs)
    assert all(np.isfinite(x).all() for x in tf.nest.flatten(expected))
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in (upstream, *inputs)]
    for jit_compile in (False, True):
        compiled = tf.function(
            value_and_gradients, input_signature=signature, jit_compile=jit_compile
        )
        for size in (shape[0], 1):
            actual = compiled(*(x[:size] for x in (upstream, *inputs)))
            for x, y in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
                np.testing.assert_allclose(x, y[:size], rtol=rtol, atol=atol)


@tf.keras.utils.register_keras_serializable(package="tf_lift_tests")
class Gain(tf.keras.layers.Layer):
    """Multiplies by one trainable number: shows whether a gradient comes through."""

    def build(self, input_shape):
        self.gain = self.add_weight(name="gain", shape=(), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return inputs * tf.convert_to_tensor(self.gain)

    def compute_output_shape(self, input_shape):
        return input_shape


def check_layer(
    make_layer,
    inputs,
    tmp_path,
    *,
    num_trainable=0,
    num_non_trainable=0,
    fit_output=None,
    trains=True,
    rtol=1e-5,
    atol=1e-5,
):
    """Checks what every layer of the package promises.

    Config through JSON before and after build; the same weights after a rebuild from the
    config; `compute_output_shape`; counts of weights; `.keras` reload with equal outputs,
    also at another batch size; one `fit` step whose gradient reaches the layer's inputs;
    float32 outputs under the policy mixed_float16.

    Args:
        make_layer: Function without arguments that returns a new layer.
        inputs: Float array of shape [batch, ...], or a list of them.
        tmp_path: Folder for the saved model.
        num_trainable: Expected number of trainable weights.
        num_non_trainable: Expected number of other weights.
        fit_output: Key of the output that is trained, where outputs are a dict.
        trains: Whether a gradient reaches the inputs.
        rtol: Relative tolerance of outputs after reload.
        atol: Absolute tolerance.
    """
    inputs = tf.nest.map_structure(lambda x: np.asarray(x, np.float32), inputs)
    layer = make_layer()
    config = layer.get_config()
    rebuilt = type(layer).from_config(json.loads(json.dumps(config)))
    assert _without_dtype(rebuilt.get_config()) == _without_dtype(config)

    outputs = layer(tf.nest.map_structure(tf.constant, inputs))
    assert json.dumps(layer.get_config()) == json.dumps(config)
    assert len(layer.trainable_weights) == num_trainable
    assert len(layer.non_trainable_weights) == num_non_trainable
    for batch in (None, len(tf.nest.flatten(inputs)[0])):
        _check_output_shape(layer, inputs, outputs, batch)

    _check_saving(layer, inputs, outputs, tmp_path, rtol, atol)
    _check_fit(make_layer(), inputs, outputs, fit_output, trains)
    _check_mixed_precision(make_layer, inputs)


def _without_dtype(config):
    # A policy is an object in one stack, a name in another; it is checked by its effect.
    return json.loads(json.dumps({k: v for k, v in config.items() if k != "dtype"}))


def _check_output_shape(layer, inputs, outputs, batch):
    if isinstance(inputs, list):
        shapes = [(batch, *x.shape[1:]) for x in inputs]
    else:
        shapes = (batch, *inputs.shape[1:])
    computed = layer.compute_output_shape(shapes)
    if isinstance(outputs, dict):
        assert set(computed) == set(outputs)
        pairs = [(computed[key], outputs[key].shape) for key in outputs]
    else:
        pairs = [(computed, outputs.shape)]
    for shape, actual in pairs:
        assert tuple(shape) == (batch, *actual[1:])


def _functional(layer, inputs, gains=False):
    tensors = tf.nest.map_structure(lambda x: tf.keras.Input(x.shape[1:]), inputs)
    fed = tf.nest.map_structure(lambda x: Gain()(x), tensors) if gains else tensors
    return tf.keras.Model(tensors, layer(fed))


def _check_saving(layer, inputs, outputs, tmp_path, rtol, atol):
    path = tmp_path / "layer.keras"
    _functional(layer, inputs).save(path)
    reloaded = tf.keras.models.load_model(path)
    for repeats in (1, 3):
        repeated = tf.nest.map_structure(lambda x, n=repeats: np.concatenate([x] * n), inputs)
        actual = reloaded.predict(repeated, verbose=0)
        tf.nest.assert_same_structure(actual, outputs)
        for x, y in zip(tf.nest.flatten(actual), tf.nest.flatten(outputs), strict=True):
            np.testing.assert_allclose(x, np.concatenate([y] * repeats), rtol=rtol, atol=atol)


def _check_fit(layer, inputs, outputs, fit_output, trains):
    model = _functional(layer, inputs, gains=True)
    target = outputs if fit_output is None else outputs[fit_output]
    # A random target: the outputs' own would leave no gradient.
    noise = np.random.default_rng(1).standard_normal(target.shape)
    target = (np.asarray(target) + noise).astype(np.float32)
    loss = "mse" if fit_output is None else {fit_output: "mse"}
    target = target if fit_output is None else {fit_output: target}
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), loss=loss)
    before = [w.numpy() for w in model.trainable_weights]
    history = model.fit(inputs, target, batch_size=len(noise), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    changed = [(w.numpy() != b).any() for w, b in zip(model.trainable_weights, before, strict=True)]
    assert all(np.isfinite(w.numpy()).all() for w in model.trainable_weights)
    if trains:
        assert all(changed), [w.name for w in model.trainable_weights]


def _check_mixed_precision(make_layer, inputs):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = make_layer()
        half = tf.nest.map_structure(lambda x: tf.constant(x, tf.float16), inputs)
        for output in tf.nest.flatten(layer(half)):
            assert not output.dtype.is_floating or output.dtype == tf.float32
        assert layer.compute_dtype == "float32"
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def assert_same_lift(
    actual,
    expected,
    rows=slice(None),
    *,
    joints_mm=0.1,
    landmarks_px=0.02,
    angle_rad=1e-6,
    scale_rtol=1e-4,
    energy_rtol=1e-4,
    stddev_mm=0.1,
    probability=1e-3,
):
    """Compares every output of two lifts, each within a tolerance of its own unit.

    Args:
        actual: Dict of a lift's results.
        expected: Dict with the same outputs, and perhaps more.
        rows: Index of the poses to compare.
        joints_mm: Tolerance of `joints_3d`, in hypotheses as well.
        landmarks_px: Tolerance of `landmarks`.
        angle_rad: Tolerance of `rotation_angle`, `pitch` and `roll`.
        scale_rtol: Relative tolerance of `scale`.
        energy_rtol: Relative tolerance of `energy` and `misfit`.
        stddev_mm: Tolerance of `joints_3d_stddev`.
        probability: Tolerance of the probability of hypotheses.
    """
    tolerances = {
        "joints_3d": {"atol": joints_mm},
        # Projections have the relative precision of the scale that they are multiplied by.
        "landmarks": {"atol": landmarks_px, "rtol": scale_rtol},
        "rotation_angle": {"atol": angle_rad},
        "pitch": {"atol": angle_rad},
        "roll": {"atol": angle_rad},
        "scale": {"rtol": scale_rtol},
        "energy": {"rtol": energy_rtol},
        "misfit": {"rtol": energy_rtol},
        "joints_3d_stddev": {"atol": stddev_mm},
        "mixture_index": {},
        "probability": {"atol": probability},
    }
    for name, value in actual.items():
        if name == "costs":  # Of the reference only.
            continue
        if name == "hypotheses":
            inner = {"joints_mm": joints_mm, "probability": probability}
            assert_same_lift(value, expected[name], rows, **inner)
            continue
        values = (np.asarray(each)[rows] for each in (value, expected[name]))
        np.testing.assert_allclose(*values, **{"rtol": 0, **tolerances[name]}, err_msg=name)


def lift(
    landmarks,
    tables,
    visibility=None,
    scale=None,
    estimator="map",
    *,
    bone_lengths=None,
    parents=None,
    jit_compile=False,
    **fields,
):
    """Lifts with tables; options are given by name.

    `jit_compile="form"` runs the compiled form of the lift, but without XLA.
    """
    arguments = {"visibility": visibility, "scale": scale, "bone_lengths": bone_lengths}
    arguments |= {"parents": parents, "jit_compile": jit_compile}
    options = LiftOptions(estimator, **fields)
    if jit_compile != "form":
        return lifting.lift(landmarks, tables, options, **arguments)
    tf.config.run_functions_eagerly(True)
    try:
        with mock.patch.object(tracing, "is_compiled_as_a_whole", lambda: True):
            return lifting.lift(landmarks, tables, options, **arguments | {"jit_compile": False})
    finally:
        tf.config.run_functions_eagerly(False)
