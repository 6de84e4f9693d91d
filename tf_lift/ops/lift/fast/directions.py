"""Separates the forward pass of the lift from its gradient."""

import tensorflow as tf

__all__ = ["lift_with_gradient"]


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
