"""Refinement of the rotation between the searched angles, by Newton's method."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import scale_estimation

__all__ = ["refine"]

# From a grid of 80 angles four steps reach 1e-6 rad; coarser grids need more.
_NUM_STEPS = 6


class _Point(NamedTuple):
    """Cost at one turn, its derivatives by the turn, the solution and its derivatives."""

    cost: tf.Tensor
    slope: tf.Tensor
    curvature: tf.Tensor
    latents: tf.Tensor
    latents_slope: tf.Tensor
    inverse_scale: tf.Tensor
    inverse_scale_slope: tf.Tensor


def refine(landmarks, directions, weights, noise_stddev, axis, max_turn, free_scale):
    """Turns poses about the vertical to a minimum of their cost.

    Newton's method minimises the cost of one component over the angle, with the best latents
    and scale at each angle and exact first and second derivatives. A step that does not lower
    the cost is shortened, so the result is never worse than the start. The gradient is that of
    the minimum, by the implicit function theorem; where there is no minimum within `max_turn`,
    the angle is held fixed.

    Args:
        landmarks: `[B, L, 2]`, as `ppca.lift_pose` takes them.
        directions: `[B, L, 3, J + 1]`, mm, at the starting angle.
        weights: `[B, L]`.
        noise_stddev: `[B]`, mm.
        axis: `[B, 3]`; unit vector upwards along the vertical, in the camera frame.
        max_turn: Largest turn in either direction, rad.
        free_scale: Whether scale and translation are free.

    Returns:
        The turn `[B]`, rad, and the `ppca.PPCAPose` after it.

    References:
        docs/method.md, M24 and M25.
    """
    # A turn by t about the axis, with K x = axis x x: X + sin(t) K X + (1 - cos(t)) K K X.
    cross = _cross_matrix(axis)
    averaging = ppca.mean_weights(weights, free_scale)
    first = tf.einsum("bcd,bldj->blcj", cross, directions)
    second = tf.einsum("bcd,bldj->blcj", cross, first)
    flat = tf.reshape(landmarks, [-1, 2 * directions.shape[1]])
    problem = flat, tf.repeat(weights, 2, axis=-1), noise_stddev**2
    problem += (ppca.dimensions(weights, free_scale), free_scale)

    def turn(angle):
        angle = angle[:, tf.newaxis, tf.newaxis, tf.newaxis]
        return directions + tf.sin(angle) * first + (1 - tf.cos(angle)) * second

    def evaluate(angle, landmarks):
        turned = turn(angle)
        derivative = tf.einsum("bcd,bldj->blcj", cross, turned)
        parts = (turned, derivative, tf.einsum("bcd,bldj->blcj", cross, derivative))
        designs = [_centred_rows(part, averaging) for part in parts]
        return _solve(designs, landmarks, *problem[1:])

    fixed = tf.stop_gradient(flat)
    angle = tf.zeros_like(noise_stddev)
    step_fraction = tf.ones_like(angle)
    point = evaluate(angle, fixed)
    for _ in range(_NUM_STEPS):
        convex = point.curvature > 0
        step = -tf.where(
            convex,
            tf.math.divide_no_nan(point.slope, point.curvature),
            tf.sign(point.slope) * max_turn / 2,
        )
        trial = tf.clip_by_value(angle + step_fraction * step, -max_turn, max_turn)
        tried = evaluate(trial, fixed)
        lower = tried.cost < point.cost
        angle = tf.where(lower, trial, angle)
        step_fraction = tf.where(lower, tf.ones_like(step_fraction), step_fraction / 4)
        point = _Point(
            *(
                tf.where(tf.reshape(lower, [-1] + [1] * (len(old.shape) - 1)), new, old)
                for new, old in zip(tried, point, strict=True)
            )
        )

    # One more step, of the size of rounding errors, whose derivative is that of the minimum.
    angle = tf.stop_gradient(angle)
    held = _Point(*(tf.stop_gradient(part) for part in point))
    point = evaluate(angle, flat)
    found = (held.curvature > 0) & (tf.abs(held.slope) < 1e-2 * max_turn * held.curvature)
    step = -tf.where(found, point.slope / tf.where(found, held.curvature, 1), 0)
    latents = point.latents + held.latents_slope * step[:, tf.newaxis]
    inverse_scale = point.inverse_scale + held.inverse_scale_slope * step
    angle += step
    return angle, _pose(turn(angle), latents, inverse_scale, problem, averaging)


def _pose(directions, latents, inverse_scale, problem, averaging):
    flat, row_weights, noise_variance = problem[:3]
    shape = tf.concat([latents, tf.ones_like(latents[:, :1])], -1)
    joints_3d = tf.einsum("blcj,bj->blc", directions, shape)
    fitted = tf.einsum("bnj,bj->bn", _centred_rows(directions, averaging), shape)
    residuals = inverse_scale[:, tf.newaxis] * flat - fitted
    energy = tf.reduce_sum(row_weights * residuals**2, -1)
    energy += noise_variance * tf.reduce_sum(latents**2, -1)
    # The deviation is computed from the searched candidates, not from this pose.
    unused = tf.zeros_like(inverse_scale)
    return ppca.PPCAPose(joints_3d, tf.zeros_like(joints_3d), inverse_scale, unused, energy)


def _solve(designs, landmarks, row_weights, noise_variance, dimensions, free_scale):
    """Returns the `_Point` of the projected `[W, mu]` and its derivatives, `[B, 2L, J + 1]` each.

    At its minimum over z and u, g = |u y - p - D z|^2_V + n^2 |z|^2 - 2 n^2 d log u +
    n^2 log |G| is n^2 times the cost. The second derivative of the minimum along the angle is
    a Schur complement of the Hessian of g.

    References:
        docs/method.md, M12, M24 and M25.
    """
    (loadings, loadings_1, loadings_2), (mean, mean_1, mean_2) = (
        [design[..., part] for design in designs] for part in (slice(None, -1), -1)
    )

    def times(matrix, vector):
        return tf.linalg.matvec(matrix, vector, transpose_a=True)

    def dot(left, right):
        return tf.reduce_sum(left * right, -1)

    def gram(left, right):
        return tf.matmul(row_weights[..., tf.newaxis] * left, right, transpose_a=True)

    identity = tf.eye(loadings.shape[-1], dtype=loadings.dtype)
    normal = gram(loadings, loadings) + noise_variance[:, tf.newaxis, tf.newaxis] * identity
    factor = tf.linalg.cholesky(normal)
    inverse = tf.linalg.cholesky_solve(factor, tf.broadcast_to(identity, tf.shape(factor)))

    landmark_latents = tf.linalg.matvec(inverse, times(loadings, row_weights * landmarks))
    mean_latents = tf.linalg.matvec(inverse, times(loadings, row_weights * mean))
    if free_scale:
        unexplained = landmarks - tf.linalg.matvec(loadings, landmark_latents)
        inverse_scale = scale_estimation.most_likely_inverse_scale(
            dot(row_weights * landmarks, unexplained),
            dot(row_weights * mean, unexplained),
            noise_variance,
            dimensions,
        )
    else:
        inverse_scale = tf.ones_like(noise_variance)
    latents = inverse_scale[:, tf.newaxis] * landmark_latents - mean_latents
    residuals = inverse_scale[:, tf.newaxis] * landmarks - mean
    residuals -= tf.linalg.matvec(loadings, latents)
    weighted = row_weights * residuals
    energy = dot(weighted, residuals) + noise_variance * dot(latents, latents)
    # All else of the cost is the same for all angles.
    normaliser = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
    cost = scale_estimation.cost(energy, inverse_scale, noise_variance, normaliser, dimensions)

    change_1 = mean_1 + tf.linalg.matvec(loadings_1, latents)
    change_2 = mean_2 + tf.linalg.matvec(loadings_2, latents)
    half = gram(loadings_1, loadings)
    normal_1 = half + tf.linalg.matrix_transpose(half)
    half = gram(loadings_2, loadings) + gram(loadings_1, loadings_1)
    normal_2 = half + tf.linalg.matrix_transpose(half)
    relative = tf.matmul(inverse, normal_1)
    log_1 = tf.linalg.trace(relative)
    log_2 = tf.reduce_sum(inverse * normal_2, [1, 2])
    log_2 -= tf.reduce_sum(relative * tf.linalg.matrix_transpose(relative), [1, 2])

    # Half the derivatives of g; z is eliminated first, then u.
    slope = -dot(weighted, change_1) + noise_variance * log_1 / 2
    curvature = dot(row_weights * change_1, change_1) - dot(weighted, change_2)
    curvature += noise_variance * log_2 / 2
    by_latents = times(loadings, row_weights * change_1) - times(loadings_1, weighted)
    latents_slope = -tf.linalg.matvec(inverse, by_latents)
    curvature += dot(by_latents, latents_slope)
    inverse_scale_slope = tf.zeros_like(inverse_scale)
    if free_scale:
        mixed = -times(loadings, row_weights * landmarks)
        by_scale = -dot(row_weights * landmarks, change_1) + dot(mixed, latents_slope)
        by_scale_twice = dot(row_weights * landmarks, landmarks) + dot(mixed, landmark_latents)
        by_scale_twice += noise_variance * dimensions / inverse_scale**2
        inverse_scale_slope = -tf.math.divide_no_nan(by_scale, by_scale_twice)
        curvature += by_scale * inverse_scale_slope
        latents_slope += landmark_latents * inverse_scale_slope[:, tf.newaxis]
    return _Point(
        cost, slope, curvature, latents, latents_slope, inverse_scale, inverse_scale_slope
    )


def _centred_rows(directions, averaging):
    """Returns the centred projection of `[B, L, 3, J]` as `[B, 2L, J]`."""
    design = directions[:, :, :2]
    design -= tf.einsum("bl,blcj->bcj", averaging, design)[:, tf.newaxis]
    return tf.reshape(design, [-1, 2 * directions.shape[1], directions.shape[3]])


def _cross_matrix(axis):
    x, y, z = tf.unstack(axis, axis=-1)
    zero = tf.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return tf.stack([tf.stack(row, -1) for row in rows], -2)
