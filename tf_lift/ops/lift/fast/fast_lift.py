"""The lift to the pose of the best candidate, without options."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import candidates, rotation_search
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift.fast import (
    completion,
    mask_groups,
    masked_tables,
    missing_landmarks,
    nearest_candidates,
    winning_pose,
)

__all__ = ["lift_best"]

# So many masks have tables of their own, which pays from so many poses on, while these
# tables have no more numbers than so: 128 MB of float32.
_MAX_MASKS = 8
_MIN_GROUPED = 512
_MAX_NUMBERS_OF_MASKS = 1 << 25


def lift_best(tables, options, frame, weights, winner):
    """Lifts landmarks, visible or not, to the pose of the best candidate.

    Compiled, with landmarks missing, there are three ways: large batches with few masks get
    tables of these; few missing landmarks are eliminated from the forms of all, and the
    best candidates' completed; so are many, from stored matrices.
    """
    if weights is None:
        return _lift_best_missing(tables, options, frame, None, 0, winner)
    # What determines no pose is not completed.
    weights = tf.where(frame.usable[:, tf.newaxis], weights, 1)
    missing = tf.reduce_sum(tf.cast(weights <= 0, tf.int32), -1)
    few = min(missing_landmarks.MAX_WRITTEN_OUT, tables.num_joints)

    def lift(number):
        return lambda: _lift_best_missing(tables, options, frame, weights, number, winner)

    if winner is not None:
        # Cheap for one candidate, and XLA would compile a branch's gradient for each input.
        return lift(tables.num_joints)()
    are_few = tf.reduce_all(missing <= few)
    lift_any = functools.partial(tf.cond, are_few, lift(few), lift(tables.num_joints))
    is_small = (weights.shape[0] or _MIN_GROUPED) < _MIN_GROUPED
    if not options.compiled or is_small or _numbers_of_masks(tables) > _MAX_NUMBERS_OF_MASKS:
        return lift_any()
    groups = mask_groups.group(weights, _MAX_MASKS)

    def lift_groups():
        return _lift_best_of_masks(tables, options, frame, weights, groups, few)

    return tf.cond(are_few & groups.is_whole, lift_groups, lift_any)


def _numbers_of_masks(tables):
    """Returns how many numbers the tables of all masks have."""
    num_halves, size, width = tables.growth.shape
    return _MAX_MASKS * num_halves * size * (size + width + size // 2 + 1)


def _lift_best_of_masks(tables, options, frame, weights, groups, max_missing):
    """`lift_best` where there are few masks."""
    masked = masked_tables.build(tables, groups.masks, max_missing)
    indices = nearest_candidates.nearest_of_masks(
        tf.stop_gradient(frame.landmarks),
        groups.index,
        groups.masks,
        masked,
        tables,
        candidates.NUM_NEAR,
        options.estimator,
    )
    heaviest = tables.heaviest + groups.index * tables.num_candidates
    indices = tf.where(frame.usable, indices, heaviest)
    points = rotation_search.coordinates(frame.landmarks, tables)
    best = winning_pose.find(points, masked, indices, options.estimator, True, weights)
    best = best._replace(index=best.index % tables.num_candidates)
    return _result(best, tables, frame, weights)


def _lift_best_missing(tables, options, frame, weights, max_missing, winner):
    """`lift_best` with at most so many landmarks missing."""
    points = rotation_search.coordinates(frame.landmarks, tables)
    number, estimator, compiled = candidates.NUM_NEAR, options.estimator, options.compiled
    rows = None
    if weights is not None:
        rows = completion.missing_rows(weights, max_missing)
    if winner is not None:
        indices = winner[tf.newaxis]
    elif weights is None:
        indices = nearest_candidates.nearest(
            tf.stop_gradient(frame.landmarks), tables, number, estimator, compiled
        )
    else:
        indices = nearest_candidates.nearest_of_visible(
            tf.stop_gradient(frame.landmarks), weights, rows, tables, number, estimator, compiled
        )
    indices = tf.where(frame.usable, indices, tables.heaviest)
    best = winning_pose.find(points, tables, indices, estimator, compiled, weights, rows)
    return _result(best, tables, frame, weights)


def _result(best, tables, frame, weights):
    """Returns what the lift does, of a `winning_pose.WinningPose`."""
    joints, projected = _read_out(best.pose, weights, tables)
    usable = frame.usable[:, tf.newaxis]
    joints = tf.where(usable[..., tf.newaxis], joints, tables.mean_pose)
    scale = tf.where(frame.usable, frame.unit, 0) / best.inverse_scale
    angle = tf.cast(best.index % tables.num_rotations, scale.dtype)
    pitch_index = best.index // tables.num_rotations % len(tables.pitches)
    return {
        "joints_3d": joints,
        "landmarks": frame.centre + scale[:, tf.newaxis, tf.newaxis] * projected,
        "rotation_angle": angle * (2 * np.pi / tables.num_rotations),
        "pitch": tf.gather(tf.constant(tables.pitches, scale.dtype), pitch_index),
        "scale": scale,
        "energy": tf.where(frame.usable, best.energy, float("inf")),
        "joints_3d_stddev": tf.where(usable, best.stddev, tables.mean_pose_stddev),
        "winner": best.index,
    }


def _read_out(pose, weights, tables):
    """Returns joints `[B, L, 3]` relative to joint 0, and `[B, L, 2]`, less their centre.

    Without slices: their gradient takes a size that is not known in a branch.
    """
    x, y, depth = tf.unstack(tf.reshape(pose, [-1, 3, pose.shape[1] // 3]), axis=1)
    joints, projected = tf.stack([x, y, depth], -1), tf.stack([x, y], -1)
    if not tables.free_scale:
        first = tf.one_hot(0, tables.num_joints, dtype=joints.dtype)
        return joints - tf.einsum("blc,l->bc", joints, first)[:, tf.newaxis], projected
    joints, projected = (tf.pad(part, [[0, 0], [1, 0], [0, 0]]) for part in (joints, projected))
    if weights is None:
        return joints, projected - tf.reduce_mean(projected, 1, keepdims=True)
    centre = tf.einsum("bl,blc->bc", ppca.mean_weights(weights, True), projected)
    return joints, projected - centre[:, tf.newaxis]
