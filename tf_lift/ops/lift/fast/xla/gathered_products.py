"""Products of vectors with matrices of a table, a different one for every vector."""

import tensorflow as tf

from tf_lift.ops import accelerator, chunks

__all__ = ["multiply"]

# Terms that one step of a compiled loop adds. All at once are no faster and take longer to
# compile; an accelerator takes more.
_TERMS = 8

# Matrices of more terms are gathered in parts of as many numbers: 64 MB of float32.
_MAX_TERMS = 160
_MAX_NUMBERS = 1 << 24


def multiply(vectors, table, indices, compiled, signs=None):
    """Returns `vectors @ table[indices]`, each vector with its own matrix.

    Compiled, it is a loop over rows, each read from the table where it is added, which copies
    no matrix, and takes a fifth of the time. Otherwise it is a gather and a batched product,
    the faster where every operation runs on its own; large matrices are gathered for some
    vectors at a time.

    Args:
        vectors: `[..., C]`.
        table: `[T, C, R]`.
        indices: Integers, broadcasting with the leading dimensions of `vectors`.
        compiled: Whether XLA compiles it.
        signs: The shape of `indices`: what the first half of each vector is multiplied by.

    Returns:
        `[..., R]`.

    >>> table = tf.constant([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> multiply(tf.constant([[1.0, 1.0]]), table, tf.constant([0, 1]), True).numpy()
    array([[3.],
           [7.]], dtype=float32)
    """
    num_terms, size = table.shape[1:]
    if signs is not None:
        first, second = tf.split(vectors, 2, -1)
        second = tf.broadcast_to(second, tf.shape(signs[..., tf.newaxis] * first))
        vectors = tf.concat([signs[..., tf.newaxis] * first, second], -1)
    leading = tf.broadcast_dynamic_shape(tf.shape(indices), tf.shape(vectors)[:-1])
    if compiled:
        return _sum_rows(vectors, table, indices, leading)

    def multiply_some(batch):
        matrices = tf.gather(table, batch["indices"])
        return tf.linalg.matvec(matrices, batch["vectors"], transpose_a=True)

    batch = {"vectors": vectors, "indices": indices}
    if num_terms <= _MAX_TERMS:
        return multiply_some(batch)
    vectors = tf.broadcast_to(vectors, tf.concat([leading, [num_terms]], 0))
    batch = {
        "vectors": tf.reshape(vectors, [-1, num_terms]),
        "indices": tf.reshape(tf.broadcast_to(indices, leading), [-1]),
    }
    spec = tf.TensorSpec([None, size], table.dtype)
    most = max(1, _MAX_NUMBERS // (num_terms * size))
    products = chunks.map_chunks(multiply_some, batch, spec, most)
    return tf.reshape(products, tf.concat([leading, [size]], 0))


def _sum_rows(vectors, table, indices, leading):
    """`multiply` as a sum of rows, some in each step of a loop."""
    num_tables, num_terms, size = table.shape
    number = min(accelerator.scaled(_TERMS), num_terms)
    if number == num_terms:
        # One step, written out: a gather of several rows would copy them.
        return tf.add_n(
            [tf.gather(table[:, c], indices) * vectors[..., c : c + 1] for c in range(num_terms)]
        )
    steps = -(-num_terms // number)
    missing = steps * number - num_terms
    table = tf.pad(table, [[0, 0], [0, missing], [0, 0]])
    rows = tf.reshape(table, [num_tables * steps * number, size])
    vectors = tf.pad(vectors, [[0, 0]] * (vectors.shape.rank - 1) + [[0, missing]])
    start = (indices * (steps * number))[..., tf.newaxis]
    places = tf.range(number, dtype=indices.dtype)

    def step(k, total):
        factors = tf.gather(vectors, k + places, axis=-1)[..., tf.newaxis]
        total += tf.reduce_sum(tf.gather(rows, start + k + places) * factors, -2)
        return k + number, total

    first = tf.zeros([], indices.dtype)
    total = tf.zeros(tf.concat([leading, [size]], 0), table.dtype)
    return tf.while_loop(
        lambda k, _: k < steps * number, step, (first, total), maximum_iterations=steps
    )[1]
