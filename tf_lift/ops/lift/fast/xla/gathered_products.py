"""Products of vectors with matrices of a table, a different one for every vector."""

import tensorflow as tf

from tf_lift.ops import chunks

__all__ = ["multiply"]

# XLA's time to compile grows with the number of terms.
_MAX_TERMS = 160

# Numbers of gathered matrices with more terms than that: 64 MB of float32.
_MAX_NUMBERS = 1 << 24


def multiply(vectors, table, indices, compiled, signs=None, terms_at_a_time=None):
    """Returns `vectors @ table[indices]`, each vector with its own matrix.

    Compiled, it is a sum of rows, each read from the table where it is added: XLA makes
    one loop of that, which copies no matrix, and takes a fifth of the time. Otherwise it is
    a gather and a batched product, the faster where every operation runs on its own;
    large matrices are gathered for some vectors at a time.

    Args:
        vectors: `[..., C]`.
        table: `[T, C, R]`.
        indices: Integers, broadcasting with the leading dimensions of `vectors`.
        compiled: Whether XLA compiles it.
        signs: The shape of `indices`: what the first half of each vector is multiplied by.
        terms_at_a_time: Number of rows that a compiled step adds; `None` for all at once, which
            is the fastest and takes the longest to compile.

    Returns:
        `[..., R]`.

    >>> table = tf.constant([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> multiply(tf.constant([[1.0, 1.0]]), table, tf.constant([0, 1]), True).numpy()
    array([[3.],
           [7.]], dtype=float32)
    """
    num_terms, size = table.shape[1:]
    if compiled and num_terms <= _MAX_TERMS and terms_at_a_time is None:
        return _sum_rows(vectors, table, indices, signs)
    if signs is not None:
        first, second = tf.split(vectors, 2, -1)
        second = tf.broadcast_to(second, tf.shape(signs[..., tf.newaxis] * first))
        vectors = tf.concat([signs[..., tf.newaxis] * first, second], -1)
    if compiled and num_terms <= _MAX_TERMS:
        return _sum_rows_in_turns(vectors, table, indices, terms_at_a_time)

    def multiply_some(batch):
        matrices = tf.gather(table, batch["indices"])
        return tf.linalg.matvec(matrices, batch["vectors"], transpose_a=True)

    batch = {"vectors": vectors, "indices": indices}
    if num_terms <= _MAX_TERMS:
        return multiply_some(batch)
    leading = tf.broadcast_dynamic_shape(tf.shape(indices), tf.shape(vectors)[:-1])
    vectors = tf.broadcast_to(vectors, tf.concat([leading, [num_terms]], 0))
    batch = {
        "vectors": tf.reshape(vectors, [-1, num_terms]),
        "indices": tf.reshape(tf.broadcast_to(indices, leading), [-1]),
    }
    spec = tf.TensorSpec([None, size], table.dtype)
    most = max(1, _MAX_NUMBERS // (num_terms * size))
    products = chunks.map_chunks(multiply_some, batch, spec, most)
    return tf.reshape(products, tf.concat([leading, [size]], 0))


def _sum_rows(vectors, table, indices, signs):
    """`multiply` as a sum."""

    def terms(start, end):
        return sum(
            tf.gather(table[:, c], indices) * vectors[..., c : c + 1] for c in range(start, end)
        )

    num_terms = table.shape[1]
    if signs is None:
        return terms(0, num_terms)
    half = num_terms // 2
    return signs[..., tf.newaxis] * terms(0, half) + terms(half, num_terms)


def _sum_rows_in_turns(vectors, table, indices, number):
    """`multiply` as a sum of `number` rows in each step of a loop."""
    num_tables, num_terms, size = table.shape
    steps = -(-num_terms // number)
    missing = steps * number - num_terms
    table = tf.pad(table, [[0, 0], [0, missing], [0, 0]])
    rows = tf.reshape(table, [num_tables * steps * number, size])
    vectors = tf.pad(vectors, [[0, 0]] * (vectors.shape.rank - 1) + [[0, missing]])
    leading = tf.broadcast_dynamic_shape(tf.shape(indices), tf.shape(vectors)[:-1])
    start = (indices * (steps * number))[..., tf.newaxis]
    places = tf.range(number, dtype=indices.dtype)

    def step(k, total):
        factors = tf.gather(vectors, k + places, axis=-1)[..., tf.newaxis]
        total += tf.reduce_sum(tf.gather(rows, start + k + places) * factors, -2)
        return k + number, total

    total = tf.zeros(tf.concat([leading, [size]], 0), table.dtype)
    return tf.while_loop(
        lambda k, _: k < steps * number,
        step,
        (tf.zeros([], indices.dtype), total),
        maximum_iterations=steps,
    )[1]
