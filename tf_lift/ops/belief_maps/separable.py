"""Maps that are products of one profile over columns and one over rows."""

import tensorflow as tf

__all__ = ["outer"]


def outer(over_columns, over_rows) -> tf.Tensor:
    """Multiplies profiles over columns and rows to separable maps.

    Args:
        over_columns: Tensor of shape `[..., W, C]`.
        over_rows: Tensor of shape `[..., H, C]`.

    Returns:
        Tensor of shape `[..., H, W, C]`.

    >>> outer([[1.0], [2.0]], [[3.0], [4.0]])[..., 0].numpy()
    array([[3., 6.],
           [4., 8.]], dtype=float32)
    """
    over_columns, over_rows = tf.convert_to_tensor(over_columns), tf.convert_to_tensor(over_rows)
    shape = tf.shape(over_columns)
    shape = tf.concat([shape[:-2], tf.shape(over_rows)[-2:-1], shape[-2:]], axis=0)
    # Repeat whole rows before the product: one that broadcasts both factors takes four times
    # as long on a CPU.
    repeated = tf.broadcast_to(over_columns[..., tf.newaxis, :, :], shape)
    return over_rows[..., :, tf.newaxis, :] * repeated
