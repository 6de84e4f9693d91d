"""The lift as the equations have it: every candidate fitted, costed and compared.

For reading next to docs/method.md, and for tests, which hold the fast paths to it: 10 MB a
pose for 240 candidates, differentiated by TensorFlow. Refinement, residuals, bone lengths and
hypotheses act on its result in modules of their own; `noise` makes weights of landmark noise.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import calibration, posterior, reference_input, scale_estimation, size
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import misfit as fitness
from tf_lift.ops.lift.options import ReadOut

__all__ = ["Candidates", "fit_candidates", "lift"]


class Candidates(NamedTuple):
    """The fits of all M candidates: by component, then pitch, then rotation angle.

    They are costs `[B, M]`, `ppca.PPCAPose` of `[B, M, ...]` and variances `[B, M, L]`, mm^2.
    """

    costs: tf.Tensor
    poses: ppca.PPCAPose
    variance: tf.Tensor


def lift(landmarks, prior, options, visibility=None, scale=None):
    """Lifts landmarks to 3D by brute force; see `lift.lift` for gradient and bad input.

    Args:
        landmarks: `[B, L, 2]`, (x right, y down), pixels, of any floating type.
        prior: `PosePrior`.
        options: `LiftOptions`: `estimator`, `num_rotations`, `pitches`, `temperature`.
        visibility: `[B, L]`, bool or weights >= 0; `None` for all visible.
        scale: Pixels per millimetre, a number or `[B]`; `None` for free scale and position.

    Returns:
        Dict as that of `lift.lift`, and `costs` `[B, M]`, by which candidates are compared:
        those of M12 or, with `estimator="min_energy"`, energies.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2 and S8.
        docs/method.md, M1 to M16, M20 and M30 to M33.
    """
    free_scale = scale is None
    given = reference_input.read(landmarks, visibility, scale)
    points, weights, centre, unit, determined, valid = given

    # The winner is held fixed: no gradient passes through the choice.
    found = fit_candidates(points, weights, prior, options, free_scale)
    costs = found.costs
    if options.estimator == "min_energy":  # P2
        costs = tf.where(determined[:, tf.newaxis], found.poses.energy, costs)
    winner = tf.argmin(costs, -1, tf.int32)
    component = winner // (options.num_rotations * len(options.pitches))
    best = tf.nest.map_structure(lambda each: tf.gather(each, winner, batch_dims=1), found.poses)

    # The result is a mean over candidates: over all (M20), or the winner alone, whose
    # uncertainty is the spread of the two best.
    winner_only = probability = tf.one_hot(winner, costs.shape[-1], dtype=costs.dtype)
    if options.estimator == "mean":
        probability = spread_probability = posterior.probabilities(costs, options.temperature)
    else:
        two_best = tf.math.top_k(-costs, min(2, costs.shape[-1])).indices
        is_near = tf.reduce_any(tf.one_hot(two_best, costs.shape[-1], True, False), 1)
        spread_probability = posterior.probabilities(tf.where(is_near, costs, np.inf), 1.0)
    probability, spread_probability = (
        tf.where(determined[:, tf.newaxis], each, winner_only)
        for each in (probability, spread_probability)
    )

    # Read-out of the pose, its projection s C Pi X + centre (M11) and its deviation.
    joints_3d = posterior.expectation(found.poses.joints_3d, probability)
    joints_3d -= joints_3d[:, :1]
    flat = found.poses.joints_3d[..., :2]
    averaging = ppca.mean_weights(weights, free_scale)
    flat -= tf.einsum("bl,bmlc->bmc", averaging, flat)[:, :, tf.newaxis]
    scales = tf.where(determined, unit, 0)[:, tf.newaxis] / found.poses.inverse_scale
    projected = posterior.expectation(scales[..., tf.newaxis, tf.newaxis] * flat, probability)
    stddev = tf.pad(posterior.stddev(found, spread_probability, joints_3d)[:, 1:], [[0, 0], [1, 0]])

    # Misfit M30 to M32, of the size that is fitted where it is free, and the calibration M33.
    energy = tf.where(determined, best.energy, np.inf)
    noise_variance = tf.gather(tf.constant(prior.noise_stddev**2, costs.dtype), component)
    moments = second_moments(prior, options), np.mean(prior.noise_stddev**2)
    expected = size.expected_spread(weights, *(tf.constant(each, costs.dtype) for each in moments))
    relative = size.spread(points, weights) * best.inverse_scale**2
    relative = tf.math.divide_no_nan(relative, expected) if free_scale else None
    dimensions = ppca.dimensions(weights, free_scale)
    misfit = fitness.from_fit(energy, noise_variance, dimensions, relative)
    stddev = calibration.calibrate(stddev, misfit, dimensions, ReadOut(options.estimator))
    num_angles, pitches = options.num_rotations, tf.constant(options.pitches, costs.dtype)
    result = {
        "joints_3d": joints_3d,
        "joints_3d_stddev": stddev,
        "landmarks": centre + projected,
        "rotation_angle": 2 * np.pi / num_angles * tf.cast(winner % num_angles, costs.dtype),
        "pitch": tf.gather(pitches, winner // num_angles % len(pitches)),
        "roll": tf.zeros_like(best.energy),
        "scale": tf.where(determined, unit / best.inverse_scale, 0),
        "energy": energy,
        "misfit": misfit,
        "costs": costs,
    }
    for name, each in result.items():
        rows = tf.reshape(valid, [-1] + [1] * (len(each.shape) - 1))
        result[name] = tf.where(rows, each, np.nan)
    return result | {"mixture_index": tf.where(valid, component, -1)}


def fit_candidates(points, weights, prior, options, free_scale):
    """Returns the `Candidates` of landmarks `[B, L, 2]`, with weights 0 for missing ones (M14).

    The landmarks are in mm or, at a free scale, less their mean, in any unit.
    """
    directions = tf.constant(_directions(prior, options), points.dtype)
    repeats = options.num_rotations * len(options.pitches)
    noise_stddev = tf.constant(np.repeat(prior.noise_stddev, repeats), points.dtype)
    log_mixture_weights = tf.constant(np.log(np.repeat(prior.mixture_weights, repeats)))

    points, weights = points[:, tf.newaxis], weights[:, tf.newaxis]
    model = directions, weights, noise_stddev
    fit = ppca.fit(*model, free_scale)  # M3, M14
    poses = ppca.lift_pose(points, *model, fit.regression, free_scale)  # M5 to M11
    normaliser = fit.log_determinant - 2 * tf.cast(log_mixture_weights, points.dtype)
    terms = noise_stddev**2, normaliser, ppca.dimensions(weights, free_scale)
    costs = scale_estimation.cost(poses.energy, poses.inverse_scale, *terms)  # M12
    return Candidates(costs, poses, fit.variance)


def second_moments(prior, options):
    """Returns the mean products `[L, L]`, mm^2, of two joints' image positions, M31."""
    flat = _directions(prior, options)[:, :, :2]
    shares = np.repeat(prior.mixture_weights, len(flat) // prior.mixture_size)
    return np.einsum("m,mlcj,mncj->ln", shares / np.sum(shares), flat, flat)


def _directions(prior, options):
    """Returns the directions R [W, mu], W = basis * stddev, of M1, `[M, L, 3, J + 1]`."""
    angles = np.arange(options.num_rotations) * 2 * np.pi / options.num_rotations
    rotation = rotations.world_to_camera(angles, np.reshape(options.pitches, [-1, 1]))
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    shapes = np.concatenate([loadings, prior.mean_pose[:, np.newaxis]], 1)
    directions = np.einsum("prdc,kjlc->kprldj", rotation, shapes)
    return directions.reshape(-1, *directions.shape[3:])
