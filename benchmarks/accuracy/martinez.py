"""The standard trained network from 2D to 3D, as a baseline.

Two residual blocks of two dense layers of 1024 between an input and an output layer, batch
normalisation, ReLU and dropout. Written with plain operations, so that one call runs many
training steps, with TensorFlow's fused Adam, on every Keras alike.
"""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ["Martinez", "NetworkConfig", "train"]

# Of the moving averages of batch normalisation, which converge long before a run ends.
_MOMENTUM = 0.99
_EPSILON = 1e-3
# Steps of one call: 25 MB of inputs, and control returns to Python every few seconds.
_STEPS_PER_CALL = 100


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Sizes and training of the network.

    Attributes:
        steps: Training steps.
        batch_size: Poses of a step.
        width: Units of a hidden layer.
        num_blocks: Residual blocks.
        dropout: Share of the units to drop.
        learning_rate: Rate of Adam at the first step.
        final_learning_rate: Rate at the last step, reached exponentially.
        seed: Seed of weights, dropout and training data.
    """

    steps: int = 18000
    batch_size: int = 256
    width: int = 1024
    num_blocks: int = 2
    dropout: float = 0.25
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch_size", "width", "num_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"`dropout` must be in [0, 1). Received: {self.dropout}")


class Martinez(tf.Module):
    """The network: standardised inputs to standardised outputs.

    Args:
        num_inputs: Numbers that describe a 2D pose.
        num_outputs: Numbers that describe a 3D pose.
        config: `NetworkConfig`.

    References:
        Martinez et al. A simple yet effective baseline for 3D human pose estimation.
        ICCV 2017. This one does not bound the norm of the weights.
    """

    def __init__(self, num_inputs: int, num_outputs: int, config: NetworkConfig):
        super().__init__()
        self._config = config
        rng = np.random.default_rng(config.seed)
        sizes = [num_inputs] + [config.width] * (1 + 2 * config.num_blocks)
        self._hidden = [_Dense(*pair, rng) for pair in zip(sizes[:-1], sizes[1:], strict=True)]
        self._output = _Dense(config.width, num_outputs, rng, normalised=False)

    @property
    def num_weights(self) -> int:
        """Number of trainable weights."""
        return sum(int(np.prod(weight.shape)) for weight in self.trainable_variables)

    def __call__(self, inputs, dropout_seed=None):
        """Computes the outputs.

        Args:
            inputs: `[batch, num_inputs]`, float32.
            dropout_seed: `[2]`, int32, of the dropout in training; `None` to predict.
        """
        layers = iter(enumerate(self._hidden))
        hidden = self._apply(next(layers), inputs, dropout_seed)
        for _ in range(self._config.num_blocks):
            inner = self._apply(next(layers), hidden, dropout_seed)
            hidden += self._apply(next(layers), inner, dropout_seed)
        return self._output(hidden)

    def _apply(self, numbered, inputs, dropout_seed):
        number, layer = numbered
        hidden = tf.nn.relu(layer(inputs, training=dropout_seed is not None))
        if dropout_seed is not None and self._config.dropout:
            # The scaling by 1 / (1 - dropout) is in the mask.
            kept = tf.random.stateless_uniform(tf.shape(hidden), dropout_seed + [0, number])
            mask = tf.cast(kept >= self._config.dropout, hidden.dtype)
            hidden *= mask / (1.0 - self._config.dropout)
        return hidden


class _Dense(tf.Module):
    """A dense layer, followed by batch normalisation where it is hidden."""

    def __init__(self, num_inputs, num_outputs, rng, normalised=True):
        super().__init__()
        kernel = rng.standard_normal([num_inputs, num_outputs]) * np.sqrt(2.0 / num_inputs)
        self.kernel = tf.Variable(kernel.astype(np.float32))
        self.bias = tf.Variable(tf.zeros([num_outputs]))
        if normalised:
            self.gain = tf.Variable(tf.ones([num_outputs]))
            self.mean = tf.Variable(tf.zeros([num_outputs]), trainable=False)
            self.variance = tf.Variable(tf.ones([num_outputs]), trainable=False)
        self._normalised = normalised

    def __call__(self, inputs, training=False):
        outputs = tf.matmul(inputs, self.kernel)
        if not self._normalised:
            return outputs + self.bias
        if not training:
            gain = self.gain * tf.math.rsqrt(self.variance + _EPSILON)
            return (outputs - self.mean) * gain + self.bias
        mean, variance = tf.nn.moments(outputs, 0)
        for average, value in ((self.mean, mean), (self.variance, variance)):
            average.assign_add((1.0 - _MOMENTUM) * (value - average))
        return (outputs - mean) * (self.gain * tf.math.rsqrt(variance + _EPSILON)) + self.bias


def train(
    draw: Callable[[int], tuple[np.ndarray, np.ndarray]],
    config: NetworkConfig,
    on_progress: Callable[[int, float], None] = lambda step, loss: None,
) -> tuple[Martinez, dict]:
    """Trains a network by the mean squared error.

    Args:
        draw: Function from a number of examples to fresh inputs `[count, num_inputs]` and
            outputs `[count, num_outputs]`.
        config: `NetworkConfig`.
        on_progress: Called after every call with the step and the mean loss since the last.

    Returns:
        The network, and its budget: steps, batch size, number of weights, seconds, and the
        mean loss of the last call.
    """
    start = time.perf_counter()
    inputs, outputs = draw(1)
    network = Martinez(inputs.shape[1], outputs.shape[1], config)
    run = _training_loop(network, config)
    step, loss = 0, float("nan")
    while step < config.steps:
        count = min(_STEPS_PER_CALL, config.steps - step)
        blocks = [
            tf.constant(array.reshape(count, config.batch_size, -1), tf.float32)
            for array in draw(count * config.batch_size)
        ]
        loss = float(run(tf.constant(step), *blocks))
        if not np.isfinite(loss):
            raise ValueError(f"the network's loss is {loss} after {step} steps")
        step += count
        on_progress(step, loss)
    budget = {
        "steps": config.steps,
        "batch_size": config.batch_size,
        "num_weights": network.num_weights,
        "training_seconds": round(time.perf_counter() - start, 1),
        "final_loss": loss,
    }
    return network, budget


def _training_loop(network, config):
    """Returns a function that trains on a block `[steps, batch, ...]`."""
    weights = network.trainable_variables
    moments = [
        [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights]
        for _ in range(2)
    ]
    # Converting only the loop, not the functions in it, saves seconds of tracing.
    predict = tf.autograph.experimental.do_not_convert(network)
    decay = np.log(config.final_learning_rate / config.learning_rate) / config.steps

    @tf.function
    def run(first_step, inputs, outputs):
        total = tf.constant(0.0)
        for index in tf.range(tf.shape(inputs)[0]):
            step = first_step + index
            seed = tf.stack([step, config.seed]) * [1, 16]
            with tf.GradientTape() as tape:
                difference = predict(inputs[index], seed) - outputs[index]
                loss = tf.reduce_mean(difference**2)
            gradients = tape.gradient(loss, weights)
            # `time` counts from 1, as in the paper of Adam.
            time_step = tf.cast(step, tf.float32) + 1.0
            for weight, gradient, first, second in zip(weights, gradients, *moments, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=weight.handle,
                    m=first.handle,
                    v=second.handle,
                    beta1_power=0.9**time_step,
                    beta2_power=0.999**time_step,
                    lr=config.learning_rate * tf.exp(decay * (time_step - 1.0)),
                    beta1=0.9,
                    beta2=0.999,
                    epsilon=1e-7,
                    grad=gradient,
                )
            total += loss
        return total / tf.cast(tf.shape(inputs)[0], tf.float32)

    return run
