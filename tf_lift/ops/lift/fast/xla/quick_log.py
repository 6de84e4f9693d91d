"""The natural logarithm in the operations that XLA is fast at on a processor."""

import numpy as np
import tensorflow as tf

__all__ = ["quick_log"]

# The bits of 2/3: mantissas are taken between 2/3 and 4/3, where the logarithm changes sign.
_BITS_OF_TWO_THIRDS = 0x3F2AAAAB
_FRACTION_BITS = 23

# log(1 + z) / z for |z| <= 1/3 to 1e-7, at the Chebyshev points; the lowest power first.
_COEFFICIENTS = (
    np.polynomial.chebyshev.Chebyshev.interpolate(
        lambda z: np.log1p(z) / z, deg=7, domain=[-1 / 3, 1 / 3]
    )
    .convert(domain=[-1, 1], kind=np.polynomial.Polynomial)
    .coef
)


def quick_log(values):
    """Returns the natural logarithm of positive normal numbers, to 2e-7 of it or of one.

    XLA's own takes half the time of a rotation search. It has no gradient.

    Args:
        values: Any shape; other types than float32 get `tf.math.log`.

    Returns:
        The same shape.

    >>> quick_log(tf.constant([1.0, 10.0])).numpy()
    array([0.       , 2.3025851], dtype=float32)
    """
    if values.dtype != tf.float32:
        return tf.math.log(values)
    bits = tf.bitcast(values, tf.int32) - _BITS_OF_TWO_THIRDS
    exponent = tf.cast(tf.bitwise.right_shift(bits, _FRACTION_BITS), values.dtype)
    fraction = tf.bitwise.bitwise_and(bits, (1 << _FRACTION_BITS) - 1) + _BITS_OF_TWO_THIRDS
    z = tf.bitcast(fraction, values.dtype) - 1
    total = tf.constant(_COEFFICIENTS[-1], values.dtype)
    for coefficient in _COEFFICIENTS[-2::-1]:
        total = total * z + coefficient
    return total * z + exponent * np.log(2)
