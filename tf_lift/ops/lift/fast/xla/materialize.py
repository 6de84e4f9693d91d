"""Keeps XLA from computing a value again for each of its readers."""

import functools

import tensorflow as tf

__all__ = ["materialize"]


def materialize(values, compiled=True):
    """Returns the same values, which XLA stores before they are read.

    XLA fuses cheap operations into every reader of their result and repeats them there. A
    division counts as expensive: its result is computed once and stored. The divisor is a
    one that XLA does not know, or it would remove the division.

    Args:
        values: Tensor of integers or floating numbers.
        compiled: Whether XLA compiles it; if not, `values` are returned as they are.

    >>> materialize(tf.constant([3.0]), compiled=False).numpy()
    array([3.], dtype=float32)
    """
    if not compiled:
        return values
    one = tf.cast(_unknown_one(), values.dtype)
    return tf.truncatediv(values, one) if values.dtype.is_integer else values / one


@functools.cache
def _unknown_one():
    # An eager tensor reaches every graph as an input, never as a constant.
    with tf.init_scope():
        return tf.constant(1.0)
