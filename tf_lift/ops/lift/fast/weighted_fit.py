"""The exact fit of chosen candidates to landmarks with weights, or with some of them missing.

`component.fit` in the space of landmarks: one system of horizontal and one of vertical
coordinates per candidate, whatever the number of bases.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import elimination
from tf_lift.ops.lift.fast.observed import Observed, centre_covariances, observe
from tf_lift.ops.lift.fast.xla.materialize import materialize
from tf_lift.ops.lift.scale_estimation import most_likely_inverse_scale

__all__ = ["WeightedFit", "fit", "lift_pose", "variance"]


class WeightedFit(NamedTuple):
    """Solved systems of N candidates of each pose; lanes are candidates times poses.

    With landmarks y of the places, h horizontal and v vertical, and K the inverse of their
    covariance: `K_hh = inverse_h`, `K_hv = -inverse_h transfer'`.

    Attributes:
        observed: `Observed`, repeated for every candidate.
        inverse_v: `[s, s, N B]`; inverse covariance of the vertical coordinates.
        inverse_h: `[s, s, N B]`; of the horizontal ones given the vertical ones.
        transfer: `[s, s, N B]`; `inverse_v` times the covariance of both.
        mean: `[2, s, N B]`; the projected mean pose, scaled and centred.
        view: `[3, 3, N B]`; from the world to the camera frame.
        kinds: `[N B]`; the components.
        normaliser: `[N, B]`; log-determinant of the covariance of the visible landmarks less
            twice the log of the mixture weight.
        noise_variance: `[N, B]`, mm^2.
    """

    observed: Observed
    inverse_v: tf.Tensor
    inverse_h: tf.Tensor
    transfer: tf.Tensor
    mean: tf.Tensor
    view: tf.Tensor
    kinds: tf.Tensor
    normaliser: tf.Tensor
    noise_variance: tf.Tensor

    @property
    def dimensions(self):
        """`[N, B]`; number of free coordinates of the landmarks."""
        return tf.reshape(self.observed.dimensions, tf.shape(self.noise_variance))


def fit(landmarks, weights, tables, indices, compiled, size=None):
    """Solves the systems of chosen candidates for any landmarks with these weights.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search, finite.
        weights: `[B, L]`, >= 0.
        tables: `LiftTables`.
        indices: `[N, B]`.
        compiled: Whether XLA compiles it.
        size: Most landmarks of a pose that may be visible, `None` for all.

    Returns:
        A `WeightedFit`.

    References:
        docs/method.md, M14 and M14c.
    """
    landmarks, weights = tf.stop_gradient(landmarks), tf.stop_gradient(weights)
    observed = observe(landmarks, weights, tables.free_scale, size).repeat(indices.shape[0])
    flat = tf.reshape(indices, [-1])
    kinds = flat // tables.per_component
    view = tf.transpose(tf.gather(tables.components.view, flat), [1, 2, 0])
    noise = tf.gather(tables.noise_stddev, flat) ** 2
    covariances, mean = _of_camera(observed, tables, kinds, view)
    covariances = centre_covariances(covariances, observed.root, observed.mean, compiled)
    horizontal, both, vertical = tf.unstack(covariances)
    identity = tf.eye(observed.root.shape[0], dtype=noise.dtype)[..., tf.newaxis]
    inverse_v, log_v = elimination.invert(vertical + noise * identity, compiled)
    transfer = elimination.multiply(inverse_v, both, compiled)
    horizontal += noise * identity - elimination.multiply(both, transfer, compiled)
    inverse_h, log_h = elimination.invert(horizontal, compiled)
    normaliser = log_v + log_h - observed.unused * tf.math.log(noise)
    normaliser += tf.gather(tables.mixture_cost, flat)
    return WeightedFit(
        observed,
        inverse_v,
        inverse_h,
        transfer,
        observed.centre(mean),
        view,
        kinds,
        tf.reshape(normaliser, tf.shape(indices)),
        tf.reshape(noise, tf.shape(indices)),
    )


def _of_camera(observed, tables, kinds, view):
    """Returns covariances and means of the candidates' landmarks at the places.

    Returns:
        `[3, s, s, N]`, of horizontal coordinates, of vertical with horizontal ones, and of
        vertical ones; and `[2, s, N]`.
    """
    num_joints = tables.num_joints
    if observed.joints is None:
        places = np.arange(num_joints)[:, np.newaxis] * num_joints + np.arange(num_joints)
        places, joints = places[..., np.newaxis], np.arange(num_joints)[:, np.newaxis]
    else:
        places = observed.joints[:, tf.newaxis] * num_joints + observed.joints
        joints = observed.joints
    size = tables.num_components
    world_axes = _world_axes(tables)

    # Of all nine pairs of axes; level cameras need seven.
    table = tf.transpose(tables.components.covariance, [0, 2, 1, 3, 4])
    of_world = tf.gather(tf.reshape(table, [3, 3, -1]), places * size + kinds, axis=2)
    of_world, view = _elements(of_world), _elements(view)
    turned = []
    for first, second in ((0, 0), (1, 0), (1, 1)):
        terms = [
            view[first][p] * view[second][q] * of_world[p][q]
            for p in world_axes[first]
            for q in world_axes[second]
        ]
        turned.append(tf.add_n(terms))
    means = tf.gather(tf.reshape(tables.components.mean, [3, -1]), joints * size + kinds, axis=1)
    means = tf.unstack(means)
    mean = tf.stack([tf.add_n([view[a][p] * means[p] for p in world_axes[a]]) for a in range(2)])
    return tf.stack(turned), mean


def _elements(matrices):
    """Returns the elements of `[R, C, ...]` as lists: each slice of a tensor is four operations."""
    return [tf.unstack(row) for row in tf.unstack(matrices)]


def _world_axes(tables):
    """Returns the world axes that each image axis sees: fewer where the camera is level."""
    if tables.pitches == (0.0,):
        return (0, 1), (2,)
    return (0, 1, 2), (0, 1, 2)


def _explain(solved, residuals, places, tables):
    """Explains several kinds of residuals by latents.

    Args:
        solved: `WeightedFit`.
        residuals: `[F, 2, s, N B]`.
        places: `[L, s, N B]`, which joint is at which place; `None` for all in order.
        tables: `LiftTables`.

    Returns:
        Latents `[F, N B, K J]`, which are zero for other components than the candidate's, and
        what they add to the joints, `[F, 3, L, N B]`, mm, camera frame.
    """
    horizontal, vertical = tf.unstack(residuals, axis=1)
    transposed = tf.transpose(solved.transfer, [1, 0, 2])
    dual_h = _apply(solved.inverse_h, horizontal - _apply(transposed, vertical))
    dual_v = _apply(solved.inverse_v, vertical) - _apply(solved.transfer, dual_h)
    duals = solved.observed.spread(tf.stack([dual_h, dual_v], 1))
    if places is not None:
        duals = tf.reduce_sum(places * duals[:, :, tf.newaxis], 3)
    (of_x, of_y), view = tf.unstack(duals, axis=1), _elements(solved.view)
    world = tf.stack([view[0][p] * of_x + view[1][p] * of_y for p in range(3)], 1)
    number, size, num_kinds = world.shape[0], 3 * tables.num_joints, tables.num_components
    world = tf.reshape(tf.transpose(world, [0, 3, 1, 2]), [-1, size])
    loadings = tables.components.loadings
    latents = tf.matmul(world, loadings)
    latents = tf.reshape(latents, [number, -1, num_kinds, loadings.shape[1] // num_kinds])
    latents *= tf.one_hot(solved.kinds, num_kinds, dtype=latents.dtype)[..., tf.newaxis]
    latents = tf.reshape(latents, [-1, loadings.shape[1]])
    added = tf.matmul(latents, loadings, transpose_b=True)
    added = tf.transpose(tf.reshape(added, [number, -1, 3, tables.num_joints]), [0, 2, 3, 1])
    return tf.reshape(latents, [number, -1, loadings.shape[1]]), _turn(solved.view, added)


def _apply(matrix, vectors):
    """Multiplies `[s, s, N]` by `[..., s, N]`."""
    return tf.reduce_sum(matrix * tf.expand_dims(vectors, -3), -2)


def _turn(view, poses):
    """Returns poses `[..., 3, L, N]` of the world in the camera frame."""
    poses = tf.unstack(poses, axis=-3)
    return tf.stack(
        [tf.add_n([row[p] * poses[p] for p in range(3)]) for row in _elements(view)], -3
    )


def lift_pose(landmarks, solved, tables):
    """Fits the poses of candidates to landmarks, differentiable by the landmarks.

    Energies are sums of squared residuals and latents at the fitted latents, where they have
    their minimum: rounding of the latents changes them by its square only.

    Args:
        landmarks: `[B, L, 2]`, as `fit` takes them.
        solved: `WeightedFit`.
        tables: `LiftTables`.

    Returns:
        A `component.PPCAPose` of `[B, N, ...]`.

    References:
        docs/method.md, M8 to M11, M14 and M14c.
    """
    observed = solved.observed
    number = solved.noise_variance.shape[0]
    values = tf.concat([tf.transpose(landmarks, [2, 1, 0])] * number, -1)
    places = None
    if observed.joints is not None:
        places = tf.one_hot(observed.joints, tables.num_joints, axis=0, dtype=values.dtype)
        values = tf.reduce_sum(places * values[:, :, tf.newaxis], 1)
    values = observed.centre(values)
    noise = tf.reshape(solved.noise_variance, [-1])
    # Landmarks in mm are a scale times the first, where it is free.
    kinds = [values, solved.mean] if tables.free_scale else [values - solved.mean]
    kinds = tf.stack(kinds)
    latents, added = _explain(solved, kinds, places, tables)
    flat = added[:, :2]
    if places is not None:
        flat = tf.reduce_sum(places * flat[:, :, :, tf.newaxis], 2)
    residuals = kinds - observed.centre(flat)
    inverse_scale, variance = tf.ones_like(noise), tf.zeros_like(noise)
    if tables.free_scale:
        forms = tf.reduce_sum(residuals[0] * residuals, [1, 2])
        forms += noise * tf.reduce_sum(latents[0] * latents, -1)
        square, product = tf.unstack(forms)
        inverse_scale = most_likely_inverse_scale(square, product, noise, observed.dimensions)
        variance = tf.math.divide_no_nan(
            tf.ones_like(square), square / noise + observed.dimensions / inverse_scale**2
        )
        determined = tf.cast(square > 0, square.dtype)
        per_scale = added[0]

        def at_scale(values, scale):
            return scale * values[0] - values[1]

        residuals = determined * at_scale(residuals, inverse_scale)
        latents = determined[:, tf.newaxis] * at_scale(latents, inverse_scale[:, tf.newaxis])
        added = determined * at_scale(added, inverse_scale)
    else:
        residuals, latents, added = residuals[0], latents[0], added[0]
        per_scale = tf.zeros_like(added)
    energy = tf.reduce_sum(residuals**2, [0, 1]) + noise * tf.reduce_sum(latents**2, -1)
    mean = _turn(solved.view, tf.gather(tables.components.mean, solved.kinds, axis=-1))

    def of_poses(poses):
        by_candidate = tf.reshape(poses, [3, tables.num_joints, number, -1])
        return tf.transpose(by_candidate, [3, 2, 1, 0])

    def of_candidates(numbers):
        return tf.transpose(tf.reshape(numbers, [number, -1]))

    return component.PPCAPose(
        of_poses(mean + added),
        of_poses(per_scale),
        of_candidates(inverse_scale),
        of_candidates(variance),
        of_candidates(energy),
    )


def variance(solved, tables, compiled):
    """Returns the posterior variance of each joint relative to joint 0, `[B, N, L]`.

    See `component.PPCAFit`: summed over the three axes, the noise of the prior included.
    """
    observed = solved.observed
    num_joints, size = tables.num_joints, tables.num_components
    rooted = tables.rooted_covariance
    prior = tf.transpose(tf.gather(tables.rooted_variance, solved.kinds))
    if observed.joints is None:
        joints = np.arange(num_joints)[:, np.newaxis]
    else:
        joints = observed.joints
    world_axes = _world_axes(tables)
    # Covariances of landmarks and joints: [..., s, 3 L, N].
    of_world = tf.gather(rooted, joints * size + solved.kinds, axis=1)
    of_world, view = tf.unstack(tf.transpose(of_world, [0, 1, 3, 2])), _elements(solved.view)
    turned = tf.stack(
        [tf.add_n([view[axis][q] * of_world[q] for q in world_axes[axis]]) for axis in range(2)]
    )
    turned = materialize(turned, compiled)
    mean = tf.reduce_sum(observed.mean[:, tf.newaxis] * turned, 1, keepdims=True)
    crossed = observed.root[:, tf.newaxis] * (turned - materialize(mean, compiled))
    crossed = materialize(crossed, compiled)
    left = crossed[0] - elimination.multiply(solved.transfer, crossed[1], compiled)
    left = materialize(left, compiled)
    known = left * elimination.multiply(solved.inverse_h, left, compiled)
    known += crossed[1] * elimination.multiply(solved.inverse_v, crossed[1], compiled)
    known = materialize(tf.reduce_sum(known, 0), compiled)
    known = tf.reduce_sum(tf.reshape(known, [3, num_joints, -1]), 0)
    noise = 3 * tf.reshape(solved.noise_variance, [-1])
    variances = tf.maximum(prior - known, 0) + noise
    by_candidate = tf.reshape(variances, [num_joints, solved.noise_variance.shape[0], -1])
    return tf.transpose(by_candidate, [2, 1, 0])
