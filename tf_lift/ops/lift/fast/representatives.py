"""Candidates that stand for all in a mean, for landmarks with weights or with some missing."""

import tensorflow as tf

from tf_lift.ops.lift import posterior
from tf_lift.ops.lift.fast import weighted_search
from tf_lift.ops.lift.fast.observed import observe
from tf_lift.ops.lift.fast.xla import k_lowest
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["find"]

# Neighbouring angles that one candidate may stand for in a mean: 18 degrees of 80 angles; and
# the probability of single candidates that needs no such groups.
_GROUP = 4
_ENOUGH = 0.97


def find(landmarks, weights, tables, number, estimator, compiled, temperature):
    """Returns candidates that stand for all, each for a few neighbouring angles.

    Where the most probable ones have nearly all of the probability, they stand for
    themselves. Where many are about as probable, with few landmarks visible, the most
    probable of a few neighbouring angles stands for these, with their probabilities together.

    Args:
        landmarks: See `weighted_search.shortlist`, as for the next five.
        weights: `[B, L]`.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.
        temperature: See `posterior.probabilities`.

    Returns:
        `[B, N]`, int32, the most probable group first, and what to add to the costs of these
        candidates so that their probabilities are those of their groups, `[B, N]`.

    References:
        docs/method.md, section 10.
    """
    if not tables.uses_half_turn_symmetry:
        indices = weighted_search.shortlist(landmarks, weights, tables, number, estimator, compiled)
        return indices, tf.zeros(tf.shape(indices), tables.dtype)
    observed = observe(landmarks, weights, tables.free_scale)
    conditional = weighted_search.condition(observed, tables, compiled)
    count = tables.num_coarse_mean
    costs = weighted_search.interpolated_costs(
        conditional, observed, tables, count, estimator, compiled
    )
    number = min(number, tables.num_candidates)
    single, changes, probability = _groups(costs, number, 1, temperature, compiled)
    size = next(size for size in (_GROUP, 2, 1) if tables.num_rotations % size == 0)
    if tables.num_candidates // size < number:
        return tf.transpose(single), tf.transpose(changes)
    grouped, group_changes, _ = _groups(costs, number, size, temperature, compiled)
    suffices = tf.reduce_sum(probability, 0) > _ENOUGH
    return (
        tf.transpose(tf.where(suffices, single, grouped)),
        tf.transpose(tf.where(suffices, changes, group_changes)),
    )


def _groups(costs, number, size, temperature, compiled):
    """Returns the most probable groups of `size` neighbours of candidates.

    Returns:
        Their most probable members `[N, B]`, what to add to the costs of these, and the
        probabilities of the groups.
    """
    grouped = tf.reshape(costs, [costs.shape[0] // size, size, -1])
    lowest = tf.reduce_min(grouped, 1)
    ratios = tf.exp((lowest[:, tf.newaxis] - grouped) / (2 * temperature))
    change = -2 * temperature * tf.math.log(tf.reduce_sum(ratios, 1))
    probability = posterior.probabilities(lowest + change, temperature, axis=0)
    groups = materialize(k_lowest.find(lowest + change, number, compiled), compiled)
    members = tf.argmin(grouped, 1, output_type=tf.int32)

    def of_groups(values):
        return tf.transpose(tf.gather(tf.transpose(values), tf.transpose(groups), batch_dims=1))

    return groups * size + of_groups(members), of_groups(change), of_groups(probability)
