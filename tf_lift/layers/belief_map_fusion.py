"""The layer that mixes belief maps with projected ones."""

import tensorflow as tf

__all__ = ["BeliefMapFusion"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class BeliefMapFusion(tf.keras.layers.Layer):
    """Mixes belief maps with projected belief maps: `w b + (1 - w) b_projected`.

    The weight w is one trainable scalar. It is the variable itself, set back to [0, 1]
    by a constraint after every update of a Keras optimizer, not the sigmoid of one:
    the authors start the first three stages at exactly 1, which a sigmoid cannot hold
    and near which it would hardly learn. Here the gradient, `sum(upstream * (b -
    b_projected))`, is the same at 1 as anywhere, so w leaves 1 as soon as the projected maps
    lower the loss. What is weighted by 1 - w = 0 gets no gradient until then.

    A training loop that updates the variable without an optimizer must clip it itself.

    Args:
        initial_weight: First value of w, in [0, 1].
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        inputs: Two tensors `[belief_maps, projected_maps]` of shape `[B, H, W, C]`.

    Returns:
        Tensor of shape `[B, H, W, C]`, float32 under every precision policy.

    Raises:
        ValueError: If `initial_weight` is not in [0, 1], or the inputs are not two of the
            same shape.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017, P7.

    >>> fusion = BeliefMapFusion(initial_weight=0.75)
    >>> float(fusion([tf.ones([1, 1, 1, 1]), tf.zeros([1, 1, 1, 1])])[0, 0, 0, 0])
    0.75
    """

    def __init__(self, initial_weight: float = 0.5, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if not 0 <= initial_weight <= 1:
            raise ValueError(
                f"`initial_weight` must be in [0, 1]. Received: initial_weight={initial_weight!r}"
            )
        self.initial_weight = initial_weight

    def build(self, input_shape):
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 2:
            raise ValueError(
                "`inputs` must be a list of two tensors, belief maps and projected maps. "
                f"Received: shape {input_shape}"
            )
        first, second = (tf.TensorShape(shape) for shape in input_shape)
        if not first.is_compatible_with(second):
            raise ValueError(
                "`inputs` must be two tensors of the same shape. "
                f"Received: shapes {tuple(first)} and {tuple(second)}"
            )
        self.weight = self.add_weight(
            name="weight",
            shape=(),
            initializer=tf.keras.initializers.Constant(self.initial_weight),
            constraint=_clip_to_unit_interval,
        )
        super().build(input_shape)

    def call(self, inputs):
        belief_maps, projected_maps = inputs
        weight = tf.convert_to_tensor(self.weight)
        return weight * belief_maps + (1.0 - weight) * projected_maps

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "initial_weight": self.initial_weight}


def _clip_to_unit_interval(weight):
    return tf.clip_by_value(tf.convert_to_tensor(weight), 0.0, 1.0)
