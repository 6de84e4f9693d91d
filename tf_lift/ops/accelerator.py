"""How much a step takes at a time: a processor what fits its cache, an accelerator far more."""

import contextlib
import contextvars

import tensorflow as tf

__all__ = ["assume", "scaled"]

# A GPU needs this many times the numbers of a processor's step before it is busy: smaller
# steps cost it the same time, that of starting their kernels.
_FACTOR = 16

_assumed: contextvars.ContextVar[bool | None] = contextvars.ContextVar("assumed", default=None)


def scaled(size: int) -> int:
    """Returns the size of a step that is right for a processor, as the machine at hand needs it.

    TensorFlow places operations on a GPU or TPU wherever it has one; programs that are made
    here for another machine say so by `assume`.

    >>> with assume(True):
    ...     scaled(64)
    1024
    """
    has_accelerator = _assumed.get()
    if has_accelerator is None:
        kinds = ("GPU", "TPU")
        has_accelerator = any(tf.config.get_visible_devices(kind) for kind in kinds)
    return _FACTOR * size if has_accelerator else size


@contextlib.contextmanager
def assume(has_accelerator: bool):
    """Within this context, traces as for a machine with an accelerator, or as for one without."""
    token = _assumed.set(has_accelerator)
    try:
        yield
    finally:
        _assumed.reset(token)
