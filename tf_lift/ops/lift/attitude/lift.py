"""The lift by a camera of any pitch and roll, in weak perspective or with a focal length."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.geometry import recentring
from tf_lift.ops.lift import bone_lengths as bones
from tf_lift.ops.lift import (
    calibration,
    component,
    inputs,
    misfit,
    noise,
    outputs,
    posterior,
    robust,
)
from tf_lift.ops.lift.attitude import search
from tf_lift.ops.lift.attitude.expectation import Expectation, turn_landmarks
from tf_lift.ops.lift.fast import candidates, directions, weighted_fit
from tf_lift.ops.lift.options import ReadOut

__all__ = ["NUM_CANDIDATES", "lift_rows"]

# Candidates that are fitted and averaged: 16 or 32 change the error by less than 0.5 mm.
NUM_CANDIDATES = 8

# Rounds of removing the perspective of each candidate's own depths.
_NUM_PERSPECTIVE_STEPS = 2

# Rolls, relative to the expected one, from which missing landmarks are completed.
_SCOUT_ROLLS = 3

# Poses at a time: for the cache, and the memory of the fits of all candidates of the scout.
_SIZE = 256
_WEIGHTED_SIZE = 64


def lift_rows(tables, read_out, rolls, batch):
    """Lifts a batch, each pose at the attitudes that its landmarks make probable.

    Args:
        tables: `AttitudeTables`.
        read_out: `ReadOut`.
        rolls: Tuple: the grid of rolls, relative to the expected one, rad.
        batch: Dict of `landmarks` `[B, L, 2]`, px, and the fields of `Expectation` `[B]`;
            perhaps `weights`, `noise`, `outlier` `[B, L]` and `bone_lengths` `[B, L - 1]`; and of
            `focal_length` `[B]`, px: the landmarks are then relative to the optical axis of a
            camera that faces the person.

    Returns:
        Dict of results as those of `outputs.signature`, of the frame of that camera, with
        `up` `[B, 3]`, the vertical in it, in place of `pitch` and `roll`; and with a focal
        length `root_position` `[B, 3]`, which means nothing where `scale` is 0.

    References:
        docs/method.md, M27 to M29.
    """
    if "outlier" in batch:
        batch = _without_outliers(tables, read_out, rolls, batch)
    structure = _signature(tables, read_out, "focal_length" in batch)
    forward, backward = _directions(tables, read_out, rolls)
    result = directions.lift_with_gradient(forward, backward, structure, batch)
    fitness = misfit.measure(result, batch, tables.lift)
    # Without a focal length, nobody knows at which angle to the axis the person stands.
    turned = None if "focal_length" in batch else result["joints_3d"]
    count = misfit.num_coordinates(batch, tables.lift)
    model = result["joints_3d_stddev"]
    stddev = calibration.calibrate(model, fitness, count, read_out, turned)
    return result | {"misfit": fitness, "joints_3d_stddev": stddev}


@functools.lru_cache(maxsize=64)
def _directions(tables, read_out, rolls):
    """Returns both directions of the lift, as programs of their own where XLA compiles."""

    def forward(batch):
        return _without_candidate(_forward(tables, read_out, rolls, batch))

    backward = functools.partial(_backward, tables, read_out, rolls)
    if not read_out.compiled:
        return forward, backward
    return tuple(
        tf.function(part, jit_compile=True, autograph=False) for part in (forward, backward)
    )


def _without_outliers(tables, read_out, rolls, batch):
    """Returns a batch with weights in place of noise and of probabilities of being wrong.

    In weak perspective: a landmark that is wrong is farther off than perspective moves one.
    """
    most_probable = ReadOut("map", compiled=read_out.compiled)
    expected = {name: tf.stop_gradient(batch[name]) for name in Expectation._fields}

    def lift_once(part):
        result = _forward(tables, most_probable, rolls, part | expected)
        result.pop("winner")
        return result

    def view(result):
        index = result["candidate"] // len(rolls)
        roll = tf.gather(tf.constant(rolls, tables.dtype), result["candidate"] % len(rolls))
        loadings = tables.lift.components.directions(index, tables.lift.per_component)
        loadings = tf.transpose(loadings[..., :2, :-1], [0, 1, 3, 2])
        roll = tf.broadcast_to((roll + expected["roll"])[:, tf.newaxis], tf.shape(loadings)[:2])
        return index, tf.transpose(turn_landmarks(loadings, roll), [0, 1, 3, 2])

    weights = robust.find_weights(batch, tables.lift, lift_once, view)
    left_out = {"outlier", "noise"}
    return {name: batch[name] for name in batch if name not in left_out} | {"weights": weights}


def _signature(tables, read_out, has_focal_length):
    specs = outputs.signature(tables.num_joints, tables.dtype, read_out.num_hypotheses)
    # The caller knows the frame in which the vertical has a pitch and a roll.
    del specs["pitch"], specs["roll"], specs["misfit"]
    specs["up"] = tf.TensorSpec([None, 3], tables.dtype)
    if has_focal_length:
        specs["root_position"] = tf.TensorSpec([None, 3], tables.dtype)
    return specs


def _is_weighted(batch):
    return "weights" in batch or "noise" in batch


def _forward(tables, read_out, rolls, batch):
    specs = _signature(tables, read_out, "focal_length" in batch)
    specs["winner"] = tf.TensorSpec([None, None], tf.int32)
    specs["candidate"] = tf.TensorSpec([None], tf.int32)
    size = _WEIGHTED_SIZE if _is_weighted(batch) else _SIZE
    return chunks.map_chunks(functools.partial(_lift, tables, read_out, rolls), batch, specs, size)


def _backward(tables, read_out, rolls, batch, winner, upstream):
    """Returns the gradients of a batch whose candidates are known."""

    def lift(batch, winner):
        return _without_candidate(_lift(tables, read_out, rolls, batch, winner))

    return directions.gradients(lift, batch, winner, upstream, _SIZE)


def _without_candidate(result):
    return {name: result[name] for name in result if name != "candidate"}


def _lift(tables, read_out, rolls, batch, winner=None):
    """Lifts a batch at once; `winner` `[B, N]` are its candidates where they are known."""
    landmarks, weights, valid = inputs.without_invalid(batch)
    if "noise" in batch:
        weights = noise.trust_landmarks(landmarks, weights, batch, tables.lift)
    expectation = Expectation(*(batch[name] for name in Expectation._fields))
    focal_length = batch.get("focal_length")
    if focal_length is not None:
        known = tf.math.is_finite(focal_length) & (focal_length > 0)
        valid &= known
        focal_length = tf.where(known, focal_length, 1)
    frame = inputs.find_frame(landmarks, weights)
    frame = frame._replace(usable=frame.usable & valid)
    if winner is None:
        winner = _search(tables, read_out, rolls, frame, weights, expectation)
    winner = tf.where(frame.usable[:, tf.newaxis], winner, tables.lift.heaviest * len(rolls))
    seen = weights
    if weights is not None:
        # Landmarks that determine no pose are fitted as if one were visible; nobody reads it.
        first = tf.one_hot(0, tables.num_joints, dtype=weights.dtype)
        seen = tf.where(frame.usable[:, tf.newaxis], weights, first)
    fitted = _fit(tables, read_out, rolls, frame, seen, expectation, focal_length, winner)
    if weights is None:
        seen = tf.ones_like(landmarks[..., 0])
    result = _read(tables, read_out, frame, seen, focal_length, fitted, batch.get("bone_lengths"))
    result = tf.nest.map_structure(lambda value: inputs.where_valid(valid, value), result)
    candidate = tf.gather(winner, fitted.best, batch_dims=1)
    component_index = candidate // len(rolls) // tables.lift.per_component
    result["mixture_index"] = tf.where(valid, component_index, -1)
    return result | {"winner": winner, "candidate": candidate}


def _search(tables, read_out, rolls, frame, weights, expectation):
    """Returns the candidates to fit, `[B, N]`: those of the tables times R, plus the roll."""
    landmarks = tf.stop_gradient(frame.landmarks)
    expectation = Expectation(*map(tf.stop_gradient, expectation))
    compiled = read_out.compiled
    if weights is not None:
        few = rolls[:: max(1, (len(rolls) - 1) // (_SCOUT_ROLLS - 1))] if len(rolls) > 1 else rolls
        landmarks = search.complete(landmarks, weights, tables, expectation, few, compiled)
        landmarks = tf.where(tf.math.is_finite(landmarks), landmarks, 0)
    estimator = read_out.estimator
    found, roll = search.shortlist(
        landmarks, tables, expectation, rolls, NUM_CANDIDATES, estimator, compiled
    )
    return tf.transpose(found * len(rolls) + roll)


class _Fitted(NamedTuple):
    """Fitted candidates in the frame of the camera.

    Attributes:
        candidates: `candidates.Candidates` `[B, N, ...]`, costs those of attitudes included.
        up: `[B, N, 3]`; the vertical, about of length 1.
        angle: `[B, N]`, rad; rotation about it.
        straight: `[B, N, L, 2]`; landmarks without perspective, in the unit of the frame.
        best: `[B]`, int32; the candidate of the lowest cost.
    """

    candidates: candidates.Candidates
    up: tf.Tensor
    angle: tf.Tensor
    straight: tf.Tensor
    best: tf.Tensor


def _fit(tables, read_out, rolls, frame, weights, expectation, focal_length, winner):
    """Fits candidates `[B, N]`, each with the perspective of its own depths; returns `_Fitted`."""
    lift, number = tables.lift, winner.shape[1]
    dtype = tables.dtype
    shape = tf.shape(winner)
    # Lanes: the candidates of the first pose, then those of the next.
    repeat = functools.partial(tf.repeat, repeats=number, axis=0)
    index = tf.reshape(winner // len(rolls), [1, -1])
    roll = repeat(expectation.roll) + tf.gather(
        tf.constant(rolls, dtype), tf.reshape(winner % len(rolls), [-1])
    )
    unit = repeat(frame.unit)[:, tf.newaxis, tf.newaxis]
    place = frame.landmarks + frame.centre / frame.unit[:, tf.newaxis, tf.newaxis]
    # Of landmarks that determine no scale, a multiple of their rounding would be one.
    place = tf.where(frame.usable[:, tf.newaxis, tf.newaxis], place, 0)
    points = turn_landmarks(repeat(place if focal_length is not None else frame.landmarks), -roll)
    weight = tf.ones_like(points[..., 0]) if weights is None else repeat(weights)
    if weights is not None:
        fit = weighted_fit.fit(points, weight, lift, index, read_out.compiled)
        variance = weighted_fit.variance(fit, lift, read_out.compiled)
    averaging = component.mean_weights(weight, True)
    visible = tf.cast(weight > 0, dtype)

    def fit_to(points):
        # Less their mean, which may be many times as large.
        centred = points - tf.einsum("bl,blc->bc", averaging, points)[:, tf.newaxis]
        if weights is None:
            return candidates.chosen_visible(
                centred, lift, index, read_out.estimator, read_out.compiled
            )
        return candidates.chosen(centred, lift, fit, variance, read_out.estimator)

    straight, ratio = points, None
    found = fit_to(points)
    for step in range(0 if focal_length is None else _NUM_PERSPECTIVE_STEPS):
        ratio = _perspective(found.poses, unit[:, 0, 0], repeat(focal_length), visible, step)
        straight = points * ratio[..., tf.newaxis]
        found = fit_to(straight)
    costs = tf.reshape(found.costs, shape)
    if read_out.estimator != "min_energy":
        if ratio is not None:
            # The density of what was seen, not of what a farther camera would have seen.
            volume = tf.reduce_sum(visible * tf.math.log(ratio), -1)
            costs -= 4 * tf.reshape(volume, shape)
        pitch = index[0] // lift.num_rotations % len(lift.pitches)
        pitch_costs = tf.transpose(expectation.pitch_costs(lift.pitches))
        costs += tf.gather(pitch_costs, tf.reshape(pitch, shape), batch_dims=1)
        roll_costs = tf.transpose(expectation.roll_costs(rolls))
        costs += tf.gather(roll_costs, winner % len(rolls), batch_dims=1)
    up, angle = _attitude(tables, found.poses.joints_3d[:, 0], index[0], roll, repeat(frame.usable))

    def by_pose(values):
        return tf.reshape(values, tf.concat([shape, tf.shape(values)[1:]], 0))

    def turned(poses):
        return by_pose(turn_landmarks(poses[:, 0], roll))

    poses = found.poses
    poses = component.PPCAPose(
        turned(poses.joints_3d),
        turned(poses.pose_per_inverse_scale),
        *(by_pose(part[:, 0]) for part in poses[2:]),
    )
    fitted = candidates.Candidates(costs, poses, by_pose(found.variance[:, 0]))
    best = tf.argmin(costs, -1, tf.int32)
    straight = by_pose(turn_landmarks(straight, roll))
    return _Fitted(fitted, by_pose(up), by_pose(angle), straight, best)


def _perspective(poses, unit, focal_length, visible, step):
    """Returns the depths of joints over that of joint 0, `[N, L]`, by the fit of a candidate."""
    joints = poses.joints_3d[:, 0, :, 2] - poses.joints_3d[:, 0, :1, 2]
    depth = focal_length * poses.inverse_scale[:, 0] / unit
    if step == 0:
        # The one depth of weak perspective is about the mean depth of the visible joints.
        depth -= tf.reduce_sum(visible * joints, -1) / tf.reduce_sum(visible, -1)
    return recentring.depth_ratio(joints, depth)


def _attitude(tables, pose, index, roll, usable):
    """Returns the vertical `[N, 3]` in the camera's frame and the angles `[N]` of candidates.

    Those of the grid where a pose is not usable.

    References:
        docs/method.md, M27.
    """
    lift = tables.lift
    kinds = index // lift.per_component
    mean = tf.gather(tf.transpose(lift.components.mean, [2, 0, 1]), kinds)
    view = tf.gather(lift.components.view, index)
    world = tf.einsum("nca,nlc->nal", view, pose)
    difference = world - mean
    difference -= difference[..., :1]
    difference = tf.where(usable[:, tf.newaxis, tf.newaxis], difference, 0)
    difference = tf.reshape(difference, [-1, 3 * tables.num_joints])
    turns = tf.linalg.matvec(tf.gather(tables.turns, kinds), difference)
    about_x, about_y, about_z = tf.unstack(turns, axis=-1)
    # Up, turned about the world's x and y axes, in the axes right, away and down.
    up = tf.stack([about_y, -about_x, -tf.ones_like(about_x)], -1)
    up = tf.linalg.matvec(view, up / tf.norm(up, axis=-1, keepdims=True))
    up = turn_landmarks(up[:, tf.newaxis], roll)[:, 0]
    angle = tf.cast(index % lift.num_rotations, pose.dtype)
    angle = angle * (2 * np.pi / lift.num_rotations) + about_z
    return up, tf.math.floormod(angle, 2 * np.pi)


def _read(tables, read_out, frame, weights, focal_length, fitted, bone_lengths):
    """Reads the results out of fitted candidates."""
    found, usable = fitted.candidates, frame.usable
    costs = found.costs
    winner_only = tf.one_hot(fitted.best, costs.shape[1], dtype=costs.dtype)
    probability = posterior.probabilities(costs, read_out.temperature)
    near = probability
    averaged = probability if read_out.estimator == "mean" else winner_only
    if read_out.estimator != "mean":
        two_best = tf.one_hot(tf.math.top_k(-costs, min(2, costs.shape[1])).indices, costs.shape[1])
        excluded = tf.reduce_sum(tf.cast(two_best, costs.dtype), 1) < 0.5
        near = posterior.probabilities(tf.where(excluded, costs.dtype.max, costs), 1.0)
    averaged = tf.where(usable[:, tf.newaxis], averaged, winner_only)

    def read(share):
        """Returns the mean pose, the same with all that is known, its size factor and scale."""
        mean = posterior.expectation(found.poses.joints_3d, share)
        mean -= mean[:, :1]
        mean = tf.where(usable[:, tf.newaxis, tf.newaxis], mean, tables.lift.mean_pose)
        inverse_scale = posterior.expectation(found.poses.inverse_scale, share)
        joints_3d, size_factor = mean, tf.ones_like(frame.unit)
        target = posterior.expectation(fitted.straight, share)
        target *= inverse_scale[:, tf.newaxis, tf.newaxis]
        if read_out.add_residuals:
            trusted = tf.where(usable[:, tf.newaxis], weights, 0)
            joints_3d = noise.add_residuals(mean, target, trusted, True)
        if bone_lengths is not None:
            joints_3d, size_factor = bones.apply(joints_3d, bone_lengths, read_out.parents)
        return mean, joints_3d - joints_3d[:, :1], size_factor, inverse_scale, target

    mean, joints_3d, size_factor, inverse_scale, target = read(averaged)
    stddev = posterior.stddev(found, near, mean)
    stddev *= tf.cast(tf.range(tables.num_joints) > 0, stddev.dtype)
    stddev = tf.where(usable[:, tf.newaxis], stddev, tables.lift.mean_pose_stddev)
    best_scale = tf.gather(found.poses.inverse_scale, fitted.best, batch_dims=1)
    projected = posterior.expectation(found.poses.joints_3d, averaged / found.poses.inverse_scale)
    averaging = component.mean_weights(weights, True)

    def centred(points):
        return points - tf.einsum("bl,blc->bc", averaging, points)[:, tf.newaxis]

    up = posterior.expectation(fitted.up, averaged)
    result = {
        "joints_3d": joints_3d,
        "landmarks": frame.centre
        + tf.where(usable, frame.unit, 0)[:, tf.newaxis, tf.newaxis] * centred(projected[..., :2]),
        "rotation_angle": tf.gather(fitted.angle, fitted.best, batch_dims=1),
        "up": up / tf.norm(up, axis=-1, keepdims=True),
        "scale": tf.where(usable, frame.unit / best_scale, 0) / size_factor,
        "energy": tf.where(
            usable, tf.gather(found.poses.energy, fitted.best, batch_dims=1), float("inf")
        ),
        "joints_3d_stddev": stddev * tf.stop_gradient(size_factor)[:, tf.newaxis],
    }
    if focal_length is not None:
        # Where the pose projects best to its landmarks.
        depth = size_factor * focal_length * inverse_scale / frame.unit
        offset = size_factor[:, tf.newaxis, tf.newaxis] * target - joints_3d[..., :2]
        across = tf.einsum("bl,blc->bc", averaging, offset)
        result["root_position"] = tf.concat([across, depth[:, tf.newaxis]], -1)
    if read_out.num_hypotheses is not None:
        masses, shares = posterior.find_hypotheses(
            found.poses.joints_3d - found.poses.joints_3d[:, :, :1],
            probability,
            read_out.num_hypotheses,
        )
        certain = tf.one_hot(tf.zeros_like(fitted.best), read_out.num_hypotheses, dtype=up.dtype)
        result["hypotheses"] = {
            "joints_3d": tf.stack(
                [read(shares[:, each])[1] for each in range(read_out.num_hypotheses)], 1
            ),
            "probability": tf.where(usable[:, tf.newaxis], masses, certain),
        }
    return result
