"""Training step of the plain network in PyTorch, from the plan of a Keras model.

Only this benchmark needs PyTorch. It runs in a process of its own, perhaps of another Python,
so that the two libraries share neither threads nor memory.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from benchmarks.training.training_networks import LEARNING_RATE, MOMENTUM, Batch

__all__ = ["TorchTrainer", "is_installed", "plan"]

_PROGRAM = pathlib.Path(__file__).with_name("torch_network.py")


def is_installed(python: str = sys.executable) -> bool:
    """Returns whether a Python has PyTorch."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    try:
        return subprocess.run([python, "-c", code], check=False).returncode == 0
    except OSError:
        return False


def plan(model: tf.keras.Model) -> list[dict]:
    """Describes a functional model of convolutions, layer by layer.

    Args:
        model: Keras model whose layers are each used once.

    Returns:
        List of dicts in an order in which layers can be computed: `name`, `kind`, `inputs`
        (names of layers or of the model's inputs) and the sizes of the kind.

    Raises:
        ValueError: If a layer has no counterpart here.
    """
    producer = {id(tensor): name for name, tensor in model.input.items()}
    layers = []
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.InputLayer):
            continue
        inputs = tf.nest.flatten(layer.input)
        described = {"name": layer.name, "inputs": [producer[id(tensor)] for tensor in inputs]}
        layers.append(described | _describe(layer, inputs[0].shape))
        producer[id(layer.output)] = layer.name
    return layers


def _describe(layer, shape):
    kinds = tf.keras.layers
    if isinstance(layer, kinds.Conv2D):
        padding = [
            _padding(size, kernel, stride) if layer.padding == "same" else (0, 0)
            for size, kernel, stride in zip(
                shape[1:3], layer.kernel_size, layer.strides, strict=True
            )
        ]
        return {
            "kind": "convolution",
            "in_channels": shape[-1],
            "filters": layer.filters,
            "kernel_size": list(layer.kernel_size),
            "strides": list(layer.strides),
            "padding_y": padding[0],
            "padding_x": padding[1],
            "bias": layer.use_bias,
        }
    if isinstance(layer, kinds.MaxPooling2D | kinds.AveragePooling2D):
        for size, pool, stride in zip(shape[1:3], layer.pool_size, layer.strides, strict=True):
            if layer.padding != "same" or _padding(size, pool, stride)[0]:
                raise ValueError(f"`{layer.name}` must pool from the first cell on")
        kind = "max_pool" if isinstance(layer, kinds.MaxPooling2D) else "average_pool"
        return {"kind": kind, "size": list(layer.pool_size), "strides": list(layer.strides)}
    if isinstance(layer, kinds.BatchNormalization):
        sizes = {"channels": shape[-1], "epsilon": layer.epsilon, "momentum": layer.momentum}
        return {"kind": "batch_norm", **sizes}
    if isinstance(layer, kinds.ReLU):
        return {"kind": "relu"}
    if isinstance(layer, kinds.Dropout):
        return {"kind": "dropout", "rate": layer.rate}
    if isinstance(layer, kinds.Concatenate):
        return {"kind": "concatenate"}
    raise ValueError(f"`model` must hold layers of convolution. Received: {layer!r}")


def _padding(size, kernel, stride):
    """Returns how many zeros TensorFlow's "same" puts before and after `size` cells."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class TorchTrainer(contextlib.AbstractContextManager):
    """The training step of a Keras model's twin in PyTorch; a context manager.

    Args:
        model: Model of stages alone, such as `training_networks.build(..., "without", ...)`;
            the twin starts with its weights.
        threads: Number of threads.
        python: Python that has PyTorch.

    Attributes:
        version: Version of PyTorch.
        num_parameters: Number of trained parameters.

    Raises:
        ValueError: If the process fails, with its message on the standard error.
    """

    def __init__(self, model: tf.keras.Model, threads: int, python: str = sys.executable):
        self._folder = tempfile.TemporaryDirectory()
        weights = pathlib.Path(self._folder.name, "weights.npz")
        arrays = {
            f"{layer.name}/{number}": array
            for layer in model.layers
            for number, array in enumerate(layer.get_weights())
        }
        np.savez(weights, **arrays)
        producer = {id(layer.output): layer.name for layer in model.layers}
        self._process = subprocess.Popen(
            [python, str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = {
            "plan": plan(model),
            "outputs": [producer[id(tensor)] for tensor in model.output.values()],
            "weights": str(weights),
            "threads": threads,
            "learning_rate": LEARNING_RATE,
            "momentum": MOMENTUM,
        }
        try:
            answer = self._ask(first)
        except ValueError:
            self.close()
            raise
        self.version, self.num_parameters = answer["version"], answer["num_parameters"]

    def __call__(self, batch: Batch) -> tuple[float, float]:
        """Makes one step and returns its seconds and its loss."""
        path = pathlib.Path(self._folder.name, "batch.npz")
        np.savez(path, targets=batch.targets, **batch.inputs)
        answer = self._ask({"batch": str(path)})
        return answer["seconds"], answer["loss"]

    def __exit__(self, *error):
        self.close()

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):  # Its failure was reported before.
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def _ask(self, request):
        with contextlib.suppress(BrokenPipeError):  # Reported below, as there is no answer.
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ValueError(f"PyTorch failed with exit code {self._process.wait()}")
        return json.loads(line)
