"""Time of the operations between two stages, each alone, at a network's shapes."""

import functools
import time

import numpy as np
import tensorflow as tf

__all__ = ["largest_tensors", "measure", "operations", "uses"]

# Calls before timing starts: tracing, XLA's compilation, first allocations.
_NUM_WARM = 5


def uses(model: tf.keras.Model) -> dict[str, tuple[int, int]]:
    """Counts how often a step computes each operation forward and backward.

    The maps of the last stage are decoded and lifted too, but are in no loss.
    """
    fused = sum(layer.name.endswith("_fusion") for layer in model.layers)
    return {
        "maps_to_landmarks": (fused + 1, fused),
        "lift": (fused + 1, fused),
        "landmarks_to_maps": (fused, fused),
        "fusion": (fused, fused),
    }


def operations(model: tf.keras.Model, batch_size: int, rng) -> dict[str, tuple]:
    """Returns each operation of a whole network and a function that draws its inputs."""
    shape = (batch_size, *model.output["stage_1"].shape[1:])
    num_joints = shape[-1] - 1
    image_size = model.input["image"].shape[1]

    def maps():
        return tf.constant(rng.uniform(-0.1, 1.0, shape).astype(np.float32))

    def landmarks():
        places = rng.uniform(0, image_size, [batch_size, num_joints, 2])
        return tf.constant(places.astype(np.float32))

    lift = model.get_layer("lift")
    fusion = next(layer for layer in model.layers if layer.name.endswith("_fusion"))
    return {
        "maps_to_landmarks": (model.get_layer("decoder"), lambda: [maps()]),
        # The output that the next operation reads; in training the 3D pose has no gradient.
        "lift": (lambda x: lift(x)["landmarks"], lambda: [landmarks()]),
        "landmarks_to_maps": (model.get_layer("projection"), lambda: [landmarks()]),
        "fusion": (lambda x, y: fusion([x, y]), lambda: [maps(), maps()]),
    }


def measure(model: tf.keras.Model, batch_size: int, rounds: int, rng) -> dict:
    """Times every operation alone: forward, and forward with the gradient of its inputs.

    Inputs and upstream gradients are new in every round, and the operations take turns. The
    figures include the call of a compiled function, an eighth to a quarter of a millisecond:
    they are upper bounds.

    Args:
        model: A whole network of `training_networks.build` whose lift is not compiled by
            itself.
        batch_size: Number of images.
        rounds: Number of calls; the figures are their medians.
        rng: Random generator.

    Returns:
        Dict by operation of dicts of `plain` and `xla`: `forward_s`, `both_s`.
    """
    calls = {}
    for name, (operation, draw) in operations(model, batch_size, rng).items():
        inputs = draw()
        upstream = tf.zeros_like(operation(*inputs))
        for kind, jit_compile in (("plain", False), ("xla", True)):
            forward = tf.function(operation, jit_compile=jit_compile)
            both = tf.function(_with_gradient(operation), jit_compile=jit_compile)
            calls[name, kind, "forward_s"] = (forward.get_concrete_function(*inputs), draw)
            draw_both = functools.partial(_draw_both, draw, upstream.shape, rng)
            calls[name, kind, "both_s"] = (
                both.get_concrete_function(upstream, *inputs),
                draw_both,
            )
    keys = list(calls)
    seconds: dict[tuple, list] = {key: [] for key in keys}
    for number in range(_NUM_WARM + rounds):
        # In another order every time: a function after its like finds its tables in the cache.
        for index in rng.permutation(len(keys)):
            function, draw = calls[keys[index]]
            inputs = draw()
            started = time.perf_counter()
            function(*inputs)  # On a CPU it returns when its work is done.
            if number >= _NUM_WARM:
                seconds[keys[index]].append(time.perf_counter() - started)
    result: dict[str, dict] = {}
    for (name, kind, part), values in seconds.items():
        result.setdefault(name, {}).setdefault(kind, {})[part] = float(np.median(values))
    return result


def _draw_both(draw, shape, rng):
    return [tf.constant(rng.standard_normal(shape).astype(np.float32)), *draw()]


def _with_gradient(operation):
    def both(upstream, *inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = operation(*inputs)
        # The variables include the weight of the fusion.
        sources = [*inputs, *tape.watched_variables()]
        return value, tape.gradient(value, sources, upstream)

    return both


def largest_tensors(model: tf.keras.Model, batch_size: int, rng) -> dict[str, dict]:
    """Finds the largest tensor in the graph of each operation on belief maps and its gradient.

    Returns:
        Dict by operation of `shape`, and `relative`, its number of elements over that of the
        maps with their background.
    """
    num_cells = batch_size * np.prod(model.output["stage_1"].shape[1:])
    result = {}
    for name, (operation, draw) in operations(model, batch_size, rng).items():
        if name == "lift":
            continue
        inputs = draw()
        upstream = tf.zeros_like(operation(*inputs))
        traced = tf.function(_with_gradient(operation)).get_concrete_function(upstream, *inputs)
        shapes = [
            tensor.shape.as_list()
            for node in traced.graph.get_operations()
            for tensor in node.outputs
            if tensor.shape.is_fully_defined()
        ]
        largest = max(shapes, key=np.prod)
        result[name] = {"shape": largest, "relative": float(np.prod(largest) / num_cells)}
    return result
