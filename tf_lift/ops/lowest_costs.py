"""The lowest of many costs, in the form that XLA is fast at.

XLA's `top_k` and `argmin` take longer on a processor than all of the search that comes before
them, while its minimum over the first axis is a few instructions.
"""

import functools

import tensorflow as tf

__all__ = ["find"]

# Of the 24 bits of a float32's fraction; the others tell costs apart to 1e-4.
_INDEX_BITS = 8


def find(parts, indices, number, one):
    """Returns the indices of the lowest costs.

    Few candidates are marked in the lowest bits of their costs, so that a minimum tells the
    index as well: costs equal in all other bits, 3e-5 of them, count as equal.

    Args:
        parts: List of costs `[..., H, B]`.
        indices: List of their indices `[H, 1]`, all different.
        number: How many to find.
        one: A tensor of 1, which XLA does not know: it repeats a division for none of those
            that read it, but cheaper operations for each.

    Returns:
        `[number, ..., B]`, the lowest first; of equal costs the first.

    >>> parts = [tf.constant([[3.0], [1.0]]), tf.constant([[2.0], [1.0]])]
    >>> indices = [tf.constant([[0], [1]]), tf.constant([[2], [3]])]
    >>> find(parts, indices, 3, tf.constant(1.0)).numpy().ravel()
    array([1, 3, 2], dtype=int32)
    """
    parts = [tf.minimum(part, part.dtype.max / 2) for part in parts]
    if sum(part.shape[-2] for part in parts) <= 1 << _INDEX_BITS:
        return _by_marks(parts, indices, number, one)
    return _by_places([part / one for part in parts], indices, number)


def _by_marks(parts, indices, number, one):
    """`find` of costs that are marked with their indices."""
    integer = tf.int64 if parts[0].dtype == tf.float64 else tf.int32
    mask = (1 << _INDEX_BITS) - 1
    keys = []
    for part, index in zip(parts, indices, strict=True):
        bits = tf.bitwise.bitwise_and(tf.bitcast(part, integer), ~mask)
        bits = tf.bitwise.bitwise_or(bits, tf.cast(index, integer))
        keys.append(tf.bitcast(bits, part.dtype) / one)
    found = []
    for _ in range(number):
        if found:
            left = [tf.where(key > _beside(found[-1]), key, key.dtype.max) for key in keys]
        else:
            left = keys
        found.append(_minimum(left))
    return tf.cast(tf.bitwise.bitwise_and(tf.bitcast(tf.stack(found), integer), mask), tf.int32)


def _by_places(parts, indices, number):
    """`find` of costs whose indices are looked for where the minimum is."""
    found = []
    for _ in range(number):
        places = zip(parts, indices, strict=True)
        lowest = _minimum(parts)
        places = [tf.where(part <= _beside(lowest), index, tf.int32.max) for part, index in places]
        found.append(_minimum(places))
        parts = [
            tf.where(index == _beside(found[-1]), part.dtype.max, part)
            for part, index in zip(parts, indices, strict=True)
        ]
    return tf.stack(found)


def _minimum(parts):
    """Returns the minima `[..., B]` over parts `[..., H, B]`."""
    return functools.reduce(tf.minimum, [tf.reduce_min(part, -2) for part in parts])


def _beside(values):
    return values[..., tf.newaxis, :]
