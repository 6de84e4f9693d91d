"""Products of tall matrices in blocks of rows, each on one thread.

BLAS splits a large product among threads that wait for each other: where another program
has a core, a product of 8192 rows took a hundred times as long. In one thread the result
does not depend on how many there are, either.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["inner", "product"]

# With up to 60 columns on both sides a block stays below the 2^18 multiplications from which
# OpenBLAS takes threads.
BLOCK = 64


def product(left, right) -> NDArray[np.float64]:
    """Computes `left @ right` for many rows on the left.

    Args:
        left: Array of shape `[N, A]`.
        right: Array of shape `[A, B]`.

    Returns:
        Array of shape `[N, B]`.

    >>> float(product(np.ones([100, 2]), np.ones([2, 3])).sum())
    600.0
    """
    whole = len(left) // BLOCK * BLOCK
    result = np.empty([len(left), right.shape[1]])
    blocks = left[:whole].reshape(-1, BLOCK, left.shape[1])
    np.matmul(blocks, right, out=result[:whole].reshape(-1, BLOCK, right.shape[1]))
    result[whole:] = left[whole:] @ right
    return result


def inner(left, right) -> NDArray[np.float64]:
    """Computes `left.T @ right` for many rows on both sides.

    Args:
        left: Array of shape `[N, A]`.
        right: Array of shape `[N, B]`.

    Returns:
        Array of shape `[A, B]`.

    >>> float(inner(np.ones([100, 2]), np.ones([100, 3])).sum())
    600.0
    """
    whole = len(left) // BLOCK * BLOCK
    left_blocks = left[:whole].reshape(-1, BLOCK, left.shape[1])
    right_blocks = right[:whole].reshape(-1, BLOCK, right.shape[1])
    result = (left_blocks.swapaxes(1, 2) @ right_blocks).sum(axis=0)
    return result + left[whole:].T @ right[whole:]
