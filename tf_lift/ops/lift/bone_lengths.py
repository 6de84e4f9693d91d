"""Poses of known bone lengths: their size and depths follow from the lengths."""

import numpy as np
import tensorflow as tf

__all__ = ["ancestors", "apply", "check"]

# Fraction of the way that the depth of a bone moves from its lifted value to the one implied
# by the bone's length. Of 0.3, 0.5, 0.7 and 1, values around 0.6 had the least error on two
# sets of people that the prior has not seen; neighbours are within 1 mm.
_DEPTH_STEP = 0.6
# Lifted depth, mm, below which the bone's direction, towards the camera or away, is uncertain.
# Chosen in the same way among 0, 50 and 100 mm.
_UNCERTAIN_DEPTH = 50.0

# Each step brings the sum of the lengths nearer to the known one; a fourth changes 0.1 mm.
_NUM_STEPS = 3


def check(bone_lengths, parents, num_joints):
    """Checks the static shapes of bone lengths and their skeleton.

    Args:
        bone_lengths: `[..., L - 1]`, mm: from each joint but the root, in order, to its
            parent.
        parents: Parent of each of the L joints, -1 for the root.
        num_joints: L.

    Raises:
        ValueError: If the shape does not fit, or there is not exactly one root.
    """
    if parents is None or len(parents) != num_joints or list(parents).count(-1) != 1:
        raise ValueError(
            f"`parents` must name the parent of each of {num_joints} joints, -1 for one root, "
            f"where bone lengths are given. Received: {parents}"
        )
    shape = tuple(bone_lengths.shape)
    if not shape or shape[-1] not in (num_joints - 1, None):
        raise ValueError(
            f"`bone_lengths` must have shape [..., {num_joints - 1}]. "
            f"Received: bone_lengths.shape={shape}"
        )


def apply(joints_3d, bone_lengths, parents):
    """Scales poses and changes their depths to bring them nearer to known bone lengths.

    A pose lifted in weak perspective has the right directions but an uncertain size. It is
    scaled so that the sum of its bone lengths is the known one. Then the depth of each bone
    moves towards root(length^2 - projected length^2), with the sign of the lifted depth;
    its x and y stay.

    Args:
        joints_3d: `[B, L, 3]`, mm, camera frame.
        bone_lengths: `[B, L - 1]` or `[L - 1]`, mm, see `check`.
        parents: Parent of each joint, -1 for the root.

    Returns:
        Poses `[B, L, 3]`, relative to the root, and the factor `[B]` by which they were
        scaled.

    References:
        docs/method.md, M23.

    >>> pose = tf.constant([[[0.0, 0.0, 0.0], [3.0, 0.0, 40.0], [6.0, 0.0, 80.0]]])
    >>> joints, size_factor = apply(pose, tf.constant([80.0, 80.0]), (-1, 0, 1))
    >>> round(float(size_factor[0]), 1), joints.numpy().round()[0, 1]
    (2.3, array([ 7.,  0., 79.], dtype=float32))
    """
    children = [joint for joint, parent in enumerate(parents) if parent >= 0]
    to_root = ancestors(parents).astype(joints_3d.dtype.as_numpy_dtype)
    bones = tf.gather(joints_3d, children, axis=1) - tf.gather(
        joints_3d, [parents[child] for child in children], axis=1
    )
    bone_lengths = tf.broadcast_to(bone_lengths, tf.shape(bones)[:2])
    total = tf.reduce_sum(bone_lengths, -1)

    def rescale(bones, size_factor):
        length = tf.reduce_sum(_length(bones), -1)
        return size_factor * tf.math.divide_no_nan(total, length)

    def deepen(size_factor):
        return _deepen(size_factor[:, tf.newaxis, tf.newaxis] * bones, bone_lengths)

    size_factor = rescale(bones, tf.ones_like(total))
    for _ in range(_NUM_STEPS):
        size_factor = rescale(deepen(size_factor), size_factor)
    return tf.einsum("ln,bnc->blc", to_root, deepen(size_factor)), size_factor


def _deepen(bones, bone_lengths):
    """Moves the depths of bones towards those that their known lengths imply."""
    flat, depth = bones[..., :2], bones[..., 2]
    # At least 1 mm, so that the root has a derivative for a bone parallel to the image.
    squared_depth = tf.maximum(bone_lengths**2 - tf.reduce_sum(flat**2, -1), 1)
    target = tf.sqrt(squared_depth) * depth / tf.sqrt(depth**2 + _UNCERTAIN_DEPTH**2)
    depth += _DEPTH_STEP * (target - depth)
    return tf.concat([flat, depth[..., tf.newaxis]], -1)


def _length(bones):
    squared = tf.reduce_sum(bones**2, -1)
    positive = squared > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squared, 1)), 0)


def ancestors(parents):
    """Returns `[L, L - 1]`: 1 for the bones on the way from the root to each joint, else 0."""
    children = [joint for joint, parent in enumerate(parents) if parent >= 0]
    matrix = np.zeros([len(parents), len(children)])
    for joint in range(len(parents)):
        ancestor = joint
        while parents[ancestor] >= 0:
            matrix[joint, children.index(ancestor)] = 1
            ancestor = parents[ancestor]
    return matrix
