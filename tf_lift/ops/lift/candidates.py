"""Poses of chosen candidates, components at rotations, with their exact costs."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import rotation_search

__all__ = ["Candidates", "every", "rank", "solve"]

# The search is good to about 1e-5 of the energy; so many of its best are ranked exactly, and
# their spread is part of the uncertainty. More change neither: deviations by 2 %.
NUM_NEAR = 2

# So many stand for all where each must be solved: at temperature 3 their mean is within
# 2 mm of that of all 240, with no effect on its error.
NUM_MEAN = 24


class Candidates(NamedTuple):
    """Some candidates of each pose, `[B, N, ...]`.

    Attributes:
        costs: See `rotation_search.cost`.
        poses: `ppca.PPCAPose`.
        variance: `[..., L]`, see `ppca.PPCAFit`; the first axis may be 1.
    """

    costs: tf.Tensor
    poses: ppca.PPCAPose
    variance: tf.Tensor


def rank(costs, num_candidates=NUM_NEAR):
    """Returns the indices `[B, N]` of the lowest costs `[B, M]`, best first.

    >>> rank(tf.constant([[3.0, 1.0, 2.0]]), 2).numpy()
    array([[1, 2]], dtype=int32)
    """
    return tf.math.top_k(-costs, min(num_candidates, costs.shape[-1])).indices


def solve(landmarks, tables, indices, weights, weighted, estimator="map"):
    """Solves some candidates, exactly, differentiable by the landmarks.

    Args:
        landmarks: `[B, L, 2]`, as `rotation_search.search` takes them.
        tables: `LiftTables`.
        indices: `[B, N]`.
        weights: `[B, L]`, all ones where not `weighted`.
        weighted: Whether there are weights; if not, the tables hold the solution.
        estimator: See `rotation_search.cost`.

    Returns:
        `Candidates`.
    """
    directions, noise_stddev = (
        tf.gather(table, indices) for table in (tables.directions, tables.noise_stddev)
    )
    seen = weights[:, tf.newaxis]
    if weighted:
        fit = ppca.fit(directions, seen, noise_stddev, tables.free_scale)
        regression, variance = fit.regression, fit.variance
        normaliser = fit.log_determinant + tf.gather(tables.mixture_cost, indices)
    else:
        regression, variance, normaliser = (
            tf.gather(table, indices)
            for table in (_interleaved(tables), tables.variance, tables.normaliser)
        )
    poses = ppca.lift_pose(
        landmarks[:, tf.newaxis], directions, seen, noise_stddev, regression, tables.free_scale
    )
    dimensions = ppca.dimensions(seen, tables.free_scale)
    costs = rotation_search.cost(
        poses.energy, poses.inverse_scale, noise_stddev**2, normaliser, dimensions, estimator
    )
    return Candidates(costs, poses, variance)


def every(landmarks, tables, found):
    """Returns the poses of all candidates, all landmarks visible, by one matrix product.

    Args:
        landmarks: `[B, L, 2]`, as `rotation_search.search` takes them.
        tables: `LiftTables`.
        found: The `rotation_search.SearchResult` of the landmarks.

    Returns:
        `Candidates`, N = M, with costs and scales of the search.

    References:
        docs/method.md, section 10.
    """
    num_joints = tables.num_joints
    loadings, mean_pose = tables.directions[..., :-1], tables.directions[..., -1]
    mean = mean_pose[..., :2]
    if tables.free_scale:
        mean -= tf.reduce_mean(mean, 1, keepdims=True)
    regression = _interleaved(tables)
    mean_latents = tf.linalg.matvec(regression, tf.reshape(mean, [-1, 2 * num_joints]))
    still = mean_pose - tf.einsum("mlcj,mj->mlc", loadings, mean_latents)
    moving = tf.einsum("mlcj,mjr->rmlc", loadings, regression)
    growth = tf.matmul(
        tf.reshape(landmarks, [-1, 2 * num_joints]), tf.reshape(moving, [2 * num_joints, -1])
    )
    growth = tf.reshape(growth, [-1, *mean_pose.shape])
    joints_3d = still + found.inverse_scale[..., tf.newaxis, tf.newaxis] * growth
    if tables.free_scale:
        num_free = 2.0 * num_joints - 2
        precision = found.square / tables.noise_stddev**2 + num_free / found.inverse_scale**2
        inverse_scale_variance = 1 / precision
    else:
        inverse_scale_variance = tf.zeros_like(found.square)
    poses = ppca.PPCAPose(
        joints_3d, growth, found.inverse_scale, inverse_scale_variance, found.energy
    )
    return Candidates(found.costs, poses, tf.convert_to_tensor(tables.variance)[tf.newaxis])


def _interleaved(tables):
    """Returns the regression `[M, J, 2L]` of landmarks whose coordinates alternate."""
    regression = tables.regression
    parts = tf.reshape(regression, [regression.shape[0], 2, tables.num_joints, -1])
    return tf.reshape(tf.transpose(parts, [0, 3, 2, 1]), [len(regression), -1, regression.shape[1]])
