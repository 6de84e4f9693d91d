"""Gaussian elimination of many small positive definite systems at once, without LAPACK.

The systems stand along the last axis, called lanes: one step of the elimination is a few
elementwise operations on `[rows, columns, lanes]`, which run at the speed of the cache on a
processor, compile within seconds and convert to runtimes that have no factorisations.
"""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["eliminate", "invert", "multiply", "pack"]

# Elements of a product that is faster as a sum than as a batched product with transpositions.
_FEW = 16


def pack(blocks, axis=0):
    """Returns the upper triangles of symmetric matrices, row after row.

    Args:
        blocks: `[..., R, R, ...]`.
        axis: The first of the two axes.

    Returns:
        `[..., R (R + 1) / 2, ...]`.

    >>> pack(tf.constant([[1, 2], [2, 3]])).numpy()
    array([1, 2, 3], dtype=int32)
    """
    size = blocks.shape[axis]
    rows, columns = np.triu_indices(size)
    shape = tf.concat([tf.shape(blocks)[:axis], [size * size], tf.shape(blocks)[axis + 2 :]], 0)
    return tf.gather(tf.reshape(blocks, shape), rows * size + columns, axis=axis)


def eliminate(block, sides, compiled=False):
    """Solves systems as far as quadratic forms of their right-hand sides need it.

    Factors B = L D L' without pivoting and returns `sides' B^-1 sides`, a sum over pivots
    of products of the eliminated rows.

    Args:
        block: `[R (R + 1) / 2, N]`, positive definite matrices as of `pack`.
        sides: `[R, S, N]`.
        compiled: Whether XLA compiles it.

    Returns:
        `sides' B^-1 sides`, `[S, S, N]`, and the log-determinants `[N]`.

    >>> gram, log_determinant = eliminate(tf.constant([[4.0]]), tf.constant([[[2.0]]]))
    >>> float(gram[0, 0, 0]), round(float(log_determinant[0]), 3)
    (1.0, 1.386)
    """
    size, count = sides.shape[:2]
    if compiled:
        # One loop compiles in a tenth of the time of all its steps.
        solved, log_determinant = _solve_in_loop(_unpack(block, size), sides)
        return multiply(sides, solved, compiled), log_determinant
    if sides.shape[2] is None:
        return _traced_once(size, count, sides.dtype)(block, sides)
    return _by_row(block, sides)


@functools.lru_cache(maxsize=64)
def _traced_once(size, count, dtype):
    """Returns `_by_row` for any number of systems as a function that every graph calls."""
    signature = [
        tf.TensorSpec([size * (size + 1) // 2, None], dtype),
        tf.TensorSpec([size, count, None], dtype),
    ]
    return tf.function(_by_row, input_signature=signature, autograph=False)


def _by_row(block, sides):
    """`eliminate` row by row: each is in the cache while it is worked on.

    A row begins on the diagonal and ends with its right-hand sides.
    """
    size, count = sides.shape[:2]
    widths = range(size, 0, -1)
    upper = tf.split(block, widths)
    rows = [tf.concat([part, side], 0) for part, side in zip(upper, tf.unstack(sides), strict=True)]
    # Shared by all slices: graphs of fewer operations are made, converted and started faster.
    begins, whole = [tf.constant([k, 0]) for k in range(size + 1)], tf.constant([-1, -1])
    scaled, pivots = [], []
    for k, row in enumerate(rows):
        pivots.append(tf.slice(row, begins[0], tf.constant([1, -1])))
        scaled.append(row / pivots[k])
        factors = tf.split(scaled[k], [1] * (size - k) + [count])
        for i in range(k + 1, size):
            rows[i] -= factors[i - k] * tf.slice(row, begins[i - k], whole)
    log_determinant = tf.reduce_sum(tf.math.log(tf.concat(pivots, 0)), 0)
    left, right = (
        tf.stack([tf.slice(row, begins[size - k], whole) for k, row in enumerate(part)])
        for part in (rows, scaled)
    )
    return multiply(left, right), log_determinant


def _unpack(block, size):
    """Returns `[R, R, N]` of what `pack` makes of it."""
    place = np.zeros([size, size], np.int32)
    rows, columns = np.triu_indices(size)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    return tf.gather(block, place)


def _solve_in_loop(block, sides):
    """Returns `B^-1 sides` by Gauss and Jordan, and the log-determinants."""
    size = block.shape[0]
    units = tf.constant(np.eye(size)[..., np.newaxis], block.dtype)

    def step(k, state, log_determinant):
        unit, row = tf.gather(units, k), tf.gather(state, k)
        pivot = tf.reduce_sum(unit * row[:size], 0)
        scaled = row / pivot
        column = tf.reduce_sum(unit * state[:, :size], 1)[:, tf.newaxis]
        others = (1 - unit)[:, tf.newaxis] * (state - column * scaled)
        state = others + unit[:, tf.newaxis] * scaled
        return k + 1, state, log_determinant + tf.math.log(pivot)

    _, state, log_determinant = tf.while_loop(
        lambda k, *_: k < size,
        step,
        (0, tf.concat([block, sides], 1), tf.zeros_like(block[0, 0])),
        maximum_iterations=size,
    )
    return state[:, size:], log_determinant


def invert(block, compiled=False):
    """Inverts systems by Gauss and Jordan, without pivoting.

    Args:
        block: `[R, R, N]`, symmetric positive definite in the first two axes.
        compiled: Whether XLA compiles it.

    Returns:
        The inverses `[R, R, N]` and the log-determinants `[N]`.

    >>> invert(tf.constant([[[4.0]]]))[0].numpy()
    array([[[0.25]]], dtype=float32)
    """
    size = block.shape[0]
    units = tf.constant(np.eye(size)[..., np.newaxis], block.dtype)
    state, log_determinant = block, tf.zeros_like(block[0, 0])
    if not compiled:
        sides = tf.broadcast_to(units, tf.shape(block))
        return eliminate(pack(block), sides)

    # A loop compiles much faster, and each step reads and writes all of the state anyway.
    def step(k, state, log_determinant):
        row = tf.gather(state, k)
        return k + 1, *_invert_step(state, log_determinant, tf.gather(units, k), row)

    return tf.while_loop(
        lambda k, *_: k < size, step, (0, state, log_determinant), maximum_iterations=size
    )[1:]


def _invert_step(state, log_determinant, unit, row):
    """Solves for one row of `[R, R, N]`; `unit` `[R, 1]` is 1 there, `row` `[R, N]`."""
    pivot = tf.reduce_sum(unit * row, 0)
    # The pivot's own column becomes that of the inverse; all other rows lose their share.
    scaled = (row + unit * (1 - pivot)) / pivot
    column = tf.reduce_sum(unit * state, 1)
    others = (1 - unit)[:, tf.newaxis] * ((1 - unit) * state - column[:, tf.newaxis] * scaled)
    return others + unit[:, tf.newaxis] * scaled, log_determinant + tf.math.log(pivot)


def multiply(left, right, compiled=False):
    """Multiplies the transposed matrices of each lane by others: `left' right`.

    Args:
        left: `[R, P, N]`.
        right: `[R, Q, N]`.
        compiled: Whether XLA compiles it: it makes one loop of a sum, and is slow at
            products of small matrices.

    Returns:
        `[P, Q, N]`.

    >>> multiply(tf.constant([[[1.0]], [[2.0]]]), tf.constant([[[3.0]], [[4.0]]])).numpy().ravel()
    array([11.], dtype=float32)
    """
    if compiled or left.shape[1] * right.shape[1] <= _FEW:
        product = tf.reduce_sum(left[:, :, tf.newaxis] * right[:, tf.newaxis], 0)
        return materialize(product, compiled)
    left, right = tf.transpose(left, [2, 1, 0]), tf.transpose(right, [2, 0, 1])
    return tf.transpose(tf.matmul(left, right), [1, 2, 0])
