"""Networks whose training steps are compared, and the step that all of them use.

The networks with and without the lift come from the same builder: a preset without fused
stages has no lift between them.
"""

import dataclasses
import time

import numpy as np
import tensorflow as tf

import tf_lift
from tf_lift import models
from tf_lift.data.pipeline import targets as target_maps

__all__ = ["VARIANTS", "Batch", "Trainer", "build", "copy_weights", "draw_batch"]

# Arguments of the builder; `None` for the network without fused stages, and so without a lift.
VARIANTS: dict[str, dict | None] = {
    "whole": {"lift_gradient": True, "jit_compile": False},
    "whole_jit": {"lift_gradient": True, "jit_compile": True},
    "forward_only": {"lift_gradient": False, "jit_compile": False},
    "forward_only_jit": {"lift_gradient": False, "jit_compile": True},
    "without": None,
}
MOMENTUM = 0.9
# Timing only needs weights that change and stay finite: images are noise, and the loss sums
# over thousands of cells.
LEARNING_RATE = 1e-7


@dataclasses.dataclass(frozen=True)
class Batch:
    """Input of one step.

    Attributes:
        inputs: The network's inputs by name: `image` and, if it has one, `centre_map`.
        targets: Belief maps for every stage, `[batch, H, W, num_joints + 1]`.
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray


def build(preset, variant: str, prior: tf_lift.PosePrior) -> tf.keras.Model:
    """Builds a network of `VARIANTS`.

    Args:
        preset: Name of a preset, or a `Preset`.
        variant: Key of `VARIANTS`.
        prior: Pose prior.

    Returns:
        A model with all outputs, or with those of the stages if there is no lift.
    """
    arguments = VARIANTS[variant]
    if arguments is not None:
        return models.build_lifting_cpm(preset, prior, **arguments)
    size = models.get_preset(preset)
    unfused = dataclasses.replace(size, fusion_weights=(None,) * size.num_stages)
    model = models.build_lifting_cpm(unfused, prior)
    stages = {name: model.output[name] for name in models.describe(model).stages}
    return tf.keras.Model(model.input, stages)


def draw_batch(model: tf.keras.Model, preset, batch_size: int, rng) -> Batch:
    """Draws noise for images, and targets around random landmarks.

    Args:
        model: Any network of the preset.
        preset: Name of the preset, or a `Preset`.
        batch_size: Number of images.
        rng: Random generator.
    """
    size = models.get_preset(preset)
    image_size = model.input["image"].shape[1]
    num_joints = model.output["stage_1"].shape[-1] - 1
    landmarks = rng.uniform(0, image_size, [batch_size, num_joints, 2]).astype(np.float32)
    image = rng.uniform(-0.5, 0.5, [batch_size, image_size, image_size, 3])
    inputs = {"image": image.astype(np.float32)}
    if "centre_map" in model.input:
        inputs["centre_map"] = target_maps.centre_maps(landmarks.mean(1), image_size).numpy()
    maps = target_maps.belief_map_targets(landmarks, image_size, size.stride, size.target_stddev_px)
    return Batch(inputs, maps.numpy())


class Trainer:
    """A network and its training step: forward, the loss P8, gradients, SGD with momentum.

    XLA never compiles the convolutions; the layer's own `jit_compile` decides about the lift.
    A step computes all outputs of the network, like a run that reports its errors.

    Args:
        model: Network of `build`.
    """

    def __init__(self, model: tf.keras.Model):
        self.model = model
        optimizer = tf.keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
        optimizer.build(model.trainable_variables)
        loss_of = tf_lift.losses.BeliefMapLoss()

        @tf.function
        def step(inputs, targets):
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                stages = [name for name in outputs if name.startswith("stage_")]
                loss = tf.add_n([loss_of(targets, outputs[name]) for name in stages])
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            # Returned because TensorFlow would otherwise prune the last lift, which is in no loss.
            return loss, {name: outputs[name] for name in outputs if name not in stages}

        self._step = step
        self._traced = None

    def __call__(self, batch: Batch) -> tuple[float, float]:
        """Makes one step, on batches of one shape, and returns its seconds and its loss.

        Raises:
            ValueError: If the loss is not finite.
        """
        inputs = {name: tf.constant(array) for name, array in batch.inputs.items()}
        targets = tf.constant(batch.targets)
        if self._traced is None:
            self._traced = self._step.get_concrete_function(inputs, targets)
        started = time.perf_counter()
        loss, _ = self._traced(inputs, targets)
        loss = float(loss)
        seconds = time.perf_counter() - started
        if not np.isfinite(loss):
            raise ValueError(f"the loss of {self.model.name} is {loss}")
        return seconds, loss


def copy_weights(source: tf.keras.Model, target: tf.keras.Model) -> None:
    """Copies the weights of layers to those of the same names in another network."""
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(known[layer.name].get_weights())
