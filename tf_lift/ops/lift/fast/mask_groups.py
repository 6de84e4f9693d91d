"""Poses grouped by which of their landmarks are missing."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["MaskGroups", "Slots", "arrange", "group"]


class MaskGroups(NamedTuple):
    """The distinct masks of a batch.

    Attributes:
        masks: `[D, L]`, 0 or 1; all ones where there are fewer masks.
        index: `[B]`, int32; of each pose the mask.
        is_whole: Whether every pose has the mask of its group: not if there are more masks.
    """

    masks: tf.Tensor
    index: tf.Tensor
    is_whole: tf.Tensor


class Slots(NamedTuple):
    """An order of poses in which so many at a time are of one group.

    Attributes:
        of_pose: `[B]`, int32; the slot of each pose.
        pose: `[C, size]`, int32; of each slot the pose, the first where there is none.
        group: `[C]`, int32; of each row of slots.
    """

    of_pose: tf.Tensor
    pose: tf.Tensor
    group: tf.Tensor


def group(weights, number):
    """Returns the `MaskGroups` of weights `[B, L]`, 0 or 1, of so many masks.

    >>> groups = group(tf.constant([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]), 2)
    >>> tf.gather(groups.masks, groups.index).numpy().tolist(), bool(groups.is_whole)
    ([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]], True)
    """
    # Sums of random numbers tell masks apart; that two agree by chance is found out below.
    random = np.random.default_rng(0).integers(1 << 31, size=weights.shape[1], dtype=np.int32)
    codes = tf.reduce_sum(tf.where(weights > 0, random, 0), 1)
    found = [tf.reduce_min(codes)]
    while len(found) < number:
        found.append(tf.reduce_min(tf.where(codes > found[-1], codes, codes.dtype.max)))
    index = tf.reduce_sum(tf.cast(codes[:, tf.newaxis] > tf.stack(found), tf.int32), 1)
    index = tf.minimum(index, number - 1)
    # Of each mask the first pose that has it.
    size = tf.shape(index)[0]
    member = index[:, tf.newaxis] == tf.range(number)
    first = tf.reduce_min(tf.where(member, tf.range(size)[:, tf.newaxis], size), 0)
    masks = tf.gather(tf.pad(weights, [[0, 1], [0, 0]], constant_values=1), first)
    return MaskGroups(masks, index, tf.reduce_all(tf.gather(masks, index) == weights))


def arrange(index, number, size):
    """Returns `Slots` of poses of the groups `index` `[B]`, of `number`, so many in a row.

    >>> slots = arrange(tf.constant([1, 0, 1]), 2, 2)
    >>> slots.pose[:2].numpy().tolist(), slots.group[:2].numpy().tolist()
    ([[1, 0], [0, 2]], [0, 1])
    """
    member = tf.cast(index[:, tf.newaxis] == tf.range(number), tf.int32)
    before = tf.cumsum(member, exclusive=True)
    rows = -(-tf.reduce_sum(member, 0) // size)
    start = tf.cumsum(rows, exclusive=True)
    of_pose = tf.gather(start * size, index) + tf.reduce_sum(before * member, 1)
    num_rows = -(-tf.shape(index)[0] // size) + number
    pose = tf.scatter_nd(
        of_pose[:, tf.newaxis], tf.range(tf.shape(index)[0]), tf.reshape(num_rows * size, [1])
    )
    of_row = tf.reduce_sum(tf.cast(tf.range(num_rows)[:, tf.newaxis] >= start, tf.int32), 1) - 1
    return Slots(of_pose, tf.reshape(pose, [-1, size]), of_row)
