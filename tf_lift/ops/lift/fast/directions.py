"""Separates the forward pass of the lift from its gradient."""

import tensorflow as tf

from tf_lift.ops import chunks

__all__ = ["differentiable", "gradients", "lift_with_gradient"]


def lift_with_gradient(forward, backward, structure, batch):
    """Lifts a batch by one function and passes gradients through another.

    Left to TensorFlow, a gradient would run back through the search's loops and branches, and
    compiled by XLA, sizes and constants would pass from one direction to the other as
    results, which XLA must know while it compiles: it would compile again for each new input.

    Args:
        forward: Takes the batch; returns its results and `winner` `[B]`.
        backward: Takes the batch, the winners and the upstream gradients of the results that
            have one; returns the gradients of the batch.
        structure: The results without `winner`, as `tf.TensorSpec`.
        batch: Dict of tensors `[B, ...]`.

    Returns:
        Dict of results.
    """
    names = list(batch)

    @tf.custom_gradient
    def call(*values):
        batch = dict(zip(names, values, strict=True))
        result = dict(forward(batch))
        winner = result.pop("winner")

        def grad(*upstream):
            upstream = tf.nest.pack_sequence_as(structure, upstream)
            gradients = backward(batch, winner, differentiable(upstream))
            return [gradients[name] for name in names]

        return tuple(tf.nest.flatten(result)), grad

    return tf.nest.pack_sequence_as(structure, call(*batch.values()))


def differentiable(result):
    """Returns the results that gradients flow through."""
    return {name: result[name] for name in result if name not in ("mixture_index", "winner")}


def gradients(lift, batch, winner, upstream, size=None):
    """Returns the gradients of a batch whose winners are known.

    Args:
        lift: Function of a batch and its winners to its results.
        batch: Dict of tensors `[B, ...]`.
        winner: `[B, ...]`, see `lift_with_gradient`.
        upstream: Gradients of the results that have one.
        size: Largest number of poses at a time; `None` for all at once.
    """
    structure = batch, winner, upstream

    def of_part(part):
        part_of_batch, part_winner, part_upstream = tf.nest.pack_sequence_as(
            structure, list(part.values())
        )
        with tf.GradientTape() as tape:
            tape.watch(part_of_batch)
            result = differentiable(lift(part_of_batch, part_winner))
        return tape.gradient(result, part_of_batch, part_upstream, unconnected_gradients="zero")

    flat = {f"{index:03}": part for index, part in enumerate(tf.nest.flatten(structure))}
    if size is None:
        return of_part(flat)
    specs = {
        name: tf.TensorSpec([None, *values.shape[1:]], values.dtype)
        for name, values in batch.items()
    }
    return chunks.map_chunks(of_part, flat, specs, size)
