"""Rows of the missing landmarks in the quadratic forms of all landmarks."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast.xla import written_out

__all__ = ["MAX_MISSING", "find", "log_determinant_of_others", "spare_form"]

# Most landmarks that may be missing here, of two unknowns each.
MAX_MISSING = written_out.MAX_UNKNOWNS // 2


def find(weights, number):
    """Returns the coordinates of missing landmarks.

    Args:
        weights: `[B, L]`, 0 or 1, at most `number` of a pose 0.
        number: R / 2; L, if that is less.

    Returns:
        `[B, R]`, int32: l and L + l for a missing landmark l; where fewer are missing,
        different numbers from 2L on.

    >>> find(tf.constant([[1.0, 0.0, 1.0]]), 2).numpy()
    array([[1, 7, 4, 9]], dtype=int32)
    """
    num_joints = weights.shape[1]
    number = min(number, num_joints)
    missing, joints = tf.math.top_k(tf.cast(weights <= 0, weights.dtype), number)
    rows = tf.concat([joints, num_joints + joints], 1)
    spare = 2 * num_joints + tf.range(2 * number)
    return tf.where(tf.tile(missing, [1, 2]) > 0, rows, spare)


@functools.lru_cache(maxsize=32)
def spare_form(tables, number, stride=1, candidates_first=False):
    """Returns M with `number` more rows, those of 1, and p'M with as many of 0.

    Args:
        tables: `LiftTables`.
        number: R.
        stride: Of the angles, every how many-th.
        candidates_first: Whether the candidates stand along the first axis, not the last.

    Returns:
        `[2L + R, 2L + R, H]` and `[2L + R, H]`, or `[H, ...]` of both; constants.
    """
    with tf.init_scope():
        size = tables.form.shape[0]
        ones = np.diag(np.repeat([0.0, 1.0], [size, number]))[..., np.newaxis]
        form, linear = tables.form[..., ::stride], tables.linear[..., ::stride]
        form = tf.pad(form, [[0, number], [0, number], [0, 0]])
        form += tf.constant(ones, tables.dtype)
        linear = tf.pad(linear, [[0, number], [0, 0]])
        if candidates_first:
            form, linear = tf.transpose(form, [2, 0, 1]), tf.transpose(linear)
        return form, linear


def log_determinant_of_others(weights, noise_variance, tables):
    """Returns what turns the log-determinants of all landmarks and the missing rows of M.

    The rows are those of noise^2 times the inverse covariance. Where the position is free,
    coordinates are those that no translation changes, and each axis of the missing rows
    has visible / all landmarks of its volume there.

    Args:
        weights: `[B, L]`, 0 or 1.
        noise_variance: `[..., B]`, or `[H]` for `[B, H]`, mm^2.
        tables: `LiftTables`.

    Returns:
        Shape of both together, to be added to both: the sum is the log-determinant of the visible
        landmarks' covariance.
    """
    dropped = component.dimensions(tf.ones_like(weights), tables.free_scale)
    dropped -= component.dimensions(weights, tables.free_scale)
    others = tf.zeros_like(dropped)
    if tables.free_scale:
        visible = tf.reduce_sum(tf.cast(weights > 0, tables.dtype), -1)
        others -= 2 * tf.math.log(tf.maximum(visible, 1) / tables.num_joints)
    if noise_variance.shape.rank == 1:
        dropped, others = dropped[:, tf.newaxis], others[:, tf.newaxis]
    return others - dropped * tf.math.log(noise_variance)
