"""Products of vectors with matrices of a table, a different one for every vector."""

import tensorflow as tf

__all__ = ["multiply"]

# XLA's time to compile grows with the number of terms.
_MAX_TERMS = 160


def multiply(vectors, table, indices, unrolled, signs=None):
    """Returns `vectors @ table[indices]`, each vector with its own matrix.

    Unrolled, it is a sum of rows, each read from the table where it is added: XLA makes
    one loop of that, which copies no matrix, and takes a fifth of the time. Otherwise it is
    a gather and a batched product, the faster where every operation runs on its own.

    Args:
        vectors: `[..., C]`.
        table: `[T, C, R]`.
        indices: Integers, broadcasting with the leading dimensions of `vectors`.
        unrolled: Whether XLA compiles it.
        signs: The shape of `indices`: what the first half of each vector is multiplied by.

    Returns:
        `[..., R]`.

    >>> table = tf.constant([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> multiply(tf.constant([[1.0, 1.0]]), table, tf.constant([0, 1]), True).numpy()
    array([[3.],
           [7.]], dtype=float32)
    """
    num_terms = table.shape[1]
    if not unrolled or num_terms > _MAX_TERMS:
        if signs is not None:
            first, second = tf.split(vectors, 2, -1)
            second = tf.broadcast_to(second, tf.shape(signs[..., tf.newaxis] * first))
            vectors = tf.concat([signs[..., tf.newaxis] * first, second], -1)
        return tf.linalg.matvec(tf.gather(table, indices), vectors, transpose_a=True)

    def terms(start, end):
        return sum(
            tf.gather(table[:, c], indices) * vectors[..., c : c + 1] for c in range(start, end)
        )

    if signs is None:
        return terms(0, num_terms)
    half = num_terms // 2
    return signs[..., tf.newaxis] * terms(0, half) + terms(half, num_terms)
