"""The most likely scale of a person seen in weak perspective."""

import tensorflow as tf

__all__ = ["most_likely_inverse_scale"]


def most_likely_inverse_scale(square, product, noise_variance, dimensions):
    """Returns the millimetres per pixel that make the landmarks most likely.

    For landmarks y = (p + D z + noise) / u, less what a translation can do, with the
    density's volume u^dimensions, minus twice the log-likelihood of u is up to a constant

        (u^2 A - 2 u B + C) / noise^2 - 2 dimensions log u,

    A = y'My, B = p'My, C = p'Mp, M the inverse covariance times noise^2. It has one
    minimum over u > 0, the positive root of A u^2 - B u - noise^2 dimensions. It is
    defined for every y that is not zero: no pose needs to be turned through a point, and
    none shrinks to one, as the least-squares scale B / C may.

    Args:
        square: A, >= 0, any shape.
        product: B, the same shape.
        noise_variance: mm^2, broadcast.
        dimensions: Number of free coordinates, broadcast; 0 where there is no scale.

    Returns:
        u, the shape of `square`; 1, without gradient, where A or `dimensions` is 0.

    References:
        docs/method.md, equation 10.

    >>> float(most_likely_inverse_scale(2.0, 3.0, 1.0, 2.0))
    2.0
    """
    square, product = tf.convert_to_tensor(square), tf.convert_to_tensor(product)
    volume = tf.cast(noise_variance * dimensions, square.dtype)
    determined = (square > 0) & (volume > 0)
    square, volume = tf.where(determined, square, 1), tf.where(determined, volume, 1)
    product = tf.where(determined, product, 0)
    # Of the two forms of the root, the one that adds numbers of the same sign.
    magnitude = tf.where(product < 0, -product, product)
    total = magnitude + tf.sqrt(product**2 + 4 * square * volume)
    forward = product >= 0
    inverse_scale = tf.where(forward, total, 2 * volume) / tf.where(forward, 2 * square, total)
    return tf.where(determined, inverse_scale, 1)
