"""Shortlists of candidates where all landmarks are visible."""

import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast import visible_forms
from tf_lift.ops.lift.fast.xla import k_lowest

__all__ = ["all_costs", "shortlist"]

# Elements of one intermediate tensor, 4 MB of float32: more poses take turns, so that the next
# step finds in the cache what one step made. Shorter turns pay on one core, but two cores lose
# more by waiting for each other.
_MAX_ELEMENTS = 1 << 20


def shortlist(landmarks, tables, number, estimator, compiled):
    """Returns the candidates of the lowest costs.

    Args:
        landmarks: `[B, L, 2]`, as `visible_forms.evaluate` takes them.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.

    Returns:
        `[B, number]`, int32, the lowest cost first.
    """
    number = min(number, tables.num_candidates)

    def find(batch):
        parts = _costs_of_parts(batch["landmarks"], tables, estimator, compiled)
        if not compiled:
            found = k_lowest.find(visible_forms.join(parts, tables), number)
        else:
            found = k_lowest.k_lowest(parts, visible_forms.indices_of_parts(tables), number)
        return tf.transpose(found)

    spec = tf.TensorSpec([None, number], tf.int32)
    largest = max(tables.num_candidates, tables.num_axes * (tables.num_axes + 1))
    size = max(1, _MAX_ELEMENTS // largest)
    return chunks.map_chunks(find, {"landmarks": landmarks}, spec, size)


def all_costs(landmarks, tables, estimator, compiled):
    """Returns the costs `[M, B]` of all candidates, good enough for a shortlist.

    Args:
        landmarks: See `shortlist`, as for the others.
        tables: `LiftTables`.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.
    """
    return visible_forms.join(_costs_of_parts(landmarks, tables, estimator, compiled), tables)


def _costs_of_parts(landmarks, tables, estimator, compiled):
    """Returns the costs `[H, B]` of each part of the candidates."""
    costs = []
    for index, (square, product) in enumerate(visible_forms.evaluate(landmarks, tables)):
        constant, noise_stddev, normaliser = (
            visible_forms.part(table, index, tables)
            for table in (tables.search.constant, tables.noise_stddev, tables.search.normaliser)
        )
        costs.append(
            candidate_costs.quick_costs(
                square,
                product,
                constant,
                noise_stddev**2,
                normaliser,
                2.0 * tables.num_axes,
                tables.free_scale,
                estimator,
                compiled,
            )
        )
    return costs
