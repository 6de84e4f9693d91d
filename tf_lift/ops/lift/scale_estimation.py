"""The most likely scale of a person in weak perspective, and the cost of a candidate."""

import tensorflow as tf

__all__ = ["cost", "most_likely_inverse_scale"]


def most_likely_inverse_scale(square, product, noise_variance, dimensions):
    """Returns the millimetres per pixel that make the landmarks most likely.

    The landmarks, less their mean, are y = (p + D z + noise) / u, and their density has the
    factor u^dimensions. Up to a constant, minus twice the log-likelihood of u is therefore

        (u^2 A - 2 u B + c) / noise^2 - 2 dimensions log u,

    with A = y'My, B = p'My, c = p'Mp and M the inverse covariance times noise^2. Its one
    minimum over u > 0 is the positive root of A u^2 - B u - noise^2 dimensions. It exists
    for every y but zero: unlike the least-squares scale B / c, it is never negative.

    Args:
        square: A, >= 0, any shape.
        product: B, same shape.
        noise_variance: mm^2, broadcast.
        dimensions: Number of free coordinates, broadcast.

    Returns:
        u, shape of `square`; 1, without gradient, where A or `dimensions` is 0.

    References:
        docs/method.md, M10.

    >>> float(most_likely_inverse_scale(2.0, 3.0, 1.0, 2.0))
    2.0
    """
    square, product = tf.convert_to_tensor(square), tf.convert_to_tensor(product)
    volume = tf.cast(noise_variance * dimensions, square.dtype)
    determined = (square > 0) & (volume > 0)
    square, volume = tf.where(determined, square, 1), tf.where(determined, volume, 1)
    product = tf.where(determined, product, 0)
    # Of the two forms of the root, use the one that adds numbers of the same sign.
    magnitude = tf.where(product < 0, -product, product)
    total = magnitude + tf.sqrt(product**2 + 4 * square * volume)
    forward = product >= 0
    inverse_scale = tf.where(forward, total, 2 * volume) / tf.where(forward, 2 * square, total)
    return tf.where(determined, inverse_scale, 1)


def cost(energy, inverse_scale, noise_variance, normaliser, dimensions):
    """Computes minus twice the log posterior of a candidate, up to a common constant.

    Args:
        energy: mm^2, at that inverse scale; all arguments broadcast.
        inverse_scale: mm per unit of the landmarks; 1 at a given scale.
        noise_variance: mm^2.
        normaliser: Log-determinant of the landmarks' covariance minus twice the log of the
            mixture weight.
        dimensions: Number of free coordinates of the landmarks.

    References:
        docs/method.md, M12.

    >>> float(cost(8.0, 1.0, 4.0, 0.5, 32.0))
    2.5
    """
    return energy / noise_variance + normaliser - 2 * dimensions * tf.math.log(inverse_scale)
