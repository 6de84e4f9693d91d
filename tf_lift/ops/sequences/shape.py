"""The bone lengths of one person, from many poses, and poses with exactly these."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import bone_lengths as limbs

__all__ = ["estimate", "restore"]

# Seconds of bones parallel to the image that count as much as the typical proportions do, of
# one side. Chosen among 0.25, 0.5 and 1, which differ by 0.3 mm, on two sets of held-out people.
_PRIOR_SECONDS = 0.5

# Part of the lifted size to believe: a weak perspective shows none, but proportions tell some.
# Of 0.3, 0.5 and 0.8 the best on the same people.
_SIZE_TRUST = 0.5


def estimate(joints_3d, stddev, interval, typical, parents, swap):
    """Estimates one person's bone lengths: posterior means over all frames.

    Each frame counts by how well it shows the bone: little where the bone points to the camera
    or is uncertain. Left and right are equal.

    Args:
        joints_3d: `[T, L, 3]`, mm, camera frame.
        stddev: `[T, L]`, mm; infinite for frames that do not count.
        interval: Time between two frames, s.
        typical: `[L - 1]`, mm: lengths of the prior's people.
        parents: Parent of each joint, -1 for one root.
        swap: For each joint, the one on the other side.

    Returns:
        `[L - 1]`, mm.

    References:
        docs/method.md, M45.

    >>> pose = tf.constant([[[0.0, 0.0, 0.0], [90.0, 0.0, 0.0]]])
    >>> estimate(pose, tf.ones([1, 2]), 100.0, np.array([99.0]), (-1, 0), (0, 1)).numpy().round()
    array([94.], dtype=float32)
    """
    children, others = _bones(parents)
    dtype = joints_3d.dtype
    bones = tf.gather(joints_3d, children, axis=1) - tf.gather(joints_3d, others, axis=1)
    square = tf.maximum(tf.reduce_sum(bones**2, -1), 1)
    flat = tf.reduce_sum(bones[..., :2] ** 2, -1)
    variance = tf.gather(stddev**2, children, axis=1) + tf.gather(stddev**2, others, axis=1)
    shown = interval * (flat / square) ** 2 / (1 + variance / square)
    typical = tf.constant(typical, dtype)
    excess = tf.math.log(square) / 2 - tf.math.log(typical)
    seconds, total = tf.reduce_sum(shown, 0), tf.reduce_sum(shown * excess, 0)
    mirrored = [children.index(swap[child]) for child in children]
    seconds += tf.gather(seconds, mirrored)
    total += tf.gather(total, mirrored)
    mean = tf.math.divide_no_nan(total, seconds)
    share = typical / tf.reduce_sum(typical)
    size = tf.reduce_sum(share * mean)
    trust = seconds / (seconds + 2 * _PRIOR_SECONDS)
    return typical * tf.exp(_SIZE_TRUST * size + trust * (mean - size))


def restore(joints_3d, bone_lengths, parents):
    """Gives bones their lengths: their directions stay, joints follow from the root on.

    Args:
        joints_3d: `[T, L, 3]`, mm.
        bone_lengths: `[L - 1]`, mm.
        parents: Parent of each joint, -1 for one root.

    Returns:
        `[T, L, 3]`, mm, relative to joint 0. A bone of no length stays as it is.

    References:
        docs/method.md, M47.

    >>> pose = tf.constant([[[0.0, 0.0, 0.0], [90.0, 0.0, 0.0], [90.0, 10.0, 0.0]]])
    >>> restore(pose, tf.constant([100.0, 20.0]), (-1, 0, 1)).numpy().round(3)[0, 2]
    array([100.,  20.,   0.], dtype=float32)
    """
    children, others = _bones(parents)
    bones = tf.gather(joints_3d, children, axis=1) - tf.gather(joints_3d, others, axis=1)
    square = tf.reduce_sum(bones**2, -1, keepdims=True)
    has_length = square > 0
    length = tf.sqrt(tf.where(has_length, square, 1))
    bones = tf.where(has_length, bones * (bone_lengths[:, tf.newaxis] / length), bones)
    to_root = limbs.ancestors(parents).astype(joints_3d.dtype.as_numpy_dtype)
    joints = tf.einsum("ln,tnc->tlc", to_root, bones)
    return joints - joints[:, :1]


def _bones(parents):
    """Returns the joints that have a parent, in order, and their parents."""
    children = [int(child) for child in np.flatnonzero(np.asarray(parents) >= 0)]
    return children, [int(parents[child]) for child in children]
