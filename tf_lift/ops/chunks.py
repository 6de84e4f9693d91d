"""Processes large batches in chunks, to bound the memory."""

import tensorflow as tf

from tf_lift.ops import accelerator

__all__ = ["map_chunks"]


def map_chunks(function, batch, signature, size):
    """Applies a function of a dict of tensors to at most `size` rows at a time.

    Args:
        function: Takes a dict like `batch` and returns a structure of tensors with the same
            first dimension. Each row of the result must depend on its own row only.
        batch: Dict of tensors `[B, ...]` whose other dimensions are known.
        signature: Structure of `tf.TensorSpec` like the result of `function`, with first
            dimension `None`.
        size: Maximum number of rows at a time, on a processor; see `accelerator.scaled`.

    Returns:
        The result of `function` for all rows.

    >>> spec = tf.TensorSpec([None], tf.int32)
    >>> map_chunks(lambda chunk: 2 * chunk["x"], {"x": tf.range(5)}, spec, 2).numpy()
    array([0, 2, 4, 6, 8], dtype=int32)
    """
    size = accelerator.scaled(size)
    total = next(iter(batch.values())).shape[0]
    if total is not None and total <= size:
        return function(batch)
    total = tf.shape(next(iter(batch.values())))[0]
    # Chunks are of equal size, the last one padded; an empty batch is one chunk.
    num_chunks = tf.maximum(-(-total // size), 1)
    chunk_size = tf.maximum(-(-total // num_chunks), 1)

    def split(tensor):
        padded = tf.pad(
            tensor, [[0, num_chunks * chunk_size - total]] + [[0, 0]] * (len(tensor.shape) - 1)
        )
        chunks = tf.reshape(padded, tf.concat([[-1, chunk_size], tf.shape(tensor)[1:]], 0))
        chunks.set_shape([None, None, *tensor.shape[1:]])
        return chunks

    chunks = {name: split(tensor) for name, tensor in batch.items()}
    results = tf.map_fn(function, chunks, fn_output_signature=signature)

    def join(tensor, spec):
        joined = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[2:]], 0))[:total]
        return tf.ensure_shape(joined, spec.shape)

    return tf.nest.map_structure(join, results, signature)
