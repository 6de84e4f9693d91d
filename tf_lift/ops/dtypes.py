"""Conversion to the precision in which the operations compute."""

import tensorflow as tf

__all__ = ["to_common_float", "to_float"]


def to_float(value) -> tf.Tensor:
    """Converts a value to a float32 tensor; float64 stays float64.

    Half precision has too few digits for positions (float16 steps by 1/8 px beyond
    128 px), so it is widened. Tests by finite differences need float64.

    Args:
        value: Tensor, or anything that converts to one.

    >>> to_float([1, 2]).dtype.name, to_float(np.zeros(2)).dtype.name
    ('float32', 'float64')
    """
    value = tf.convert_to_tensor(value)
    return value if value.dtype in (tf.float32, tf.float64) else tf.cast(value, tf.float32)


def to_common_float(*values) -> list[tf.Tensor]:
    """Converts values to tensors of one type: float64 if any value has it, else float32.

    Args:
        *values: Tensors, or anything that converts to one.

    >>> [x.dtype.name for x in to_common_float([1.0], np.zeros(1))]
    ['float64', 'float64']
    """
    tensors = [to_float(value) for value in values]
    wide = any(tensor.dtype == tf.float64 for tensor in tensors)
    return [tf.cast(tensor, tf.float64 if wide else tf.float32) for tensor in tensors]
