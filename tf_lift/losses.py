"""The loss of belief maps."""

import tensorflow as tf

from tf_lift.ops import dtypes, shapes

__all__ = ["BeliefMapLoss"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class BeliefMapLoss(tf.keras.losses.Loss):
    """Sums the squared errors of belief maps over channels and cells.

    A channel whose target holds a NaN has no label: it adds nothing to the loss and gets no
    gradient. Give each stage's output its own instance; Keras adds up the stages. Float16 maps
    are compared in float32.

    Args:
        name: Name of the loss.
        **kwargs: Arguments of `tf.keras.losses.Loss`, such as `reduction`; the default is the
            mean over the batch.

    Call arguments:
        y_true: Target maps, `[B, H, W, C]`.
        y_pred: Belief maps, `[B, H, W, C]`.

    Returns:
        Scalar, or `[B]` without reduction.

    Raises:
        ValueError: If the maps' shapes differ.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017, P8; docs/method.md, M19.

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
        # Select before squaring: at a NaN the derivative of the difference is still 1, but that
        # of the square is not finite.
        error = tf.where(labelled, y_pred - y_true, tf.zeros_like(y_pred))
        return tf.reduce_sum(error**2, axis=[-3, -2, -1])
