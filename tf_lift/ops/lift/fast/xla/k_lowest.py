"""The lowest of many costs, in the form that XLA is fast at.

XLA's `top_k` and `argmin` take longer on a processor than the whole search before them, while
its minimum over an axis is a few instructions.
"""

import functools

import tensorflow as tf

from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["find", "k_lowest"]

# Of the 24 bits of a float32's fraction; the others tell costs apart to 1e-4.
_INDEX_BITS = 8

# More are found in a loop, which compiles in the time of one.
_MAX_WRITTEN_OUT = 3


def find(costs, number, compiled=False):
    """Returns the indices of the lowest costs.

    Args:
        costs: `[M, B]`.
        number: Number of indices.
        compiled: Whether XLA compiles it.

    Returns:
        `[number, B]`, int32, the lowest first; of equal costs the first.

    >>> find(tf.constant([[3.0], [1.0], [2.0]]), 2).numpy().ravel()
    array([1, 2], dtype=int32)
    """
    number = min(number, costs.shape[0])
    if not compiled:
        return tf.transpose(tf.math.top_k(-tf.transpose(costs), number).indices)
    indices = tf.range(costs.shape[0])[:, tf.newaxis]
    return k_lowest([costs], [indices], number)


def k_lowest(parts, indices, number, axis=-2, shared=False):
    """Returns the indices of the lowest costs of several parts.

    Few candidates are marked in the lowest bits of their costs, so that a minimum finds the
    index as well: costs equal in all other bits, 3e-5 of them, count as equal.

    Args:
        parts: List of costs, `[..., H, B]`; one part of the candidates or two.
        indices: List of their indices, `[H, 1]`, all different.
        number: Number of indices to find.
        axis: Axis of the candidates: -1 for costs `[..., B, H]` and indices `[1, H]`.
        shared: Whether most of the work for two parts is the same.

    Returns:
        `[number, ..., B]`, the lowest first; of equal costs the first.

    >>> parts = [tf.constant([[3.0], [1.0]]), tf.constant([[2.0], [1.0]])]
    >>> indices = [tf.constant([[0], [1]]), tf.constant([[2], [3]])]
    >>> k_lowest(parts, indices, 3).numpy().ravel()
    array([1, 3, 2], dtype=int32)
    """
    parts = [tf.minimum(part, part.dtype.max / 2) for part in parts]
    search = _by_places
    if sum(part.shape[axis] for part in parts) <= 1 << _INDEX_BITS:
        search = _by_marks
    return search(parts, indices, number, axis, shared)


def _by_marks(parts, indices, number, axis, shared):
    """Finds the lowest costs by marking them with their indices."""
    integer = tf.int64 if parts[0].dtype == tf.float64 else tf.int32
    mask = (1 << _INDEX_BITS) - 1
    keys = []
    for part, index in zip(parts, indices, strict=True):
        bits = tf.bitwise.bitwise_and(tf.bitcast(part, integer), ~mask)
        bits = tf.bitwise.bitwise_or(bits, tf.cast(index, integer))
        keys.append(tf.bitcast(bits, part.dtype))
    keys = _store(keys, shared)

    def find(last):
        left = keys
        if last is not None:
            last = tf.expand_dims(last, axis)
            left = [tf.where(key > last, key, key.dtype.max) for key in keys]
        found = _minimum(left, axis)
        return found, found

    found = _repeat(find, None, number)
    return tf.cast(tf.bitwise.bitwise_and(tf.bitcast(found, integer), mask), tf.int32)


def _by_places(parts, indices, number, axis, shared):
    """Finds the lowest costs, then the first place of each."""

    def find(parts):
        places = zip(parts, indices, strict=True)
        lowest = tf.expand_dims(_minimum(parts, axis), axis)
        found = _minimum(
            [tf.where(part <= lowest, index, tf.int32.max) for part, index in places], axis
        )
        last = tf.expand_dims(found, axis)
        return found, [
            tf.where(index == last, part.dtype.max, part)
            for part, index in zip(parts, indices, strict=True)
        ]

    return _repeat(find, _store(parts, shared), number)


def _repeat(find, state, number):
    """Returns what `find` finds in one state after the other, stacked."""
    found, state = find(state)
    results = [found]
    if number <= _MAX_WRITTEN_OUT:
        for _ in range(number - 1):
            found, state = find(state)
            results.append(found)
        return tf.stack(results)
    numbers = tf.reshape(tf.range(number), [number] + [1] * found.shape.rank)

    def step(k, results, state):
        found, state = find(state)
        return k + 1, tf.where(numbers == k, found, results), state

    results = tf.repeat(found[tf.newaxis], number, 0)
    return tf.while_loop(
        lambda k, *_: k < number, step, (1, results, state), maximum_iterations=number
    )[1]


def _store(parts, shared):
    """Stores parts before they are read.

    XLA's loops have one result: two that share the work before them, such as one elimination
    for candidates half a turn apart, would each repeat it. Parts of a complex number do not.
    """
    if len(parts) == 1 or not shared:
        return [materialize(part) for part in parts]
    both = materialize(tf.complex(*parts))
    return [tf.math.real(both), tf.math.imag(both)]


def _minimum(parts, axis):
    """Returns the minima of parts over an axis."""
    return functools.reduce(tf.minimum, [tf.reduce_min(part, axis) for part in parts])
