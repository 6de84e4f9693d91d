"""A convolutional network in PyTorch and its training step, in a process of its own.

Its Python needs PyTorch, but neither TensorFlow nor this project. It reads requests from
standard input and answers on standard output, one JSON a line; `torch_step` is its client.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["Network", "serve"]


class Network(nn.Module):
    """Layers in the order of computation, each fed by named earlier ones.

    Args:
        plan: List of dicts of `name`, `kind`, `inputs` (names) and the sizes of the kind, made
            by `torch_step.plan`.
        outputs: Names of the layers to return.
    """

    def __init__(self, plan: list[dict], outputs: list[str]):
        super().__init__()
        self.plan, self.outputs = plan, outputs
        self.layers = nn.ModuleDict({layer["name"]: _module(layer) for layer in plan})
        # Free each result after its last reader.
        self._last_reader = {name: layer["name"] for layer in plan for name in layer["inputs"]}

    def forward(self, inputs):
        """Maps a dict of inputs, `[batch, channels, H, W]`, to the list of outputs."""
        values = dict(inputs)
        for layer in self.plan:
            name = layer["name"]
            values[name] = self.layers[name](*(values[key] for key in layer["inputs"]))
            for key in layer["inputs"]:
                if self._last_reader[key] == name and key not in self.outputs:
                    values.pop(key, None)
        return [values[name] for name in self.outputs]


class _Padded(nn.Module):
    """A module after zero padding that differs between sides: (left, right, top, bottom)."""

    def __init__(self, padding, module):
        super().__init__()
        self.padding, self.module = padding, module

    def forward(self, features):
        return self.module(functional.pad(features, self.padding))


class _Concatenate(nn.Module):
    def forward(self, *features):
        return torch.cat(features, dim=1)


def _module(layer):
    kind = layer["kind"]
    if kind == "convolution":
        (left, right), (top, bottom) = layer["padding_x"], layer["padding_y"]
        even = left == right and top == bottom
        convolution = nn.Conv2d(
            layer["in_channels"],
            layer["filters"],
            layer["kernel_size"],
            layer["strides"],
            padding=(top, left) if even else 0,
            bias=layer["bias"],
        )
        return convolution if even else _Padded((left, right, top, bottom), convolution)
    if kind == "max_pool":
        return nn.MaxPool2d(layer["size"], layer["strides"], ceil_mode=True)
    if kind == "average_pool":
        # Windows across the border have fewer cells and average over these.
        return nn.AvgPool2d(layer["size"], layer["strides"], ceil_mode=True)
    if kind == "batch_norm":
        return nn.BatchNorm2d(layer["channels"], layer["epsilon"], 1.0 - layer["momentum"])
    if kind == "relu":
        return nn.ReLU(inplace=True)
    if kind == "dropout":
        return nn.Dropout(layer["rate"])
    if kind == "concatenate":
        return _Concatenate()
    raise ValueError(f"`kind` must be that of a layer. Received: {kind!r}")


class Trainer:
    """A network in the channels-last memory layout, and its training step.

    Args:
        plan: See `Network`.
        outputs: See `Network`.
        weights: Arrays of the Keras layers' weights by `<layer>/<number>`.
        learning_rate: Learning rate of SGD.
        momentum: Momentum of SGD.
    """

    def __init__(self, plan, outputs, weights, learning_rate, momentum):
        self.network = Network(plan, outputs).to(memory_format=torch.channels_last).train()
        load(self.network, weights)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=learning_rate, momentum=momentum, fused=True
        )

    def step(self, inputs, targets) -> tuple[float, float]:
        """Makes one step on channels-last arrays; returns seconds and loss."""
        inputs = {name: _tensor(array) for name, array in inputs.items()}
        targets = _tensor(targets)
        started = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        stages = self.network(inputs)
        loss = sum(((maps - targets) ** 2).sum(dim=(1, 2, 3)).mean() for maps in stages)
        loss.backward()
        self.optimizer.step()
        loss = float(loss.detach())
        return time.perf_counter() - started, loss


def load(network, weights) -> None:
    """Copies the weights of the Keras layers of the same names into a network."""
    with torch.no_grad():
        for name, module in network.layers.items():
            module = getattr(module, "module", module)
            tensors = [module.weight, module.bias] if hasattr(module, "weight") else []
            if isinstance(module, nn.BatchNorm2d):
                tensors += [module.running_mean, module.running_var]
            for number, tensor in enumerate(tensor for tensor in tensors if tensor is not None):
                array = torch.from_numpy(np.asarray(weights[f"{name}/{number}"]))
                tensor.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array)


def _tensor(array):
    """Returns a tensor with its channels second for PyTorch, but last in memory."""
    return torch.from_numpy(np.asarray(array)).permute(0, 3, 1, 2)


def serve(requests, answers) -> None:
    """Answers requests until they end.

    Args:
        requests: Lines of JSON. The first has `plan`, `outputs`, `weights` (npz file),
            `learning_rate`, `momentum` and `threads`; each later one `batch`, an npz file of
            the network's inputs and `targets`.
        answers: Stream for lines of JSON: the version and number of parameters; then
            `seconds` and `loss` of each step.
    """
    first = json.loads(next(requests))
    torch.set_num_threads(first["threads"])
    torch.manual_seed(0)
    with np.load(first["weights"]) as weights:
        trainer = Trainer(
            first["plan"], first["outputs"], weights, first["learning_rate"], first["momentum"]
        )
    count = sum(parameter.numel() for parameter in trainer.network.parameters())
    _answer(answers, {"version": torch.__version__, "num_parameters": count})
    for line in requests:
        with np.load(json.loads(line)["batch"]) as content:
            inputs = {name: content[name] for name in content.files}
        targets = inputs.pop("targets")
        seconds, loss = trainer.step(inputs, targets)
        _answer(answers, {"seconds": seconds, "loss": loss})


def _answer(stream, content):
    stream.write(json.dumps(content) + "\n")
    stream.flush()


if __name__ == "__main__":
    serve(iter(sys.stdin.readline, ""), sys.stdout)
