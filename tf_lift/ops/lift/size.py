"""The size of landmarks, and the size that a prior expects of them."""

import tensorflow as tf

from tf_lift.ops.lift import component as ppca

__all__ = ["expected_spread", "spread"]


def spread(landmarks, weights):
    """Computes the mean squared distance of visible landmarks from their centre.

    Args:
        landmarks: `[B, L, 2]`.
        weights: `[B, L]` or `[1, L]`; 0 for a missing landmark, the others count alike.

    Returns:
        `[B]`, in squared units of the landmarks.

    >>> landmarks = tf.constant([[[3.0, 1.0], [7.0, 1.0], [9.0, 9.0]]])
    >>> float(spread(landmarks, tf.constant([[1.0, 1.0, 0.0]]))[0])
    4.0
    """
    mean = tf.broadcast_to(_shares(weights), tf.shape(landmarks)[:-1])
    centre = tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
    return tf.reduce_sum(mean * tf.reduce_sum((landmarks - centre) ** 2, -1), -1)


def expected_spread(weights, second_moments, noise_variance):
    """Computes the `spread` of a prior's poses that is expected of visible landmarks.

    Args:
        weights: `[B, L]`.
        second_moments: `[L, L]`, mm^2: mean products of two joints' image positions.
        noise_variance: Of each coordinate, mm^2.

    Returns:
        `[B]`, mm^2.
    """
    mean = _shares(weights)
    # Only sums and products, which convert to other runtimes.
    expected = tf.reduce_sum(mean * tf.linalg.diag_part(second_moments), -1)
    between = tf.reduce_sum(tf.matmul(mean, second_moments) * mean, -1)
    return expected + 2 * noise_variance - between


def _shares(weights):
    return ppca.mean_weights(tf.cast(weights > 0, weights.dtype), True)
