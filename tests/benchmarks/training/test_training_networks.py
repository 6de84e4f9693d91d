import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.training import training_networks
from tf_lift import layers, models
from tf_lift.models.presets import Conv, Pool, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 2), Pool(), Conv(8)),
    first_head=(Conv(8, 1),),
    later_head=(Conv(8, 3),),
    fusion_weights=(1.0, 0.5, None),
    centre_map=True,
    pitches=(0.0,),
)
# Two stages are traced in two thirds of the time.
TWO_STAGES = dataclasses.replace(NANO, fusion_weights=(0.5, None))


@pytest.fixture
def quick(monkeypatch):
    """Sets a learning rate that changes the weights of these small networks."""
    monkeypatch.setattr(training_networks, "LEARNING_RATE", 1e-3)


@pytest.mark.parametrize("variant", training_networks.VARIANTS)
def test_variants_are_what_their_names_say(variant, tiny_prior):
    model = training_networks.build(NANO, variant, tiny_prior)
    lifts = [layer for layer in model.layers if isinstance(layer, layers.PPCALifting)]
    if variant == "without":
        assert set(model.output) == {"stage_1", "stage_2", "stage_3"} and not lifts
        assert not any(type(layer).__module__.startswith("tf_lift") for layer in model.layers)
        return
    assert {"landmarks", "joints_3d", "stage_3"} <= set(model.output)
    assert lifts[0].lift_gradient == variant.startswith("whole")
    assert lifts[0].jit_compile is variant.endswith("_jit")


def test_without_the_lift_it_is_the_same_network(tiny_prior, rng):
    # Fused with weight 1, a network's own maps go straight on.
    own = dataclasses.replace(NANO, fusion_weights=(1.0, 1.0, None))
    whole = training_networks.build(own, "whole", tiny_prior)
    without = training_networks.build(own, "without", tiny_prior)
    training_networks.copy_weights(whole, without)
    batch = training_networks.draw_batch(whole, own, 3, rng)
    maps = whole(batch.inputs)
    for name, its in without(batch.inputs).items():
        np.testing.assert_allclose(its, maps[name], atol=1e-6)
        assert np.abs(its).max() > 0


def test_batches_are_fresh_and_fit_the_network(tiny_prior, rng):
    model = training_networks.build(NANO, "without", tiny_prior)
    first, second = (training_networks.draw_batch(model, NANO, 3, rng) for _ in range(2))
    assert first.inputs["image"].shape == (3, 32, 32, 3)
    assert first.inputs["centre_map"].shape == (3, 32, 32, 1)
    assert first.targets.shape == (3, 8, 8, 18)
    assert {array.dtype for array in (*first.inputs.values(), first.targets)} == {np.dtype("f4")}
    # Landmarks, and background elsewhere.
    assert first.targets[..., :-1].max() > 0.3 and first.targets[..., -1].max() > 0.3
    for name, array in first.inputs.items():
        assert (array != second.inputs[name]).any()
    assert (first.targets != second.targets).any()


@pytest.mark.parametrize("variant", ["whole", "without"])
def test_a_step_is_that_of_fit(variant, tiny_prior, rng, quick):
    model = training_networks.build(TWO_STAGES, variant, tiny_prior)
    twin = training_networks.build(TWO_STAGES, variant, tiny_prior)
    training_networks.copy_weights(model, twin)
    optimizer = tf.keras.optimizers.SGD(1e-3, momentum=training_networks.MOMENTUM)
    stages = models.describe(training_networks.build(TWO_STAGES, "whole", tiny_prior)).stages
    if variant == "whole":
        models.compile_lifting_cpm(twin, optimizer, metrics=False)
    else:
        twin.compile(optimizer, {name: tf.keras.losses.get(_sum_loss) for name in stages})
    trainer = training_networks.Trainer(model)
    before = [variable.numpy() for variable in model.trainable_variables]
    for _ in range(2):
        batch = training_networks.draw_batch(model, TWO_STAGES, 3, rng)
        seconds, loss = trainer(batch)
        targets = {name: batch.targets for name in stages}
        history = twin.fit(batch.inputs, targets, batch_size=3, verbose=0, shuffle=False)
        assert seconds > 0
        np.testing.assert_allclose(loss, history.history["loss"][0], rtol=1e-5)
    for variable, other, old in zip(
        model.trainable_variables, twin.trainable_variables, before, strict=True
    ):
        np.testing.assert_allclose(variable, other.numpy(), atol=1e-5)
        assert (variable.numpy() != old).any()


def _sum_loss(y_true, y_pred):
    return tf.reduce_sum((y_true - y_pred) ** 2, axis=[1, 2, 3])


def test_a_step_computes_all_outputs(tiny_prior, rng):
    model = training_networks.build(TWO_STAGES, "whole", tiny_prior)
    trainer = training_networks.Trainer(model)
    batch = training_networks.draw_batch(model, TWO_STAGES, 2, rng)
    expected = model(batch.inputs)
    inputs = {name: tf.constant(array) for name, array in batch.inputs.items()}
    _, outputs = trainer._step(inputs, tf.constant(batch.targets))
    assert set(outputs) == {"landmarks", "joints_3d", "scores"}
    np.testing.assert_allclose(outputs["joints_3d"], expected["joints_3d"], atol=0.05)


def test_a_loss_that_is_not_finite_is_an_error(tiny_prior, rng):
    model = training_networks.build(NANO, "without", tiny_prior)
    batch = training_networks.draw_batch(model, NANO, 2, rng)
    batch.targets[0, 0, 0, 0] = math.inf
    with pytest.raises(ValueError, match="the loss of .* is inf"):
        training_networks.Trainer(model)(batch)
