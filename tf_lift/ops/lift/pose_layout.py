"""Poses as the tables of the lift have them: first all x, then all y and all depths."""

import tensorflow as tf

__all__ = ["rooted", "sum_coordinates"]


def rooted(poses, tables):
    """Returns poses relative to joint 0, which is left out.

    Args:
        poses: `[..., 3 (L - 1)]`, and these are returned; at a given scale `[..., 3 L]`.
        tables: `LiftTables`.

    Returns:
        `[..., 3 (L - 1)]`.
    """
    if tables.free_scale:
        return poses
    axes = tf.stack(tf.split(poses, 3, -1), -2)
    return tf.concat(tf.unstack(axes[..., 1:] - axes[..., :1], axis=-2), -1)


def sum_coordinates(values):
    """Returns the sums `[..., L]` over the three axes of `[..., 3 L]`.

    >>> sum_coordinates(tf.constant([1.0, 2.0, 10.0, 20.0, 100.0, 200.0])).numpy()
    array([111., 222.], dtype=float32)
    """
    return tf.add_n(tf.split(values, 3, -1))
