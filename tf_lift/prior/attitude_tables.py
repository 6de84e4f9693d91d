"""Precomputes the constants of the lift by a camera of any pitch and roll."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift.attitude.tables import AttitudeTables
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.prior.tables import build_tables

__all__ = ["build_attitude_tables", "collapse", "turnable"]

# Rotation angles of the grid: with turns of 0.1 rad among the bases, 12 are as good as 20.
_NUM_ROTATIONS = 12

# The component that completes landmarks: its bases, and its turns' standard deviation, rad. It
# has a single mean pose, so that more bases gain nothing: 10, 20 and 35 were tried.
_SCOUT_BASES = 10
_SCOUT_TURN = 0.15
_LEAST_NOISE_MM = 6.0


def build_attitude_tables(prior, pitches, turn_stddev, dtype="float32") -> AttitudeTables:
    """Builds the tables of a prior for cameras of any pitch and roll.

    The result is cached by the identity of the prior.

    Args:
        prior: `PosePrior`.
        pitches: Tuple of the grid's pitches, rad.
        turn_stddev: Standard deviations of the turns about the world's x, y and z axes that
            each candidate may still make, rad: three numbers >= 0.
        dtype: Floating type of the tables.

    References:
        docs/method.md, M27.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> build_attitude_tables(prior, (0.0, 0.3), (0.1, 0.1, 0.1)).lift.num_candidates
    72
    """
    turn_stddev = tuple(float(stddev) for stddev in turn_stddev)
    return _build(prior, tuple(pitches), turn_stddev, tf.as_dtype(dtype).name)


@functools.lru_cache(maxsize=16)
def _build(prior, pitches, turn_stddev, dtype):
    turned, turns = turnable(prior, turn_stddev)
    scout = collapse(prior, min(_SCOUT_BASES, prior.num_bases))
    scout_turn = tuple(_SCOUT_TURN if stddev else 0.0 for stddev in turn_stddev)
    with tf.init_scope():
        return AttitudeTables(
            build_tables(turned, _NUM_ROTATIONS, pitches, True, dtype),
            build_tables(turnable(scout, scout_turn)[0], _NUM_ROTATIONS, pitches, True, dtype),
            tf.constant(turns, dtype),
        )


def turnable(prior, stddev):
    """Adds small turns of the mean poses to the bases of a prior.

    Args:
        prior: `PosePrior`.
        stddev: Standard deviations of the turns about the world's x, y and z axes, rad; an axis
            of 0 is left out.

    Returns:
        `PosePrior` with bases for `[W, L]`, where L has the derivatives of the mean pose by the
        turns times their standard deviations; and `[K, 3, 3 L]`, see `AttitudeTables.turns`.

    References:
        docs/method.md, M27.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> turnable(prior, (0.1, 0.1, 0.1))[0].num_bases - prior.num_bases
    3
    """
    size, joints = prior.mixture_size, prior.num_joints
    rooted = prior.mean_pose - prior.mean_pose[:, :1]
    # The derivative of a turn about an axis is the cross product with it.
    levers = np.stack([np.cross(axis, rooted) for axis in np.eye(3)], 1)
    levers *= np.reshape(stddev, [3, 1, 1])
    loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    flat = np.concatenate([loadings, levers], 1).reshape(size, -1, 3 * joints)
    # Loadings = right * values * left: z = left' times the standardised latents.
    left, values, right = np.linalg.svd(flat, full_matrices=False)
    rank = min(prior.num_bases + int(np.count_nonzero(stddev)), values.shape[1])
    left, values, right = left[:, :, :rank], values[:, :rank], right[:, :rank]
    # A component whose mean pose has no extent across an axis does not turn about it.
    values = np.maximum(values, 1e-6 * values[:, :1])
    scaled = (values[..., np.newaxis] * right).reshape(size, rank, joints, 3)
    scaled = (scaled - scaled[:, :, :1]).reshape(size, rank, -1)
    to_latents = np.swapaxes(np.linalg.pinv(scaled, rcond=1e-9), 1, 2)
    turns = np.reshape(stddev, [3, 1]) * (left[:, -3:] @ to_latents)
    # In the axes of a level camera at angle 0, coordinate by coordinate.
    axes = rotations.world_to_camera(0.0)[[0, 2, 1]]
    turns = np.einsum("ac,kblc,db->kdal", axes, turns.reshape(size, 3, joints, 3), axes)
    turned = dataclasses.replace(prior, basis=right.reshape(size, rank, joints, 3), stddev=values)
    return turned, turns.reshape(size, 3, 3 * joints)


def collapse(prior, num_bases) -> PosePrior:
    """Returns the single PPCA model with the mean and covariance of a mixture.

    >>> collapse(tf_lift.PosePrior.load("cmu"), 10).basis.shape
    (1, 10, 17, 3)
    """
    size = 3 * prior.num_joints
    mean = np.tensordot(prior.mixture_weights, prior.mean_pose, 1)
    covariance = np.zeros([size, size])
    for k, weight in enumerate(prior.mixture_weights):
        loadings = (prior.basis[k] * prior.stddev[k, :, np.newaxis, np.newaxis]).reshape(-1, size)
        difference = (prior.mean_pose[k] - mean).reshape(size)
        covariance += weight * (loadings.T @ loadings + np.outer(difference, difference))
        covariance += weight * prior.noise_stddev[k] ** 2 * np.eye(size)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    # Joint 0 may be fixed: its three zeros are no noise.
    noise = max(values[num_bases:-3].mean(), _LEAST_NOISE_MM**2)
    return PosePrior(
        mean_pose=mean[np.newaxis],
        basis=vectors[:, :num_bases].T.reshape(1, num_bases, prior.num_joints, 3),
        stddev=np.sqrt(np.maximum(values[:num_bases] - noise, 1.0))[np.newaxis],
        noise_stddev=np.sqrt([noise]),
        mixture_weights=np.ones(1),
        skeleton=prior.skeleton,
        credit=prior.credit,
    )
