"""The lowest of many costs, in the form that XLA is fast at.

XLA's `top_k` and `argmin` take longer on a processor than all of the search that comes before
them, while its minimum over the first axis is a few instructions.
"""

import functools

import tensorflow as tf

__all__ = ["find"]

# Of the 24 bits of a float32's fraction; the others tell costs apart to 1e-4.
_INDEX_BITS = 8


def find(parts, indices, number, one, axis=-2, shared=False):
    """Returns the indices of the lowest costs.

    Few candidates are marked in the lowest bits of their costs, so that a minimum tells the
    index as well: costs equal in all other bits, 3e-5 of them, count as equal.

    Args:
        parts: List of costs, `[..., H, B]`; one part of the candidates or two.
        indices: List of their indices, `[H, 1]`, all different.
        number: How many to find.
        one: A tensor of 1, which XLA does not know: it repeats a division for none of those
            that read it, but cheaper operations for each.
        axis: Where the candidates are: -1 for costs `[..., B, H]` and indices `[1, H]`.
        shared: Whether most of the work for two parts is the same.

    Returns:
        `[number, ..., B]`, the lowest first; of equal costs the first.

    >>> parts = [tf.constant([[3.0], [1.0]]), tf.constant([[2.0], [1.0]])]
    >>> indices = [tf.constant([[0], [1]]), tf.constant([[2], [3]])]
    >>> find(parts, indices, 3, tf.constant(1.0)).numpy().ravel()
    array([1, 3, 2], dtype=int32)
    """
    parts = [tf.minimum(part, part.dtype.max / 2) for part in parts]
    search = _by_places
    if sum(part.shape[axis] for part in parts) <= 1 << _INDEX_BITS:
        search = _by_marks
    return search(parts, indices, number, one, axis, shared)


def _by_marks(parts, indices, number, one, axis, shared):
    """`find` of costs that are marked with their indices."""
    integer = tf.int64 if parts[0].dtype == tf.float64 else tf.int32
    mask = (1 << _INDEX_BITS) - 1
    keys = []
    for part, index in zip(parts, indices, strict=True):
        bits = tf.bitwise.bitwise_and(tf.bitcast(part, integer), ~mask)
        bits = tf.bitwise.bitwise_or(bits, tf.cast(index, integer))
        keys.append(tf.bitcast(bits, part.dtype))
    keys = _store(keys, one, shared)
    found = []
    for _ in range(number):
        if found:
            beside = tf.expand_dims(found[-1], axis)
            left = [tf.where(key > beside, key, key.dtype.max) for key in keys]
        else:
            left = keys
        found.append(_minimum(left, axis))
    return tf.cast(tf.bitwise.bitwise_and(tf.bitcast(tf.stack(found), integer), mask), tf.int32)


def _by_places(parts, indices, number, one, axis, shared):
    """`find` of costs whose indices are looked for where the minimum is."""
    parts, found = _store(parts, one, shared), []
    for _ in range(number):
        places = zip(parts, indices, strict=True)
        lowest = tf.expand_dims(_minimum(parts, axis), axis)
        places = [tf.where(part <= lowest, index, tf.int32.max) for part, index in places]
        found.append(_minimum(places, axis))
        beside = tf.expand_dims(found[-1], axis)
        parts = [
            tf.where(index == beside, part.dtype.max, part)
            for part, index in zip(parts, indices, strict=True)
        ]
    return tf.stack(found)


def _store(parts, one, shared):
    """Returns the same numbers, which XLA stores before they are read.

    Its loops have one result: two that share what leads to them, as one elimination for
    candidates half a turn apart, would each compute it. Parts of a complex number do not.
    """
    if len(parts) == 1 or not shared:
        return [part / one for part in parts]
    both = tf.complex(*parts) / tf.complex(one, tf.zeros_like(one))
    return [tf.math.real(both), tf.math.imag(both)]


def _minimum(parts, axis):
    """Returns the minima of parts over an axis."""
    return functools.reduce(tf.minimum, [tf.reduce_min(part, axis) for part in parts])
