"""Checks of static shapes, with one form of message."""

__all__ = ["check_not_empty", "check_shape"]


def check_shape(tensor, name, *suffix):
    """Checks the last dimensions of a tensor against the expected sizes.

    Dimensions that are unknown while a graph is traced pass, and so do dimensions whose
    expected size is `None`.

    Args:
        tensor: Tensor or array with a `shape`.
        name: Name of the argument, for the message.
        *suffix: Expected sizes of the last dimensions; `None` for any size.

    Raises:
        ValueError: If the rank is too low or a known dimension differs.

    >>> check_shape(tf.zeros([8, 17, 2]), "landmarks", 17, 2)
    >>> check_shape(tf.zeros([8, 16, 2]), "landmarks", 17, 2)
    Traceback (most recent call last):
    ValueError: `landmarks` must have shape [..., 17, 2]. Received: landmarks.shape=(8, 16, 2)
    """
    shape = tensor.shape
    if getattr(shape, "rank", 0) is None:
        return
    shape = tuple(shape)
    actual = shape[len(shape) - len(suffix) :]
    fits = len(shape) >= len(suffix) and all(
        expected is None or size is None or expected == size
        for expected, size in zip(suffix, actual, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in suffix)
        raise ValueError(
            f"`{name}` must have shape [..., {expected}]. Received: {name}.shape={shape}"
        )


def check_not_empty(tensor, name):
    """Checks that no statically known dimension of a tensor is zero.

    Args:
        tensor: Tensor or array with a `shape`.
        name: Name of the argument, for the message.

    Raises:
        ValueError: If a dimension is known to be zero.

    >>> check_not_empty(tf.zeros([0, 17, 2]), "landmarks")
    Traceback (most recent call last):
    ValueError: `landmarks` must not be empty. Received: landmarks.shape=(0, 17, 2)
    """
    if getattr(tensor.shape, "rank", 0) is not None and 0 in tuple(tensor.shape):
        raise ValueError(
            f"`{name}` must not be empty. Received: {name}.shape={tuple(tensor.shape)}"
        )
