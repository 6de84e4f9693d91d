"""Networks from files, whatever the format: an image in, named tensors out."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ["Network", "load_network"]

# Standard deviation of CPM's centre map: 21 px on an image of 368 px (Wei et al., CVPR 2016).
CENTRE_STDDEV = 21 / 368


@dataclasses.dataclass(frozen=True)
class Network:
    """A network and how to call it.

    Attributes:
        path: Where it came from.
        call: Function from an image `[1, height, width, 3]`, float32, to a dict of tensors.
        input_size: (width, height) that the network demands, `None` where it is free.
    """

    path: pathlib.Path
    call: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    input_size: tuple[int | None, int | None]


def load_network(
    path: str | os.PathLike,
    input_name: str | None = None,
    output_name: str | None = None,
    signature: str | None = None,
) -> Network:
    """Loads a frozen graph, a SavedModel or a Keras file.

    Args:
        path: A frozen GraphDef `*.pb`, a SavedModel's folder (or the folder of its numbered
            versions; the newest is taken), or a `.keras` or `.h5` file.
        input_name: Name of the image's input: of a tensor in a frozen graph, of an argument
            of the signature, of a Keras input. `None`: the one with 3 channels.
        output_name: Name of the only output to compute. `None`: all outputs.
        signature: Signature of a SavedModel. `None`: "serving_default", else the first one
            that takes an image.

    Returns:
        The network. A further input of one channel is taken to be a centre map and gets a
        Gaussian in the middle of the image.

    Raises:
        ValueError: If the file cannot be read as its name says, or has no such input or
            output; the message lists those found.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise ValueError(f"`path` must be a network. Received: {path}, which does not exist")
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        path = path.parent
    if path.is_dir():
        return _load_saved_model(path, input_name, output_name, signature)
    if path.suffix == ".pb":
        return _load_frozen_graph(path, input_name, output_name)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        return _load_keras(path, input_name, output_name)
    raise ValueError(
        "`path` must be a frozen graph (.pb), a SavedModel's folder, or a Keras file (.keras, "
        f".h5). Received: {path}"
    )


def _load_frozen_graph(path, input_name, output_name):
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
        if not graph_def.node:
            raise ValueError("a graph without nodes")
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(graph_def, name=""), []
        )
    # Protobuf's DecodeError has no common base with TensorFlow's errors.
    except Exception as error:
        raise ValueError(
            f"`path` must be a frozen GraphDef. Received: {path} ({_first_line(error)})"
        ) from error
    operations = wrapped.graph.get_operations()
    inputs = {
        operation.outputs[0].name: operation.outputs[0]
        for operation in operations
        if operation.type == "Placeholder"
    }
    image = inputs[_pick_input(inputs, _with_index(input_name), path)]
    if output_name is None:
        outputs = [
            tensor
            for operation in operations
            for tensor in operation.outputs
            if operation.type not in ("Placeholder", "Const")
            and not tensor.consumers()
            and tensor.dtype.is_floating
            and tensor.shape.rank in (None, 4)
        ]
    else:
        name = _with_index(output_name)
        found = [tensor.name for operation in operations for tensor in operation.outputs]
        if name not in found:
            raise ValueError(
                f"`output_name` must be a tensor of {path}, which ends in {_few(found[::-1])}. "
                f"Received: {output_name!r}"
            )
        outputs = [wrapped.graph.get_tensor_by_name(name)]
    names = [tensor.name.removesuffix(":0") for tensor in outputs]
    function = wrapped.prune([image.name], [tensor.name for tensor in outputs])

    def call(pixels):
        return dict(zip(names, function(tf.cast(pixels, image.dtype)), strict=True))

    return Network(path, call, _size(image.shape))


def _load_saved_model(path, input_name, output_name, signature):
    if not any((path / f"saved_model.{ending}").exists() for ending in ("pb", "pbtxt")):
        versions = [folder for folder in path.iterdir() if folder.name.isdecimal()]
        if not versions:
            raise ValueError(
                "`path` must be a SavedModel's folder, or hold numbered versions of one. "
                f"Received: {path} with {_few(sorted(entry.name for entry in path.iterdir()))}"
            )
        path = max(versions, key=lambda folder: int(folder.name))
    try:
        model = tf.saved_model.load(str(path))
    except Exception as error:
        raise ValueError(
            f"`path` must be a SavedModel. Received: {path} ({_first_line(error)})"
        ) from error
    name, inputs = _pick_signature(model, signature, path)
    function = model.signatures[name]
    image = _pick_input(inputs, input_name, path)

    def call(pixels):
        # The model owns the function's variables: naming it keeps it alive.
        return _select(dict(model.signatures[name](**_feed(inputs, image, pixels))), output_name)

    _check_output(list(function.structured_outputs), output_name, path)
    return Network(path, call, _size(inputs[image].shape))


def _pick_signature(model, signature, path):
    found = {
        name: function.structured_input_signature[1] for name, function in model.signatures.items()
    }
    if signature is not None and signature not in found:
        raise ValueError(
            f"`signature` must be one of those of {path}: {_few(list(found))}. "
            f"Received: {signature!r}"
        )
    order = [signature] if signature else sorted(found, key=lambda name: name != "serving_default")
    for name in order:
        if any(_is_image(spec) for spec in found[name].values()):
            return name, found[name]
    listed = [f"{name}({', '.join(specs)})" for name, specs in found.items()]
    raise ValueError(
        "`path` must have a signature that takes images [batch, height, width, 3]. "
        f"Received: {path} with {_few(listed)}"
    )


def _load_keras(path, input_name, output_name):
    # The file may hold layers of this library, which Keras knows once they are imported.
    from tf_lift import layers  # noqa: F401

    try:
        model = tf.keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ValueError(
            f"`path` must be a Keras model. Received: {path} ({_first_line(error)})"
        ) from error
    inputs = {_input_name(tensor): tensor for tensor in model.inputs}
    image = _pick_input(inputs, input_name, path)
    outputs = model.output
    if isinstance(outputs, dict):
        names = None
        _check_output(list(outputs), output_name, path)
    else:
        names = list(model.output_names)
        _check_output(names, output_name, path)
    structure = model.input

    def call(pixels):
        feed = _feed(inputs, image, pixels)
        # Keras wants the structure that the model was built with.
        if isinstance(structure, dict):
            flat = {key: feed[_input_name(tensor)] for key, tensor in structure.items()}
        elif isinstance(structure, list | tuple):
            flat = [feed[_input_name(tensor)] for tensor in structure]
        else:
            flat = feed[image]
        result = model(flat, training=False)
        if names is not None:
            result = dict(zip(names, tf.nest.flatten(result), strict=True))
        return _select(result, output_name)

    return Network(path, call, _size(inputs[image].shape))


def _input_name(tensor):
    # Keras 2 under TensorFlow 2.15 names its symbolic tensors with an index.
    return tensor.name.split(":")[0]


def _pick_input(inputs, name, path):
    if name is not None:
        if name not in inputs:
            raise ValueError(
                f"`input_name` must be an input of {path}: {_few(list(inputs))}. Received: {name!r}"
            )
        return name
    images = [name for name, tensor in inputs.items() if _is_image(tensor)]
    if len(images) != 1:
        listed = [f"{name} {tensor.shape}" for name, tensor in inputs.items()]
        raise ValueError(
            "`input_name` must be given where a network has not exactly one input of shape "
            f"[batch, height, width, 3]. Received: {path} with {_few(listed)}"
        )
    return images[0]


def _is_image(tensor):
    if tensor.dtype == tf.string:
        return False
    shape = tf.TensorShape(tensor.shape)
    return shape.rank is None or (shape.rank == 4 and shape[3] in (None, 3))


def _check_output(found, name, path):
    if name is not None and name not in found:
        raise ValueError(
            f"`output_name` must be an output of {path}: {_few(found)}. Received: {name!r}"
        )


def _select(outputs, name):
    return outputs if name is None else {name: outputs[name]}


def _feed(inputs, image, pixels):
    """Returns a tensor for each input: the image, and a centre map where one is asked for."""
    feed = {image: tf.cast(pixels, inputs[image].dtype)}
    for name, tensor in inputs.items():
        if name == image:
            continue
        shape = tf.TensorShape(tensor.shape)
        if shape.rank != 4 or shape[3] != 1:
            raise ValueError(
                "A network must take an image and at most a centre map [batch, height, width, 1]. "
                f"Received: an input {name!r} of shape {shape}"
            )
        feed[name] = tf.cast(_centre_map(*pixels.shape[1:3]), tensor.dtype)
    return feed


def _centre_map(height, width):
    y, x = np.mgrid[:height, :width]
    stddev = CENTRE_STDDEV * height
    squared = (x - (width - 1) / 2) ** 2 + (y - (height - 1) / 2) ** 2
    return np.exp(-squared / (2 * stddev**2))[np.newaxis, :, :, np.newaxis].astype(np.float32)


def _with_index(name):
    return name if name is None or ":" in name else f"{name}:0"


def _size(shape):
    shape = tf.TensorShape(shape)
    return (None, None) if shape.rank is None else (shape[2], shape[1])


def _few(names, count=8):
    shown = ", ".join(names[:count]) or "none"
    return shown + (f" and {len(names) - count} more" if len(names) > count else "")


def _first_line(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:200]
