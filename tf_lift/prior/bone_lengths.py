"""Bone lengths of a prior's people, and of a person of known height. Internal."""

import numpy as np
import tensorflow as tf

from tf_lift import skeletons

__all__ = ["resolve", "typical_bone_lengths", "typical_distance", "typical_height"]

# A person's height over the length of the longest chain of bones, from the end of a leg to the
# top of the head: the rest is below the ankle and above the last joint. The chain is 1600 mm in
# the motion capture that the prior is learnt from.
_HEIGHT_PER_CHAIN = 1.08


def resolve(prior, lengths=None, height=None):
    """Resolves the options `bone_lengths` and `height` of a lift to lengths in mm.

    Args:
        prior: `PosePrior` of L joints.
        lengths: `[..., L - 1]`, mm; "prior" for `typical_bone_lengths`; or `None`.
        height: Standing height, mm, a number or `[...]`, or `None`.

    Returns:
        `[..., L - 1]`, mm, or `None` where neither is given.

    Raises:
        ValueError: If both are given, or `lengths` is a string other than "prior".

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> resolve(prior, height=1700.0).shape
    TensorShape([16])
    """
    if lengths is not None and height is not None:
        raise ValueError(
            "`height` must be None where `bone_lengths` are given. "
            f"Received: height={height}, bone_lengths={lengths}"
        )
    if height is not None:
        typical = typical_bone_lengths(prior)
        height = tf.convert_to_tensor(height)
        if not height.dtype.is_floating:
            height = tf.cast(height, tf.float32)
        return height[..., tf.newaxis] * (typical / typical_height(prior)).astype(
            height.dtype.as_numpy_dtype
        )
    if isinstance(lengths, str):
        if lengths != "prior":
            raise ValueError(
                f'`bone_lengths` must be lengths in mm, "prior" or None. Received: {lengths!r}'
            )
        return typical_bone_lengths(prior)
    return lengths


def typical_bone_lengths(prior):
    """Returns the root mean square bone lengths under a prior.

    Bones of the mean poses are shorter: they are means of bones that point different ways.

    Args:
        prior: `PosePrior` of L joints.

    Returns:
        NumPy array `[L - 1]`, mm: from each joint but the root, in order, to its parent.

    >>> lengths = typical_bone_lengths(tf_lift.PosePrior.load("cmu"))
    >>> bool(380 < lengths[1] < 480)  # From the right hip to the knee.
    True
    """
    parents = np.array(skeletons.get(prior.skeleton).parents)
    joints = np.flatnonzero(parents >= 0)
    return typical_distance(prior, joints, parents[joints])


def typical_distance(prior, first, second):
    """Returns the root mean square distance between joints under a prior, in mm.

    Args:
        prior: `PosePrior` of L joints.
        first: Index of a joint, or indices `[n]`.
        second: Likewise.

    Returns:
        NumPy number, or `[n]`.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> bool(160 < typical_distance(prior, 1, 4) < 200)  # From one hip to the other.
    True
    """
    mean = prior.mean_pose[:, first] - prior.mean_pose[:, second]
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    loadings = loadings[:, :, first] - loadings[:, :, second]
    squared = np.sum(mean**2, -1) + np.sum(loadings**2, (1, -1))
    return np.sqrt(prior.mixture_weights @ squared)


def typical_height(prior) -> float:
    """Returns the standing height of a prior's typical person, in mm.

    Args:
        prior: `PosePrior`.

    >>> bool(1600 < typical_height(tf_lift.PosePrior.load("cmu")) < 1850)
    True
    """
    parents = skeletons.get(prior.skeleton).parents
    joints = [joint for joint, parent in enumerate(parents) if parent >= 0]
    lengths = dict(zip(joints, typical_bone_lengths(prior), strict=True))
    # The longest chain runs between the lowest and the highest joint of the mean pose.
    mean = np.tensordot(prior.mixture_weights, prior.mean_pose, 1)

    def length_to_root(joint):
        return lengths[joint] + length_to_root(parents[joint]) if joint in lengths else 0.0

    lowest, highest = int(mean[:, 2].argmin()), int(mean[:, 2].argmax())
    return _HEIGHT_PER_CHAIN * (length_to_root(lowest) + length_to_root(highest))
