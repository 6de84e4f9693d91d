"""The lift of one batch, with all of its options."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import candidates, posterior, rotation_search
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import inputs as lift_input
from tf_lift.ops.lift import noise as noisy_landmarks
from tf_lift.ops.lift import refinement as rotation_refinement
from tf_lift.ops.lift.fast import fast_lift

__all__ = ["lift_batch", "signature"]


def lift_batch(tables, options, batch, winner=None):
    """`lift` for one batch dimension; `batch` holds what there is of its arguments.

    The result also has `winner` `[B]`, the candidate. Where it is given, nothing is searched,
    and only what has a gradient is right.
    """
    landmarks, weights, valid = lift_input.without_invalid(batch)
    if "noise" in batch:
        weights = noisy_landmarks.trust_landmarks(landmarks, weights, batch, tables)
    weighted = weights is not None
    seen = weights if weighted else tf.ones_like(landmarks[..., 0])
    frame = lift_input.find_frame(landmarks, weights, batch.get("scale"))
    if options.is_plain and "bone_lengths" not in batch and (options.masks or not weighted):
        # No pose of its own, so that none of it sends others to the search for many missing.
        determined = frame._replace(usable=frame.usable & valid)
        result = fast_lift.lift_best(tables, options, determined, weights, winner)
        winner = result.pop("winner")
        result = tf.nest.map_structure(lambda value: lift_input.where_valid(valid, value), result)
        mixture_index = tf.where(valid, winner // tables.per_component, -1)
        return result | {"mixture_index": mixture_index, "winner": winner}

    # The exact ranking of the few best of the search, without a gradient.
    fixed = tf.stop_gradient(frame.landmarks)
    through_search = options.uses_all_candidates and not weighted
    found = rotation_search.search(
        frame.landmarks if through_search else fixed,
        tables,
        weights,
        options.estimator,
        options.masks,
    )

    def solve(landmarks, indices):
        return candidates.solve(landmarks, tables, indices, seen, weighted, options.estimator)

    indices = tf.where(frame.usable[:, tf.newaxis], candidates.rank(found.costs), tables.heaviest)
    near = solve(fixed, indices)
    winner = tf.gather(indices, tf.argmin(near.costs, -1), batch_dims=1)
    best = solve(frame.landmarks, winner[:, tf.newaxis])
    angle = tf.cast(winner % tables.num_rotations, seen.dtype) * (2 * np.pi / tables.num_rotations)
    pitch_index = winner // tables.num_rotations % len(tables.pitches)
    pitch = tf.gather(tf.constant(tables.pitches, seen.dtype), pitch_index)
    if options.refine:
        turn, refined = rotation_refinement.refine(
            frame.landmarks,
            tf.gather(tables.directions, winner),
            seen,
            tf.gather(tables.noise_stddev, winner),
            tf.stack([tf.zeros_like(pitch), -tf.cos(pitch), -tf.sin(pitch)], -1),
            2 * np.pi / tables.num_rotations,
            tables.free_scale,
        )
        best = best._replace(poses=_where_usable(frame.usable, refined, best.poses))
        angle += tf.where(frame.usable, turn, 0)

    # The result is a mean of candidates: of the best alone, unless all are wanted.
    chosen, share = best, tf.ones_like(best.costs)
    around, around_share, calibration = near, posterior.probabilities(near.costs, 1.0), 1.0
    if options.uses_all_candidates:
        if weighted:
            ensemble = solve(frame.landmarks, candidates.rank(found.costs, candidates.NUM_MEAN))
        else:
            ensemble = candidates.every(frame.landmarks, tables, found)
        probability = posterior.probabilities(ensemble.costs, options.temperature)
        if options.estimator == "mean":
            chosen, share = ensemble, probability
            around, around_share, calibration = ensemble, probability, posterior.CALIBRATION

    def read_out(poses, share):
        """Returns a mean of candidates, the same with all that is known, and its growth."""
        mean = posterior.expectation(poses.joints_3d, share)
        mean = tf.where(frame.usable[:, tf.newaxis, tf.newaxis], mean, best.poses.joints_3d[:, 0])
        joints_3d, factor = mean, tf.ones_like(frame.unit)
        if options.add_residuals:
            inverse_scale = posterior.expectation(poses.inverse_scale, share)
            target = inverse_scale[:, tf.newaxis, tf.newaxis] * frame.landmarks
            trusted = tf.where(frame.usable[:, tf.newaxis], seen, 0)
            joints_3d = noisy_landmarks.add_residuals(mean, target, trusted, tables.free_scale)
        if "bone_lengths" in batch:
            joints_3d, factor = limbs.apply(joints_3d, batch["bone_lengths"], options.parents)
        return mean - mean[:, :1], joints_3d - joints_3d[:, :1], factor

    mean, joints_3d, factor = read_out(chosen.poses, share)
    if "bone_lengths" in batch:
        calibration *= posterior.BONES_CALIBRATION
    stddev = calibration * posterior.stddev(around, around_share, mean)
    # Joint 0 is the origin by definition.
    stddev *= tf.cast(tf.range(tables.num_joints) > 0, stddev.dtype)
    stddev = tf.where(frame.usable[:, tf.newaxis], stddev, tables.mean_pose_stddev)
    scale = frame.unit / best.poses.inverse_scale[:, 0]
    result = {
        "joints_3d": joints_3d,
        "landmarks": frame.centre + _project(chosen.poses, share, frame, seen, tables.free_scale),
        "rotation_angle": angle,
        "pitch": pitch,
        "scale": tf.where(frame.usable, scale, 0) / factor,
        "energy": tf.where(frame.usable, best.poses.energy[:, 0], float("inf")),
        "joints_3d_stddev": stddev * tf.stop_gradient(factor)[:, tf.newaxis],
    }
    if options.num_hypotheses is not None:
        number = options.num_hypotheses
        rooted = ensemble.poses.joints_3d - ensemble.poses.joints_3d[:, :, :1]
        probability, shares = posterior.find_hypotheses(rooted, probability, number)
        certain = tf.one_hot(tf.zeros_like(winner), number, dtype=scale.dtype)
        result["hypotheses"] = {
            "joints_3d": tf.stack(
                [read_out(ensemble.poses, shares[:, n])[1] for n in range(number)], 1
            ),
            "probability": tf.where(frame.usable[:, tf.newaxis], probability, certain),
        }
    result = tf.nest.map_structure(lambda value: lift_input.where_valid(valid, value), result)
    mixture_index = winner // (tables.num_rotations * len(tables.pitches))
    return result | {"mixture_index": tf.where(valid, mixture_index, -1), "winner": winner}


def _where_usable(usable, poses, others):
    """Returns `poses`, `[B, ...]`, or else `others`, `[B, 1, ...]`, as `[B, 1, ...]`."""
    return ppca.PPCAPose(
        *(
            tf.where(tf.reshape(usable, [-1] + [1] * (len(other.shape) - 1)), pose[:, None], other)
            for pose, other in zip(poses, others, strict=True)
        )
    )


def _project(poses, share, frame, weights, free_scale):
    """Returns the mean of the candidates' projections, pixels, less the centre."""
    flat = poses.joints_3d[..., :2]
    mean = ppca.mean_weights(weights, free_scale)
    flat -= tf.einsum("bl,bnlc->bnc", mean, flat)[:, :, tf.newaxis]
    scale = tf.where(frame.usable, frame.unit, 0)[:, tf.newaxis] / poses.inverse_scale
    return posterior.expectation(scale[..., tf.newaxis, tf.newaxis] * flat, share)


def signature(tables, num_hypotheses):
    """Returns the shapes and types of the result of `lift_batch`."""
    joints = tables.num_joints

    def spec(*shape):
        return tf.TensorSpec([None, *shape], tables.dtype)

    signature = {name: spec() for name in ("rotation_angle", "pitch", "scale", "energy")}
    signature |= {"joints_3d": spec(joints, 3), "landmarks": spec(joints, 2)}
    signature |= {"joints_3d_stddev": spec(joints)}
    signature["mixture_index"] = tf.TensorSpec([None], tf.int32)
    if num_hypotheses is not None:
        signature["hypotheses"] = {
            "joints_3d": spec(num_hypotheses, joints, 3),
            "probability": spec(num_hypotheses),
        }
    return signature
