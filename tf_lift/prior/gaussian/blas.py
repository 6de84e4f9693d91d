"""Holds NumPy's linear algebra to one thread where more make it slow. Internal.

BLAS splits a large product among threads that wait for each other. On a machine of 2 cores,
learning from 100,000 poses takes 1.7 s with one thread and 3.8 s with two; where another program
keeps one core busy, 3 s and more than 100 s. One thread also makes results independent of the
number of cores.
"""

import contextlib
import functools
from collections.abc import Iterator

import threadpoolctl

__all__ = ["single_thread"]


@functools.cache
def _controller():
    # Finding the loaded libraries takes 6 ms, setting their number of threads 10 us.
    return threadpoolctl.ThreadpoolController()


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Holds BLAS to one thread within a `with` block or a decorated function.

    The OpenBLAS of NumPy's wheels has one limit for the whole process, and threadpoolctl lets
    one thread set it. So wrap a whole computation in the caller's thread, not the steps that
    its worker threads take: those workers would not all be limited, which took 40 s and more.

    >>> with single_thread():
    ...     float((np.ones([100, 2]) @ np.ones([2, 3])).sum())
    600.0
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield
