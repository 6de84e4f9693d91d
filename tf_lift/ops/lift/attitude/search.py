"""Shortlists of candidates over components, rotation angles, pitches and rolls."""

import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.attitude.expectation import turn_landmarks
from tf_lift.ops.lift.fast import candidates, visible_search, weighted_fit
from tf_lift.ops.lift.fast.xla import k_lowest
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["complete", "shortlist"]


def shortlist(landmarks, tables, expectation, rolls, number, estimator, compiled):
    """Returns the candidates of the lowest costs, all landmarks visible, each at its best roll.

    Args:
        landmarks: `[B, L, 2]`: less their mean and of size about 1.
        tables: `AttitudeTables`.
        expectation: `Expectation`.
        rolls: The grid of rolls, relative to the expected one.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.

    Returns:
        `[number, B]`, int32, the lowest cost first: candidates of `tables.lift` and indices of
        rolls.

    References:
        docs/method.md, M28.
    """
    lift = tables.lift
    # The roll of the camera is undone: the candidates stand upright.
    turned = [turn_landmarks(landmarks, -(expectation.roll + roll)) for roll in rolls]
    costs = visible_search.all_costs(tf.concat(turned, 0), lift, estimator, compiled)
    grid = [lift.num_components, len(lift.pitches), lift.num_rotations, len(rolls), -1]
    costs = tf.reshape(costs, grid)
    if estimator != "min_energy":
        costs += expectation.pitch_costs(lift.pitches)[:, tf.newaxis, tf.newaxis]
        costs += expectation.roll_costs(rolls)
    # Stored, so that XLA compares the same roundings of each cost.
    costs = materialize(tf.reshape(costs, [lift.num_candidates, len(rolls), -1]), compiled)
    lowest, *others = tf.unstack(costs, axis=1)
    best_roll = tf.zeros(tf.shape(lowest), tf.int32)
    for index, cost in enumerate(others, 1):
        best_roll = tf.where(cost < lowest, index, best_roll)
        lowest = tf.minimum(cost, lowest)
    found = k_lowest.find(lowest, number, compiled)
    chosen_rolls = tf.gather(tf.transpose(best_roll), tf.transpose(found), batch_dims=1)
    return found, tf.transpose(chosen_rolls)


def complete(landmarks, weights, tables, expectation, rolls, compiled):
    """Completes missing and doubtful landmarks by the best of all views of a single component.

    The search then compares candidates as if all landmarks were visible. That favours
    candidates like the one that completed them, but the chosen ones are ranked by the visible
    landmarks alone.

    Args:
        landmarks: `[B, L, 2]`: less the mean of the visible ones and of size about 1.
        weights: `[B, L]`, >= 0, some of them positive.
        tables: `AttitudeTables`.
        expectation: `Expectation`.
        rolls: See `shortlist`.
        compiled: Whether XLA compiles it.

    Returns:
        `[B, L, 2]`, less their mean.

    References:
        docs/method.md, M28.
    """
    scout, number = tables.scout, len(rolls)
    turned = tf.concat([turn_landmarks(landmarks, -(expectation.roll + roll)) for roll in rolls], 0)
    repeated = tf.concat([weights] * number, 0)
    indices = tf.range(scout.num_candidates)[:, tf.newaxis]
    indices = tf.repeat(indices, tf.shape(turned)[0], 1)
    fit = weighted_fit.fit(turned, repeated, scout, indices, compiled)
    found = candidates.chosen(turned, scout, fit, tf.zeros([]), "map")
    costs = tf.reshape(
        tf.transpose(found.costs), [len(scout.pitches), -1, number, tf.shape(landmarks)[0]]
    )
    costs += expectation.pitch_costs(scout.pitches)[:, tf.newaxis, tf.newaxis]
    costs += expectation.roll_costs(rolls)
    costs = tf.reshape(costs, [scout.num_candidates * number, -1])
    best = tf.argmin(costs, 0, tf.int32)
    candidate, roll = best // number, best % number
    row = roll * tf.shape(landmarks)[0] + tf.range(tf.shape(landmarks)[0])
    place = tf.stack([row, candidate], -1)
    pose = tf.gather_nd(found.poses.joints_3d[..., :2], place)
    seen = pose / tf.gather_nd(found.poses.inverse_scale, place)[:, tf.newaxis, tf.newaxis]
    mean = component.mean_weights(weights, True)
    seen -= tf.einsum("bl,blc->bc", mean, seen)[:, tf.newaxis]
    seen = turn_landmarks(seen, expectation.roll + tf.gather(tf.constant(rolls, seen.dtype), roll))
    # One of a small weight among others counts as much as it is seen.
    largest = tf.reduce_max(weights, -1, keepdims=True)
    shares = tf.math.divide_no_nan(weights, largest)[..., tf.newaxis]
    completed = seen + shares * tf.where(shares > 0, landmarks - seen, 0)
    return completed - tf.reduce_mean(completed, 1, keepdims=True)
