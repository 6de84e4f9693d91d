"""The life of a model on the TensorFlow stack at hand; `make test-all` runs it on all three."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift.data.pipeline import examples
from tf_lift.data.synthetic import people as synthetic
from tf_lift.models import Conv, Pool, Preset, compile_lifting_cpm

# Versions of TensorFlow and Keras as `make test-all` names the stacks.
STACKS = {
    "default": ("2.21.", "3."),
    "legacy-keras": ("2.21.", "2."),
    "addons": ("2.15.", "2."),
}
# Keras 2 does not tell its version through tf.keras.
VERSIONS = (tf.__version__, getattr(tf.keras, "__version__", "2."))


def _stack():
    for name, (tensorflow, keras) in STACKS.items():
        if VERSIONS[0].startswith(tensorflow) and VERSIONS[1].startswith(keras):
            return name
    return None


STACK = _stack()

# Two stages of a few filters: the wiring of the real presets in a second.
SIZE = Preset(
    image_size=64,
    tower=(Conv(8), Pool(), Conv(8), Pool(), Conv(8), Pool()),
    first_head=(Conv(8),),
    later_head=(Conv(8),),
    fusion_weights=(0.5, None),
)


def build(prior):
    tf.keras.utils.set_random_seed(0)
    return tf_lift.build_lifting_cpm(SIZE, prior=prior, num_rotations=16)


@pytest.fixture
def model(tiny_prior):
    return build(tiny_prior)


@pytest.fixture(scope="module")
def batches(tiny_prior):
    people = synthetic.SyntheticPeople(tiny_prior.sample(8, seed=0), image_size=64)
    data = examples.dataset(people, range(8), batch_size=4, num_stages=2, num_workers=1)

    def add_scores(features, targets):
        # Keras 3 wants a target for every output, also for one without a loss.
        return features, {**targets, "scores": tf.ones_like(targets["landmarks"][..., 0])}

    return data.map(add_scores)


@pytest.fixture(scope="module")
def trained(tiny_prior, batches):
    """A model after `fit`, its weights before that, and the history."""
    model = build(tiny_prior)
    compile_lifting_cpm(model, optimizer=tf.keras.optimizers.Adam(0.01))
    before = [weight.copy() for weight in model.get_weights()]
    history = model.fit(batches, epochs=3, shuffle=False, verbose=0).history
    return model, before, history


def test_stack_is_the_one_asked_for():
    assert STACK == os.environ.get("TF_LIFT_STACK", STACK), VERSIONS
    assert STACK is not None, VERSIONS


def test_fit_learns_and_reports(trained):
    model, before, history = trained
    assert np.isfinite(list(history.values())).all()
    assert history["loss"][-1] < history["loss"][0]
    # Keras 2 puts the name of the layer before it, Keras 3 that of the output.
    for metric in ("error_px", "mpjpe_mm"):
        assert any(name.endswith(metric) for name in history)
    changed = [np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True)]
    assert sum(changed) >= len(model.trainable_weights)


def test_gradient_reaches_the_first_layer_through_the_lift(model, batches):
    features, targets = next(iter(batches))
    with tf.GradientTape() as tape:
        outputs = model(features)
        loss = tf.reduce_mean((outputs["joints_3d"] - targets["joints_3d"]) ** 2)
    gradients = tape.gradient(loss, model.trainable_weights)
    assert gradients[0] is not None
    assert np.isfinite(gradients[0]).all()
    assert np.abs(gradients[0]).max() > 0


def test_saved_model_reloads_where_only_tf_lift_is_imported(trained, batches, tmp_path):
    model, *_ = trained
    model.save(tmp_path / "model.keras")
    image = next(iter(batches))[0]["image"].numpy()
    expected = model.predict({"image": image}, verbose=0)
    np.save(tmp_path / "image.npy", image)
    code = """
        import json, sys
        import numpy as np
        import tf_lift
        import tensorflow as tf
        folder = sys.argv[1]
        model = tf.keras.models.load_model(folder + "/model.keras")
        outputs = model.predict({"image": np.load(folder + "/image.npy")}, verbose=0)
        np.savez(folder + "/outputs.npz", **outputs)
        print(json.dumps(type(model.loss["stage_1"]).__name__))
    """
    code = "\n".join(line.strip() for line in code.splitlines())
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout.splitlines()[-1]) == "BeliefMapLoss"
    with np.load(tmp_path / "outputs.npz") as outputs:
        assert set(outputs) == set(expected)
        for name, value in expected.items():
            # The same program on the same machine; a millionth of a millimetre or belief.
            np.testing.assert_allclose(outputs[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


def test_export_serves_another_batch_size(small_layer_prior, tmp_path, rng):
    model = build(small_layer_prior)
    path = tf_lift.export_saved_model(model, tmp_path, name="lifting")
    assert str(path) == str(tmp_path / "lifting" / "1")
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    image = rng.integers(0, 256, [3, 64, 64, 3]).astype(np.float32)
    outputs = served(image=tf.constant(image))
    expected = model({"image": examples.normalise(image)}, training=False)
    for name in ("joints_3d", "landmarks"):
        np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-4, atol=1e-2)


def discriminative_optimizer(model):
    """An optimizer that trains the last stage and leaves the tower almost as it was.

    A rate per part of the network, as each stack has it: Keras 3 of its own, the addons
    stack from tensorflow-addons. The Keras 2 of today's TensorFlow has neither.
    """
    if STACK == "default":
        optimizers = tf.keras.optimizers
        return optimizers.MultiOptimizer(
            lambda variable: optimizers.SGD(0.0 if "tower" in variable.path else 0.01)
        )
    if STACK == "addons":
        import tensorflow_addons

        tower = [layer for layer in model.layers if "tower" in layer.name]
        others = [layer for layer in model.layers if "tower" not in layer.name]
        sgd = tf.keras.optimizers.legacy.SGD
        return tensorflow_addons.optimizers.MultiOptimizer([(sgd(0.0), tower), (sgd(0.01), others)])
    return None


def test_rates_per_layer(model, batches):
    optimizer = discriminative_optimizer(model)
    if optimizer is None:
        pytest.skip("Keras 2 without tensorflow-addons has one learning rate for all layers")
    compile_lifting_cpm(model, optimizer=optimizer)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        name = getattr(weight, "path", weight.name)  # Keras 2 has the path in the name.
        assert np.any(old != weight.numpy()) != ("tower" in name), name


@pytest.mark.skipif(STACK != "addons", reason="tensorflow-addons is a part of the addons stack")
def test_optimizer_of_tensorflow_addons(model, batches, tmp_path):
    import tensorflow_addons

    optimizer = tensorflow_addons.optimizers.AdamW(weight_decay=1e-4, learning_rate=0.01)
    compile_lifting_cpm(model, optimizer=optimizer)
    history = model.fit(batches, epochs=3, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    image = next(iter(batches))[0]["image"]
    np.testing.assert_array_equal(
        loaded.predict({"image": image}, verbose=0)["joints_3d"],
        model.predict({"image": image}, verbose=0)["joints_3d"],
    )
