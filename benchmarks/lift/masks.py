"""Masks of landmarks: which of them each pose of a batch shows."""

import numpy as np

from tf_lift import skeletons

__all__ = ["every_number", "independent", "one_pose", "random", "upper_bodies"]

# Joints that a picture of an upper body lacks.
_LEGS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle"))


def random(rng, batch: int, num_joints: int, max_missing: int = 6, distinct=None):
    """Draws masks, each with a number of missing landmarks of its own.

    Args:
        rng: Random generator.
        batch: Number of masks.
        num_joints: Number of landmarks.
        max_missing: Each mask hides 0 to this number, all numbers equally likely.
        distinct: If given, the number of different masks in the batch, at most.

    Returns:
        `[batch, num_joints]`, bool: True where a landmark is visible.
    """
    if distinct is not None:
        some = random(rng, distinct, num_joints, max_missing)
        return some[rng.integers(distinct, size=batch)]
    missing = rng.integers(max_missing + 1, size=[batch, 1])
    return _ranks(rng, batch, num_joints) >= missing


def every_number(rng, batch: int, num_joints: int, max_missing: int):
    """Draws masks that hide 0 to `max_missing` landmarks, each number (nearly) as often.

    Returns:
        `[batch, num_joints]`, bool, in random order.
    """
    missing = rng.permutation(np.arange(batch) % (max_missing + 1))
    return _ranks(rng, batch, num_joints) >= missing[:, np.newaxis]


def independent(rng, batch: int, num_joints: int, probability: float):
    """Draws masks that hide every landmark with the same probability.

    Returns:
        `[batch, num_joints]`, bool.
    """
    return rng.random([batch, num_joints]) >= probability


def upper_bodies(rng, batch: int, skeleton, least: int = 8, most: int = 12):
    """Draws masks that hide the legs and some more landmarks.

    Args:
        rng: Random generator.
        batch: Number of masks.
        skeleton: `Skeleton` or name of one with hips, knees and ankles.
        least: Smallest number of missing landmarks, the six of the legs included.
        most: Largest number.

    Returns:
        `[batch, L]`, bool.
    """
    names = skeletons.get(skeleton).joint_names
    ranks = _ranks(rng, batch, len(names))
    # Legs come first in the order in which joints are hidden.
    ranks[:, [names.index(name) for name in _LEGS]] -= len(names)
    ranks = ranks.argsort(1).argsort(1)
    return ranks >= rng.integers(least, most + 1, size=[batch, 1])


def one_pose(rng, batch: int, num_joints: int, num_missing: int):
    """Draws masks that hide landmarks of one pose alone.

    Returns:
        `[batch, num_joints]`, bool.
    """
    masks = np.ones([batch, num_joints], bool)
    masks[rng.integers(batch), rng.permutation(num_joints)[:num_missing]] = False
    return masks


def _ranks(rng, batch, num_joints):
    """Ranks of random keys: another permutation of the joints for each pose."""
    return rng.random([batch, num_joints]).argsort(1).argsort(1)
