"""Large batches in parts, so that what one part needs bounds the memory."""

import tensorflow as tf

__all__ = ["map_chunks"]


def map_chunks(function, batch, signature, size):
    """Applies a function of a dict of tensors to at most `size` of its rows at a time.

    Args:
        function: Takes a dict like `batch` and returns a structure of tensors, each with
            the same first dimension; rows do not depend on each other.
        batch: Dict of tensors `[B, ...]`, the rest of their shapes known.
        signature: The structure that `function` returns, of `tf.TensorSpec`, the first
            dimension `None`.
        size: Most rows at a time.

    Returns:
        What `function` returns, for all rows.

    >>> spec = tf.TensorSpec([None], tf.int32)
    >>> map_chunks(lambda part: 2 * part["x"], {"x": tf.range(5)}, spec, 2).numpy()
    array([0, 2, 4, 6, 8], dtype=int32)
    """
    total = next(iter(batch.values())).shape[0]
    if total is not None and total <= size:
        return function(batch)
    total = tf.shape(next(iter(batch.values())))[0]
    # Parts of one size, padded at the end; one part where there is nothing.
    num_parts = tf.maximum(-(-total // size), 1)
    chunk = tf.maximum(-(-total // num_parts), 1)

    def split(tensor):
        padded = tf.pad(
            tensor, [[0, num_parts * chunk - total]] + [[0, 0]] * (len(tensor.shape) - 1)
        )
        parts = tf.reshape(padded, tf.concat([[-1, chunk], tf.shape(tensor)[1:]], 0))
        parts.set_shape([None, None, *tensor.shape[1:]])
        return parts

    parts = {name: split(tensor) for name, tensor in batch.items()}
    results = tf.map_fn(function, parts, fn_output_signature=signature)

    def join(tensor, spec):
        joined = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[2:]], 0))[:total]
        return tf.ensure_shape(joined, spec.shape)

    return tf.nest.map_structure(join, results, signature)
