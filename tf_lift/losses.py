"""The loss of the belief maps."""

import tensorflow as tf

from tf_lift.ops import dtypes, shapes

__all__ = ["BeliefMapLoss"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class BeliefMapLoss(tf.keras.losses.Loss):
    """Sums the squared errors of belief maps over channels and cells.

    A channel whose target holds a NaN has no label: it counts nothing and gets no
    gradient. Give one of these to each stage's output to have the sum over stages.
    Computed in float32 also for float16 maps.

    Args:
        name: Name of the loss.
        **kwargs: Arguments of `tf.keras.losses.Loss`, such as `reduction`; by default the
            mean over the batch.

    Call arguments:
        y_true: Target maps, `[B, H, W, C]`.
        y_pred: Belief maps, `[B, H, W, C]`.

    Returns:
        Scalar, or `[B]` without reduction.

    Raises:
        ValueError: If the maps' shapes differ.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017. Eq. 8.

    >>> target = [[[[1.0, np.nan]]], [[[0.0, 0.0]]]]
    >>> float(BeliefMapLoss()(target, tf.fill([2, 1, 1, 2], 0.5)))
    0.375
    """

    def __init__(self, name: str = "belief_map_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        y_true, y_pred = dtypes.to_common_float(y_true, y_pred)
        shapes.check_shape(y_pred, "y_pred", None, None, None)
        shapes.check_shape(y_true, "y_true", *y_pred.shape[-3:])
        labelled = tf.reduce_all(~tf.math.is_nan(y_true), axis=[-3, -2], keepdims=True)
        # Selected before the square: the derivative of the difference is 1 even at a NaN, that
        # of the square is not finite there.
        error = tf.where(labelled, y_pred - y_true, tf.zeros_like(y_pred))
        return tf.reduce_sum(error**2, axis=[-3, -2, -1])
