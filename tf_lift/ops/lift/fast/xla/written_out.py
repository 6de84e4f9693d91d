"""Elimination of a few unknowns written out as one program without matrices.

XLA makes one loop of it, which keeps everything in registers and the nearest cache: a sixth of
the time of `elimination`, which stores every step. Its time to compile grows with the cube of
the unknowns.
"""

import numpy as np

from tf_lift.ops.lift.fast.xla.quick_log import quick_log

__all__ = ["MAX_UNKNOWNS", "eliminate"]

# Largest number of unknowns that compile in seconds.
MAX_UNKNOWNS = 12


def eliminate(block, sides, start):
    """Solves a system as far as quadratic forms of its right-hand sides need it.

    Args:
        block: Rows of a symmetric positive definite matrix, each up to its diagonal: lists of
            tensors that broadcast with each other.
        sides: Right-hand sides, lists of tensors, one for each row.
        start: The product of the pivots starts here, so that a float32 holds it: large where
            pivots are below 1, small where they are above.

    Returns:
        Dict of `side_i' B^-1 side_k` by (i, k), i <= k, and the log-determinant.

    >>> block = [[tf.constant([2.0])], [tf.constant([0.0]), tf.constant([4.0])]]
    >>> gram, log_determinant = eliminate(block, [[tf.constant([2.0]), tf.constant([4.0])]], 1.0)
    >>> float(gram[0, 0][0]), round(float(log_determinant[0]), 3)
    (6.0, 2.079)
    """
    block, sides = [list(row) for row in block], [list(side) for side in sides]
    gram, volume = {}, start
    for j in range(len(block)):
        pivot = 1 / block[j][j]
        volume *= block[j][j]
        scaled = [side[j] * pivot for side in sides]
        for k in range(len(sides)):
            for i in range(k + 1):
                term = sides[i][j] * scaled[k]
                gram[i, k] = gram[i, k] + term if j else term
        for i in range(j + 1, len(block)):
            for side, value in zip(sides, scaled, strict=True):
                side[i] = side[i] - block[i][j] * value
            factor = block[i][j] * pivot
            for k in range(j + 1, i + 1):
                block[i][k] = block[i][k] - factor * block[k][j]
    return gram, quick_log(volume) - np.log(start)
