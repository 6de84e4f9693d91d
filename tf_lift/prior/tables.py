"""Precomputes the constants of the lift from a prior, in float64, once per prior."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca, rotations
from tf_lift.ops.lift_tables import LiftTables

__all__ = ["build_tables"]


@functools.lru_cache(maxsize=16)
def build_tables(prior, num_rotations=80, pitches=(0.0,), free_scale=True, dtype="float32"):
    """Builds the tables of a prior for the rotation search.

    The result is cached by the identity of the prior: several layers share it.

    Args:
        prior: `PosePrior`.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        pitches: Tuple of camera pitches in radians, positive looking down; searched
            exhaustively together with the angles.
        free_scale: Whether scale and position of the person are free.
        dtype: Floating type of the tables; they are computed in float64 in any case.

    Returns:
        `LiftTables` of NumPy arrays.

    Raises:
        ValueError: If `num_rotations` is not positive or `pitches` is empty.

    References:
        docs/method.md, section 2.

    >>> tables = build_tables(tf_lift.PosePrior.load("cmu"), num_rotations=8)
    >>> tables.directions.shape
    (24, 17, 3, 26)
    """
    if not isinstance(num_rotations, (int, np.integer)) or num_rotations < 1:
        raise ValueError(f"`num_rotations` must be a positive integer. Received: {num_rotations}")
    if not pitches or not np.all(np.isfinite(pitches)):
        raise ValueError(f"`pitches` must be finite angles in radians. Received: {pitches}")
    angles = 2 * np.pi * np.arange(num_rotations) / num_rotations
    rotation = rotations.world_to_camera(angles, np.reshape(pitches, [-1, 1]))
    rotation = rotation.reshape(-1, 3, 3)
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    shapes = np.concatenate([loadings, prior.mean_pose[:, np.newaxis]], 1)
    directions = np.einsum("rdc,kjlc->krldj", rotation, shapes)
    num_joints, size = directions.shape[2], directions.shape[4]
    directions = directions.reshape(-1, num_joints, 3, size)
    noise_stddev = np.repeat(prior.noise_stddev, len(rotation))
    with np.errstate(divide="ignore"):  # A component of weight 0 costs infinity.
        mixture_cost = np.repeat(-2 * np.log(prior.mixture_weights), len(rotation))

    # Eagerly also while a graph is traced: the tables are constants of that graph.
    with tf.init_scope(), tf.device("cpu"):
        fit = ppca.fit(
            tf.constant(directions),
            tf.ones(directions.shape[:2], tf.float64),
            tf.constant(noise_stddev),
            free_scale,
        )
        regression, variance, log_determinant = (part.numpy() for part in fit)
    arrays = {
        **_search_tables(directions, regression, free_scale),
        "directions": directions,
        "regression": regression,
        "variance": variance,
        "noise_stddev": noise_stddev,
        "mixture_cost": mixture_cost,
        "normaliser": log_determinant + mixture_cost,
    }
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    for array in arrays.values():
        array.setflags(write=False)
    return LiftTables(
        **arrays, num_rotations=num_rotations, pitches=tuple(pitches), free_scale=free_scale
    )


def _search_tables(directions, regression, free_scale):
    """Returns the constants of y'My, p'My and p'Mp, M = C - D Q.

    C subtracts the mean of each coordinate where the position is free, D are the
    projected loadings so centred and Q their regression.
    """
    num_candidates, num_joints = directions.shape[:2]
    design = directions[:, :, :2]
    form = np.eye(2 * num_joints)
    if free_scale:
        design = design - design.mean(1, keepdims=True)
        form = form - np.kron(np.ones([num_joints, num_joints]) / num_joints, np.eye(2))
    design = design.reshape(num_candidates, 2 * num_joints, -1)
    form = form - design[:, :, :-1] @ regression
    form = (form + np.swapaxes(form, 1, 2)) / 2
    mean = design[:, :, -1]
    linear = np.einsum("mij,mj->mi", form, mean)
    rows, columns = np.triu_indices(2 * num_joints)
    return {
        # Each pair of coordinates is among the features once.
        "quadratic": np.where(rows == columns, 1.0, 2.0)[:, np.newaxis] * form[:, rows, columns].T,
        "linear": linear.T,
        "constant": np.einsum("mi,mi->m", mean, linear),
    }
