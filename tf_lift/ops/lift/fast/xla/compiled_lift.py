"""The lift as programs that XLA compiles, one for each direction."""

import functools

import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift.batch_lift import lift_batch, signature

__all__ = ["compiled"]


@functools.lru_cache(maxsize=64)
def compiled(tables, options, chunk):
    """Returns `lift_batch` as one compiled program, the same for all that share tables.

    Its gradient is another program, of the input and the winners. Left to TensorFlow, sizes
    and constants would pass from one to the other as results, which XLA must know while it
    compiles; so it would compile again for each new input.

    Args:
        tables: `LiftTables`.
        options: `ReadOut`.
        chunk: Most poses at a time where all candidates are used. Each direction has a loop
            of its own, so that none keeps what the other one's gradient would need.
    """
    compile_program = functools.partial(tf.function, jit_compile=True, autograph=False)
    forward = compile_program(functools.partial(lift_batch, tables, options))

    @compile_program
    def backward(batch, winner, upstream):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            result = _differentiable(lift_batch(tables, options, batch, winner))
        return tape.gradient(result, batch, upstream, unconnected_gradients="zero")

    structure = signature(tables, options.num_hypotheses)

    def in_chunks(function, arguments, specs):
        """Applies a function of several structures to some poses at a time."""
        if not options.uses_all_candidates:
            return function(*arguments)
        flat = {f"{index:03}": part for index, part in enumerate(tf.nest.flatten(arguments))}

        def apply(part):
            return function(*tf.nest.pack_sequence_as(arguments, list(part.values())))

        return chunks.map_chunks(apply, flat, specs, chunk)

    def lift_rows(batch):
        names = list(batch)

        @tf.custom_gradient
        def call(*values):
            batch = dict(zip(names, values, strict=True))
            winners = {"winner": tf.TensorSpec([None], tf.int32)}
            result = in_chunks(forward, (batch,), structure | winners)
            winner = result.pop("winner")

            def grad(*upstream):
                upstream = _differentiable(tf.nest.pack_sequence_as(structure, upstream))
                specs = {
                    name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
                    for name, value in batch.items()
                }
                gradients = in_chunks(backward, (batch, winner, upstream), specs)
                return [gradients[name] for name in names]

            return tuple(tf.nest.flatten(result)), grad

        return tf.nest.pack_sequence_as(structure, call(*batch.values()))

    return lift_rows


def _differentiable(result):
    """Returns what of a result gradients flow through."""
    return {name: result[name] for name in result if name not in ("mixture_index", "winner")}
