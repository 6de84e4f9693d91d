"""The lift of one batch whose poses all take the same route."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import bone_lengths as bones
from tf_lift.ops.lift import component, inputs, noise, posterior, refinement
from tf_lift.ops.lift.fast import (
    best_pose,
    candidates,
    few_missing,
    few_missing_coarse,
    representatives,
    visible_forms,
    visible_mean,
    visible_search,
    weighted_fit,
    weighted_search,
)
from tf_lift.ops.lift.fast.xla import k_lowest

__all__ = ["Route", "lift_batch", "lift_prepared", "mark_invalid"]

# Candidates, or groups of them, that stand for all where each must be fitted: at temperature 3
# and with up to 10 of 17 landmarks missing, their mean is within 5 mm of that over all.
NUM_MEAN = 48


class Route(NamedTuple):
    """Which poses are lifted together, see `routes`.

    Attributes:
        kind: "visible": weights are not read, all landmarks count; "few" or "many" are missing,
            weights are 0 or 1; "any".
        size: Most landmarks of a pose that are missing, of "few", or visible, of "many".
    """

    kind: str
    size: int | None = None


def lift_batch(tables, read_out, route, batch, winner=None):
    """Lifts poses by one route, with every option.

    Args:
        tables: `LiftTables`.
        read_out: `ReadOut`.
        route: `Route`.
        batch: Dict of the arguments that there are, see `inputs.without_invalid`.
        winner: The candidates `[B]` where they are known: then nothing is searched, and only
            results that have a gradient are right.

    Returns:
        Dict of results as that of `lift.lift`, and `winner` `[B]`.
    """
    if route.kind == "visible":
        batch = {name: batch[name] for name in batch if name != "weights"}
    landmarks, weights, valid = inputs.without_invalid(batch)
    if "noise" in batch:
        weights = noise.trust_landmarks(landmarks, weights, batch, tables)
    frame = inputs.find_frame(landmarks, weights, batch.get("scale"))
    frame = frame._replace(usable=frame.usable & valid)
    bone_lengths = batch.get("bone_lengths")
    result = lift_prepared(tables, read_out, route, frame, weights, bone_lengths, winner)
    return mark_invalid(result, valid)


def mark_invalid(result, valid):
    """Returns results of `lift_prepared` with NaN, or index -1, where poses `[B]` are not valid."""
    winner = result.pop("winner")
    mixture_index = tf.where(valid, result.pop("mixture_index"), -1)
    result = tf.nest.map_structure(lambda value: inputs.where_valid(valid, value), result)
    return result | {"mixture_index": mixture_index, "winner": winner}


def lift_prepared(tables, read_out, route, frame, weights=None, bone_lengths=None, winner=None):
    """Lifts poses by one route, whether they are valid or not.

    Args:
        tables: `LiftTables`.
        read_out: `ReadOut`.
        route: `Route`.
        frame: `inputs.Frame`.
        weights: `[B, L]`, >= 0, or `None` for all visible.
        bone_lengths: `[B, L - 1]`, mm, or `None`.
        winner: See `lift_batch`, as for the results.
    """
    if read_out.is_plain and bone_lengths is None and (weights is None or route.kind == "few"):
        result = best_pose.lift(
            tables, read_out.estimator, frame, winner, read_out.compiled, weights, route.size
        )
    else:
        result = _lift_candidates(tables, read_out, route, frame, weights, bone_lengths, winner)
    return result | {"mixture_index": result["winner"] // tables.per_component}


def _lift_candidates(tables, read_out, route, frame, weights, bone_lengths, winner):
    """Lifts a batch by fitted candidates, as every option can be read out of them."""
    found = _find_candidates(tables, read_out, route, frame, weights, winner)
    ensemble, best, winner = found.ensemble, found.best, found.winner
    visible = tf.ones_like(frame.landmarks[..., 0]) if weights is None else weights
    angle = tf.cast(winner % tables.num_rotations, visible.dtype)
    angle *= 2 * np.pi / tables.num_rotations
    pitch_index = winner // tables.num_rotations % len(tables.pitches)
    pitch = tf.gather(tf.constant(tables.pitches, visible.dtype), pitch_index)
    if read_out.refine:
        turn, refined = refinement.refine(
            frame.landmarks,
            tables.components.directions(winner, tables.per_component),
            visible,
            tf.gather(tables.noise_stddev, winner),
            tf.stack([tf.zeros_like(pitch), -tf.cos(pitch), -tf.sin(pitch)], -1),
            2 * np.pi / tables.num_rotations,
            tables.free_scale,
        )
        best = _where_usable(frame.usable, refined, best)
        angle += tf.where(frame.usable, turn, 0)

    # The result is a mean over candidates: over the best alone, unless all are wanted.
    averaged = best, tf.ones_like(best.energy)
    if ensemble is not None:
        ensemble_probability = posterior.probabilities(ensemble.costs, read_out.temperature)
    takes_mean = read_out.estimator == "mean"
    if takes_mean and ensemble is not None:
        averaged = ensemble.poses, ensemble_probability
    whole = found.mean
    if whole is None:
        whole = _average(*averaged)

    def read(mean, inverse_scale):
        """Returns the mean pose, the same with all that is known, and its size factor."""
        mean = tf.where(tf.reshape(frame.usable, [-1, 1, 1]), mean, best.joints_3d[:, 0])
        joints_3d, size_factor = mean, tf.ones_like(frame.unit)
        if read_out.add_residuals:
            target = tf.reshape(inverse_scale, [-1, 1, 1]) * frame.landmarks
            trusted = tf.where(frame.usable[:, tf.newaxis], visible, 0)
            joints_3d = noise.add_residuals(mean, target, trusted, tables.free_scale)
        if bone_lengths is not None:
            joints_3d, size_factor = bones.apply(joints_3d, bone_lengths, read_out.parents)
        return mean - mean[:, :1], joints_3d - joints_3d[:, :1], size_factor

    mean, joints_3d, size_factor = read(whole.joints_3d, whole.inverse_scale)
    if whole.variance is not None:
        stddev = tf.sqrt(whole.variance)
    elif takes_mean:
        is_rooted = weights is None and tables.free_scale
        stddev = posterior.stddev(ensemble, ensemble_probability, mean, is_rooted)
    elif found.near is None:
        stddev = found.stddev
    else:
        near_probability = posterior.probabilities(found.near.costs, 1.0)
        stddev = posterior.stddev(found.near, near_probability, mean)
    # Joint 0 is the origin by definition.
    stddev *= tf.cast(tf.range(tables.num_joints) > 0, stddev.dtype)
    stddev = tf.where(frame.usable[:, tf.newaxis], stddev, tables.mean_pose_stddev)
    scale = frame.unit / best.inverse_scale[:, 0]
    projected = _project(whole.projected, frame, visible, tables.free_scale)
    result = {
        "joints_3d": joints_3d,
        "landmarks": frame.centre + projected,
        "rotation_angle": angle,
        "pitch": pitch,
        "roll": tf.zeros_like(pitch),
        "scale": tf.where(frame.usable, scale, 0) / size_factor,
        "energy": tf.where(frame.usable, best.energy[:, 0], float("inf")),
        "joints_3d_stddev": stddev * tf.stop_gradient(size_factor)[:, tf.newaxis],
        "winner": winner,
    }
    if read_out.num_hypotheses is not None:
        number = read_out.num_hypotheses
        rooted = ensemble.poses.joints_3d - ensemble.poses.joints_3d[:, :, :1]
        masses, shares = posterior.find_hypotheses(rooted, ensemble_probability, number)
        certain = tf.one_hot(tf.zeros_like(winner), number, dtype=scale.dtype)
        means = [_average(ensemble.poses, shares[:, n]) for n in range(number)]
        result["hypotheses"] = {
            "joints_3d": tf.stack(
                [read(each.joints_3d, each.inverse_scale)[1] for each in means], 1
            ),
            "probability": tf.where(frame.usable[:, tf.newaxis], masses, certain),
        }
    return result


class _Found(NamedTuple):
    """Candidates that results are read out of.

    Attributes:
        ensemble: `Candidates` that the mean is over, or `None` where nothing needs each.
        mean: `VisibleMean` where it is known without the ensemble.
        near: `Candidates`, the two best, without gradient; `None` where `stddev` is known.
        stddev: `[B, L]`; deviations of the best, of the spread of the two best.
        best: `PPCAPose` of the best, N = 1.
        winner: `[B]`, int32.
    """

    ensemble: candidates.Candidates | None
    mean: visible_mean.VisibleMean | None
    near: candidates.Candidates | None
    stddev: tf.Tensor | None
    best: component.PPCAPose
    winner: tf.Tensor


def _find_candidates(tables, read_out, route, frame, weights, winner):
    """Searches and fits candidates; returns `_Found`."""
    if weights is None and not read_out.refine:
        return _find_visible(tables, read_out, frame, winner)
    size = route.size if route.kind == "many" else None
    compiled, estimator = read_out.compiled, read_out.estimator
    fixed = tf.stop_gradient(frame.landmarks)
    seen = tf.ones_like(fixed[..., 0]) if weights is None else weights
    # Landmarks that determine no pose are fitted as if one were visible; nobody reads it.
    first = tf.one_hot(0, tables.num_joints, dtype=seen.dtype)
    fitted = tf.where(frame.usable[:, tf.newaxis], seen, first)
    usable = frame.usable[:, tf.newaxis] & tf.reduce_any(seen > 0, -1, keepdims=True)

    def search(number):
        if weights is None:
            found = visible_search.shortlist(fixed, tables, number, estimator, compiled)
        elif route.kind == "few":
            few = few_missing if compiled else few_missing_coarse
            found = few.shortlist(fixed, fitted, tables, number, estimator, route.size)
        else:
            found = weighted_search.shortlist(
                fixed, fitted, tables, number, estimator, compiled, size
            )
        return tf.where(usable, found, tables.heaviest)

    def fit(indices):
        return weighted_fit.fit(fixed, fitted, tables, tf.transpose(indices), compiled, size)

    ensemble = None
    if read_out.uses_all_candidates:
        indices, change = representatives.find(
            fixed, fitted, tables, NUM_MEAN, estimator, compiled, read_out.temperature
        )
        indices = tf.where(usable, indices, tables.heaviest)
        solved = fit(indices)
        variance = weighted_fit.variance(solved, tables, compiled)
        single = candidates.chosen(frame.landmarks, tables, solved, variance, estimator)
        ensemble = single._replace(costs=single.costs + change)
    if winner is not None:
        near_indices = winner[:, tf.newaxis]
    elif ensemble is not None:
        order = k_lowest.find(tf.transpose(single.costs), best_pose.NUM_NEAR, compiled)
        near_indices = tf.gather(indices, tf.transpose(order), batch_dims=1)
    else:
        near_indices = search(best_pose.NUM_NEAR)
    solved = fit(near_indices)
    variance = weighted_fit.variance(solved, tables, compiled)
    near = candidates.chosen(frame.landmarks, tables, solved, variance, estimator)
    place = tf.argmin(near.costs, -1, output_type=tf.int32)[:, tf.newaxis]
    best = component.PPCAPose(*(tf.gather(part, place, batch_dims=1) for part in near.poses))
    near = tf.nest.map_structure(tf.stop_gradient, near)
    winner = tf.gather(near_indices, place, batch_dims=1)[:, 0]
    return _Found(ensemble, None, near, None, best, winner)


def _find_visible(tables, read_out, frame, winner):
    """Returns `_Found` where all landmarks are visible."""
    compiled, estimator = read_out.compiled, read_out.estimator
    fixed = tf.stop_gradient(frame.landmarks)
    ensemble, mean, costs = None, None, None
    if read_out.num_hypotheses is not None:
        ensemble = candidates.all_visible(frame.landmarks, tables, estimator)
        costs = tf.transpose(ensemble.costs)
    elif read_out.uses_all_candidates:
        costs, *scale, _ = candidates.scales(frame.landmarks, tables, estimator)
        probability = posterior.probabilities(costs, read_out.temperature, axis=0)
        mean = visible_mean.mean_pose(frame.landmarks, tables, probability, *scale, compiled)
    if winner is not None:
        indices = winner[:, tf.newaxis]
    elif costs is not None:
        costs = tf.stop_gradient(costs)
        indices = tf.transpose(k_lowest.find(costs, best_pose.NUM_NEAR, compiled))
    else:
        indices = visible_search.shortlist(fixed, tables, best_pose.NUM_NEAR, estimator, compiled)
    indices = tf.where(frame.usable[:, tf.newaxis], indices, tables.heaviest)
    points = visible_forms.coordinates(frame.landmarks, tables)
    best = best_pose.best_pose(points, tables, tf.transpose(indices), estimator, compiled)
    pose = tf.transpose(tf.reshape(best.pose, [-1, 3, best.pose.shape[1] // 3]), [0, 2, 1])
    if tables.free_scale:
        pose = tf.pad(pose, [[0, 0], [1, 0], [0, 0]])
        # Landmarks that determine no scale are no evidence of a pose of landmarks all zero.
        pose = tf.where(tf.reshape(frame.usable, [-1, 1, 1]), pose, tables.mean_pose)
    poses = component.PPCAPose(
        pose[:, tf.newaxis],
        tf.zeros_like(pose)[:, tf.newaxis],
        best.inverse_scale[:, tf.newaxis],
        tf.zeros_like(best.energy)[:, tf.newaxis],
        best.energy[:, tf.newaxis],
    )
    return _Found(ensemble, mean, None, best.stddev, poses, best.index)


def _where_usable(usable, poses, others):
    """Returns `poses`, `[B, ...]`, or else `others`, `[B, 1, ...]`, as `[B, 1, ...]`."""
    return component.PPCAPose(
        *(
            tf.where(tf.reshape(usable, [-1] + [1] * (len(other.shape) - 1)), pose[:, None], other)
            for pose, other in zip(poses, others, strict=True)
        )
    )


def _average(poses, probability):
    """Returns the `VisibleMean` of fitted candidates, without variance."""
    joints_3d, projected = (
        posterior.expectation(poses.joints_3d, share)
        for share in (probability, probability / poses.inverse_scale)
    )
    inverse_scale = posterior.expectation(poses.inverse_scale, probability)
    return visible_mean.VisibleMean(joints_3d, projected[..., :2], inverse_scale, None)


def _project(projected, frame, weights, free_scale):
    """Returns the mean of the candidates' projections, pixels, less the centre."""
    unit = tf.where(frame.usable, frame.unit, 0)
    flat = tf.reshape(unit, [-1, 1, 1]) * projected
    mean = component.mean_weights(weights, free_scale)
    return flat - tf.expand_dims(tf.einsum("bl,blc->bc", mean, flat), 1)
