"""Completes landmarks with the missing ones that each candidate expects."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import pose_layout
from tf_lift.ops.lift.fast import elimination, missing_rows
from tf_lift.ops.lift.fast.xla import gathered_products
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["Completion", "complete", "image_axes", "rows_to_pose"]


class Completion(NamedTuple):
    """Completions of landmarks y, which are zero where missing, by candidates `[N, B]`.

    With the landmarks in mm, u y, the completed ones are u (y + slope) + offset.

    Attributes:
        slope: `[N, B, 2n]`, in coordinates of `search.axes`.
        offset: `[N, B, 2n]`.
        log_determinant: `[N, B]`; of the missing rows and columns of M.
        inverse: `[R, R, N, B]`; the inverse of these, of the first half of the angles.
    """

    slope: tf.Tensor
    offset: tf.Tensor
    log_determinant: tf.Tensor
    inverse: tf.Tensor


def complete(landmarks, tables, indices, rows, compiled):
    """Completes landmarks: those missing are what makes the energy least.

    With the rows of M split into observed and missing (m), and p the projected mean pose,
    that is -M_mm^-1 (M y)_m for the slope and M_mm^-1 (M p)_m for the offset.

    Args:
        landmarks: `[B, 2n]`, see `visible_forms.coordinates`; zero where missing.
        tables: `LiftTables`.
        indices: `[N, B]`.
        rows: See `missing_rows.find`.
        compiled: Whether XLA compiles it.

    Returns:
        A `Completion`.

    References:
        docs/method.md, M14b.
    """
    number = rows.shape[1]
    places = tf.gather(image_axes(tables, number), rows)
    form, linear = missing_rows.spare_form(tables, number, candidates_first=True)
    size = form.shape[1]
    # Solved in the first half-turn; the result is rotated afterwards.
    halves, signs = tables.fold_half_turn(indices)
    start = materialize(halves * size, compiled)
    columns = materialize(tf.transpose(rows), compiled)[:, tf.newaxis]
    block = tf.gather(
        tf.reshape(form, [-1]), (start + columns)[:, tf.newaxis] * size + columns[tf.newaxis]
    )
    mean = tf.gather(tf.reshape(linear, [-1]), start + columns)
    pushed = gathered_products.multiply(landmarks, tables.axes_form, halves, compiled, signs)
    pushed = tf.matmul(pushed, image_axes(tables, number), transpose_b=True)
    pair = tf.reshape(tf.range(tf.size(indices)), tf.shape(indices))
    pushed = tf.gather(tf.reshape(pushed, [-1]), pair * size + columns)
    lanes = tf.shape(indices)
    inverse, log_determinant = elimination.invert(
        tf.reshape(block, [number, number, tf.reduce_prod(lanes)]), compiled
    )
    inverse = tf.reshape(inverse, tf.concat([[number, number], lanes], 0))
    # XLA is faster at sums than at small products.
    sides = tf.stack([-pushed, mean], 1)
    solved = tf.reduce_sum(inverse[:, :, tf.newaxis] * sides[:, tf.newaxis], 0)
    solved = materialize(solved, compiled)
    by_row = tf.transpose(solved, [1, 2, 3, 0])[..., tf.newaxis]
    slope, offset = tf.unstack(tf.reduce_sum(by_row * places, 3))
    return Completion(
        tables.turn_landmarks(slope, signs),
        tables.turn_landmarks(offset, signs),
        tf.reshape(log_determinant, lanes),
        inverse,
    )


def image_axes(tables, number):
    """Returns the axes `[2L + number, 2n]` of both image axes, and rows of 0."""
    axes, num_axes = tables.search.axes, tables.num_axes
    horizontal = tf.pad(axes, [[0, 0], [0, num_axes]])
    vertical = tf.pad(axes, [[0, number], [num_axes, 0]])
    return tf.concat([horizontal, vertical], 0)


@functools.lru_cache(maxsize=32)
def rows_to_pose(tables, number):
    """Returns what rows of landmarks in mm add to a pose, `[H (2L + R), 3 (L - 1)]`; constant."""
    with tf.init_scope():
        axes = image_axes(tables, number)
        moved = tf.einsum("la,maq->mlq", axes, tables.poses.landmarks_to_pose)
        moved = pose_layout.rooted(moved, tables)
        return tf.reshape(moved, [-1, moved.shape[2]])
