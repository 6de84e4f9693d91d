"""The few candidates that a search finds, for `winning_pose` to rank exactly."""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import rotation_search
from tf_lift.ops.lift.fast import mask_groups, missing_landmarks, visible_forms
from tf_lift.ops.lift.fast.xla import lowest_costs
from tf_lift.ops.lift.fast.xla.quick_log import quick_log

__all__ = ["nearest", "nearest_of_masks", "nearest_of_visible"]

# Numbers that the search has of one kind at once, 4 MB of float32: more poses take turns, so
# that what one step makes is near when the next one reads it. Shorter turns pay on one core,
# but two lose more by waiting for each other.
MAX_NUMBERS = 1 << 20

# The same where landmarks are missing: one pose has many, and a turn costs more.
MAX_NUMBERS_MISSING = 1 << 21

# Poses of one mask that the search takes together.
_ROW = 128


def nearest(landmarks, tables, number, estimator="map", unrolled=False):
    """Returns the candidates of the lowest costs, all landmarks visible.

    Args:
        landmarks: `[B, L, 2]`, as `rotation_search.search` takes them.
        tables: `LiftTables`.
        number: How many.
        estimator: See `rotation_search.cost`.
        unrolled: Whether XLA compiles it.

    Returns:
        `[number, B]`, int32, the best first.
    """
    number = min(number, tables.num_candidates)

    def find(batch):
        if not unrolled:
            costs = rotation_search.search(batch["landmarks"], tables, None, estimator).costs
            return tf.math.top_k(-costs, number).indices
        return tf.transpose(_find_quickly(batch["landmarks"], tables, number, estimator))

    spec = tf.TensorSpec([None, number], tf.int32)
    size = _most_poses(tables)
    return tf.transpose(chunks.map_chunks(find, {"landmarks": landmarks}, spec, size))


def nearest_of_masks(landmarks, index, masks, masked, tables, number, estimator):
    """Returns the candidates of the lowest costs where there are few masks.

    Poses of the same mask stand together, so that each of a few products has the constants
    of one mask. For XLA.

    Args:
        landmarks: `[B, L, 2]`, zero where missing.
        index: `[B]`, int32; the mask of each pose.
        masks: `[D, L]`, 0 or 1.
        masked: `masked_tables` of these.
        tables: `LiftTables`.
        number: How many.
        estimator: See `rotation_search.cost`.

    Returns:
        `[number, B]`, int32, candidates of `masked`, the best first.
    """
    number = min(number, tables.num_candidates)
    num_masks = masks.shape[0]
    changing = ("constant", "normaliser", "decode_along", "decode_across")
    changing += ("linear_along", "linear_across")
    by_mask = {}
    for name in changing:
        table = getattr(masked, name)
        by_mask[name] = tf.reshape(table, [num_masks, -1, *table.shape[1:]])
    dimensions = ppca.dimensions(masks, tables.free_scale)[:, tf.newaxis, tf.newaxis]

    def find(batch):
        of_rows = {name: tf.gather(table, batch["group"]) for name, table in by_mask.items()}
        of_rows |= {"encode_along": None, "encode_across": None}
        row_tables = dataclasses.replace(tables, **of_rows)
        row_dimensions = tf.gather(dimensions, batch["group"])
        found = _find_quickly(batch["landmarks"], row_tables, number, estimator, row_dimensions)
        return tf.transpose(found, [1, 2, 0])

    slots = mask_groups.arrange(index, num_masks, _ROW)
    batch = {"landmarks": tf.gather(landmarks, slots.pose), "group": slots.group}
    spec = tf.TensorSpec([None, _ROW, number], tf.int32)
    found = chunks.map_chunks(find, batch, spec, -(-_most_poses(tables) // _ROW))
    found = tf.gather(tf.reshape(found, [-1, number]), slots.of_pose)
    return tf.transpose(found) + index * tables.num_candidates


def _most_poses(tables):
    """Returns how many poses `_find_quickly` takes at once."""
    num_axes = tables.axes.shape[1]
    return max(1, MAX_NUMBERS // max(tables.num_candidates, num_axes * (num_axes + 1)))


def _find_quickly(landmarks, tables, number, estimator, dimensions=None):
    """Returns the candidates `[number, ..., B]` of landmarks `[..., B, L, 2]`, see `nearest`."""
    costs = _costs_of_visible(landmarks, tables, estimator, dimensions)
    return lowest_costs.find(costs, _indices_of_parts(tables), number, tables.one)


def _costs_of_visible(landmarks, tables, estimator, dimensions=None):
    """Returns the costs `[..., H, B]` of each part of the candidates."""
    if dimensions is None:
        dimensions = 2.0 * tables.axes.shape[1]
    costs = []
    for index, forms in enumerate(visible_forms.evaluate(landmarks, tables)):
        constants = (
            visible_forms.part(table, index, tables)
            for table in (tables.constant, tables.noise_stddev, tables.normaliser)
        )
        costs.append(_quick_costs(*forms, *constants, dimensions, tables.free_scale, estimator))
    return costs


def _indices_of_parts(tables):
    """Returns the indices of candidates, `[H, 1]`, of each part of them."""
    indices = tf.range(tables.num_candidates)
    return [visible_forms.part(indices, index, tables) for index in range(1 + tables.is_halved)]


def _quick_costs(
    square, product, constant, noise_stddev, normaliser, dimensions, free_scale, estimator
):
    """Returns the costs of candidates; all arguments broadcast.

    These are `rotation_search.cost`, but for poses that look the other way: of the scale it
    takes the form of the root that is exact where p'My > 0, as of every good candidate.
    """
    if free_scale:
        limits = np.finfo(square.dtype.as_numpy_dtype)
        square = tf.maximum(square, float(limits.eps))
        root = tf.sqrt(product**2 + (4 * dimensions * noise_stddev**2) * square)
        # The limit also keeps XLA from storing the quotient between its two readers.
        inverse_scale = tf.maximum((product + root) / (2 * square), float(limits.tiny))
        energy = inverse_scale * (inverse_scale * square - 2 * product) + constant
    else:
        energy = square - 2 * product + constant
    if estimator == "min_energy":
        return energy
    costs = (1 / noise_stddev**2) * energy + normaliser
    if free_scale:
        costs -= 2 * dimensions * quick_log(inverse_scale)
    return costs


def nearest_of_visible(landmarks, weights, rows, tables, number, estimator, unrolled):
    """Returns the candidates of the lowest costs where some landmarks are missing.

    Args:
        landmarks: `[B, L, 2]`, zero where missing.
        weights: `[B, L]`, 0 or 1.
        rows: `completion.missing_rows` of them.
        tables: `LiftTables`.
        number: How many.
        estimator: See `cost`.
        unrolled: Whether XLA compiles it.

    Returns:
        `[number, B]`, int32, the best first.
    """
    number = min(number, tables.num_candidates)
    if not unrolled:
        costs = rotation_search.search(landmarks, tables, weights, estimator, masks=True).costs
        return tf.transpose(tf.math.top_k(-costs, number).indices)

    def find(batch):
        points, weights = batch["points"], batch["weights"]
        parts, constant, normaliser = missing_landmarks.eliminate(
            points, weights, batch["rows"], tables
        )
        dimensions = ppca.dimensions(weights, tables.free_scale)[:, tf.newaxis]
        rest = constant, noise_stddev, normaliser, dimensions, tables.free_scale, estimator
        costs = [_quick_costs(*part, *rest) for part in parts]
        found = lowest_costs.find(costs, indices, number, tables.one, axis=-1, shared=True)
        return tf.transpose(found)

    noise_stddev = visible_forms.part(tables.noise_stddev, 0, tables)[:, 0]
    indices = [tf.transpose(part) for part in _indices_of_parts(tables)]
    points = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, 2 * tables.num_joints])
    batch = {"points": points, "weights": weights, "rows": rows}
    spec = tf.TensorSpec([None, number], tf.int32)
    stored = 2 * tables.num_joints * tables.num_candidates
    if rows.shape[1] > 2 * missing_landmarks.MAX_WRITTEN_OUT:
        stored = rows.shape[1] ** 2 * tables.linear.shape[1]
    size = max(1, MAX_NUMBERS_MISSING // stored)
    return tf.transpose(chunks.map_chunks(find, batch, spec, size))
