"""Bone lengths of a prior's people, and of one of them whose height is known."""

import numpy as np
import tensorflow as tf

from tf_lift import skeletons

__all__ = ["bone_lengths", "typical_bone_lengths"]

# A person's height over the length of the longest chain of bones, from the end of a leg to the
# top of the head: what is below the ankle and above the last joint. 1600 mm of chain in the
# motion capture that the prior is learnt from.
_HEIGHT_OF_CHAIN = 1.08


def bone_lengths(prior, lengths=None, height=None):
    """Returns the bone lengths that a lift is told of, or `None` for none.

    Args:
        prior: `PosePrior` of L joints.
        lengths: `[..., L - 1]`, mm; "prior" for `typical_bone_lengths`; or `None`.
        height: Standing height, mm, a number or `[...]`, or `None`.

    Returns:
        `[..., L - 1]`, mm, or `None`.

    Raises:
        ValueError: If both are given, or `lengths` is another word.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> bone_lengths(prior, height=1700.0).shape
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

    Not the lengths of its mean poses, which are shorter: the mean of bones that point
    different ways.

    Args:
        prior: `PosePrior` of L joints.

    Returns:
        NumPy array `[L - 1]`, mm: of each joint but the root, in order, to its parent.

    >>> lengths = typical_bone_lengths(tf_lift.PosePrior.load("cmu"))
    >>> bool(380 < lengths[1] < 480)  # From the right hip to the knee.
    True
    """
    parents = np.array(skeletons.get(prior.skeleton).parents)
    joints = np.flatnonzero(parents >= 0)
    mean = prior.mean_pose[:, joints] - prior.mean_pose[:, parents[joints]]
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    loadings = loadings[:, :, joints] - loadings[:, :, parents[joints]]
    squared = np.sum(mean**2, -1) + np.sum(loadings**2, (1, 3))
    return np.sqrt(prior.mixture_weights @ squared)


def typical_height(prior) -> float:
    """Returns the standing height of a prior's typical person, mm.

    Args:
        prior: `PosePrior`.

    >>> bool(1600 < typical_height(tf_lift.PosePrior.load("cmu")) < 1850)
    True
    """
    parents = skeletons.get(prior.skeleton).parents
    joints = [joint for joint, parent in enumerate(parents) if parent >= 0]
    lengths = dict(zip(joints, typical_bone_lengths(prior), strict=True))
    # Standing, what is farthest below the root and above it, along the mean pose's vertical.
    mean = np.tensordot(prior.mixture_weights, prior.mean_pose, 1)

    def chain(joint):
        return lengths[joint] + chain(parents[joint]) if joint in lengths else 0.0

    return _HEIGHT_OF_CHAIN * (chain(int(mean[:, 2].argmin())) + chain(int(mean[:, 2].argmax())))
