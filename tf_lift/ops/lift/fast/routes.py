"""Which way each pose is lifted: the one place that chooses.

| route | poses | shortlist |
|---|---|---|
| "visible" | all landmarks visible, or nothing to lift | `visible_search` |
| "few" | weights 0 or 1, few landmarks missing | `few_missing`, or `few_missing_coarse` |
| "many" | weights 0 or 1, few landmarks visible | `weighted_search`, compact |
| "any" | all others: real-valued weights, landmark noise | `weighted_search` |

Poses are sorted by route inside the graph, and each route takes some of its poses at a time:
the cost of one pose does not depend on the others of its batch.
"""

import functools

import tensorflow as tf

from tf_lift.ops import accelerator, chunks
from tf_lift.ops.lift import calibration, inputs, misfit, outputs
from tf_lift.ops.lift.fast import directions, missing_rows
from tf_lift.ops.lift.fast.batch_lift import Route, lift_batch, lift_prepared, mark_invalid
from tf_lift.ops.lift.options import ReadOut

__all__ = ["find_most_probable", "lift_rows"]

_VISIBLE, _ANY = Route("visible"), Route("any")

# A pose takes the first that it fits. Where each operation runs on its own, systems of half the
# size pay; where XLA compiles them, each route takes seconds of that.
_COMPILED = Route("few", missing_rows.MAX_MISSING), Route("many", 10), _ANY
_PLAIN = Route("few", 3), Route("few", 6), Route("many", 7), Route("many", 10), _ANY

# Batches of a known size up to this take one route for all of their poses, without sorting:
# a graph without loops and branches, which converts to other runtimes.
_MAX_STRAIGHT = 64

# Poses that a route takes at a time where XLA compiles it, which needs their number: enough to
# keep two cores busy, few enough that a single one does not cost a large batch much; and the
# systems of "any" that are solved at a time, for the cache.
_SIZES = {"few": 256, "many": 64, "any": 64}
_COMPILED_SYSTEMS = 5_000

# The same, at most, where each operation runs on its own; and the systems that are solved at a
# time, so many that a few numbers of each fit in the cache.
_PLAIN_SIZE = 1024
_PLAIN_SYSTEMS = 40_000

# The same in the backward pass, which fits one candidate of each pose.
_BACKWARD_SIZE = 512

# Elements of one intermediate tensor where all candidates of each pose are used, 8 MB; where
# XLA compiles it, what the cache holds, but for this many poses at least.
_MAX_ELEMENTS = 1 << 21
_CACHED_ELEMENTS = 3 << 18
_LEAST_SIZE = 32


def lift_rows(tables, read_out, batch):
    """Lifts a batch, each pose by its route.

    Args:
        tables: `LiftTables`.
        read_out: `ReadOut`.
        batch: Dict of the arguments that there are, see `batch_lift.lift_batch`.

    Returns:
        Dict of results as that of `lift.lift`.
    """
    forward, backward = _directions(tables, read_out)
    if not read_out.compiled and (not _is_weighted(batch) or _is_straight(batch)):
        if not read_out.uses_all_candidates or _is_straight(batch):
            result = forward(batch)
            result.pop("winner")
            return _with_misfit(result, batch, tables, read_out)
    structure = _specs(tables, read_out)
    result = directions.lift_with_gradient(forward, backward, structure, batch)
    return _with_misfit(result, batch, tables, read_out)


def find_most_probable(tables, compiled, batch):
    """Lifts weighted landmarks to the most probable candidate, all by one route.

    Args:
        tables: `LiftTables`.
        compiled: Whether XLA compiles it.
        batch: Dict of the arguments that there are, see `batch_lift.lift_batch`.

    Returns:
        Dict of results as that of `lift.lift`, without gradient and without `misfit`.
    """
    read_out = ReadOut("map", compiled=compiled)
    batch = tf.nest.map_structure(tf.stop_gradient, batch)

    def lift(part):
        result = lift_batch(tables, read_out, _ANY, part)
        result.pop("winner")
        return result

    if _is_straight(batch):
        return lift(batch)
    return chunks.map_chunks(lift, batch, _specs(tables, read_out), _size(tables, read_out, _ANY))


def _with_misfit(result, batch, tables, read_out):
    """Returns the results of any route with their misfit, and deviations that grow with it."""
    fitness = misfit.measure(result, batch, tables)
    count = misfit.num_coordinates(batch, tables)
    stddev = calibration.calibrate(result["joints_3d_stddev"], fitness, count, read_out)
    return result | {"misfit": fitness, "joints_3d_stddev": stddev}


def _specs(tables, read_out):
    """Returns the specs of the results of one route, to which `_with_misfit` adds."""
    specs = outputs.signature(tables.num_joints, tables.dtype, read_out.num_hypotheses)
    del specs["misfit"]
    return specs


@functools.lru_cache(maxsize=64)
def _directions(tables, read_out):
    """Returns both directions of the lift, as programs of their own where XLA compiles."""
    both = [functools.partial(part, tables, read_out) for part in (_forward, _backward)]
    if read_out.compiled:
        both = [tf.function(part, jit_compile=True, autograph=False) for part in both]
    return both


def _is_weighted(batch):
    return "weights" in batch or "noise" in batch


def _is_straight(batch):
    size = batch["landmarks"].shape[0]
    return size is not None and size <= _MAX_STRAIGHT


def _forward(tables, read_out, batch):
    """Lifts all poses of a batch; returns the results and `winner`."""
    lift = functools.partial(lift_batch, tables, read_out)
    results = _specs(tables, read_out)
    results["winner"] = tf.TensorSpec([None], tf.int32)

    def in_turns(route):
        def apply(part):
            return lift(route, part)

        return chunks.map_chunks(apply, batch, results, _size(tables, read_out, route))

    if not _is_weighted(batch):
        return in_turns(_VISIBLE) if read_out.uses_all_candidates else lift(_VISIBLE, batch)
    if _is_straight(batch):
        return lift(_ANY, batch)
    if "noise" in batch:
        return in_turns(_ANY)
    return _lift_sorted(tables, read_out, batch, results)


def _size(tables, read_out, route):
    """Returns how many poses a route takes at a time."""
    if not read_out.uses_all_candidates:
        systems = tables.num_components * tables.num_coarse
        if not read_out.compiled:
            return max(1, min(_PLAIN_SIZE, _PLAIN_SYSTEMS // systems))
        if route.kind == "any":
            return max(1, min(_SIZES["any"], _COMPILED_SYSTEMS // systems))
        return _SIZES[route.kind]
    if route.kind == "visible":
        if read_out.compiled and read_out.num_hypotheses is None:
            size = tables.poses.pose_offset.shape.num_elements()
            return max(_LEAST_SIZE, _CACHED_ELEMENTS // size)
        return max(1, _MAX_ELEMENTS // (3 * tables.num_joints * tables.num_candidates))
    return 16


def _lift_sorted(tables, read_out, batch, specs):
    """Lifts the poses of each route by themselves."""
    total = tf.shape(batch["landmarks"])[0]
    routes = _routes(tables, read_out)
    prepared, valid, kinds = _choose(tables, batch, routes)
    # One more row takes the results of places that no pose has.
    width = sum(spec.shape[1:].num_elements() for spec in tf.nest.flatten(specs))
    results = tf.zeros([total + 1, width], tables.dtype)

    def lift(route, landmarks, centre, unit, usable, **others):
        frame = inputs.Frame(landmarks, centre, unit, usable)
        return lift_prepared(tables, read_out, route, frame, **others)

    def lift_visible():
        parts = {name: part for name, part in prepared.items() if name != "weights"}
        parts["valid"] = valid

        def apply(part):
            part = dict(part)
            valid = part.pop("valid")
            return mark_invalid(lift(_VISIBLE, **part), valid)

        if read_out.uses_all_candidates:
            found = chunks.map_chunks(apply, parts, specs, _size(tables, read_out, _VISIBLE))
        else:
            found = apply(parts)
        return tf.pad(_pack(found, tables.dtype), [[0, 1], [0, 0]])

    is_kind = tf.equal(kinds[:, tf.newaxis], tf.range(len(routes) + 1))
    start, *counts = tf.unstack(tf.reduce_sum(tf.cast(is_kind, tf.int32), 0))
    results = tf.cond(start > 0, lift_visible, lambda: results)
    order = tf.cond(
        start < total, lambda: tf.argsort(kinds, stable=True), lambda: tf.zeros_like(kinds)
    )
    for route, count in zip(routes, counts, strict=True):
        if read_out.compiled:
            most = kinds.shape[0] or accelerator.scaled(_MAX_STRAIGHT)
            size = min(accelerator.scaled(_size(tables, read_out, route)), most)
        else:
            size = tf.clip_by_value(count, 1, _size(tables, read_out, route))

        def lift_some(part, route=route):
            return _pack(lift(route, **part), tables.dtype)

        results = _lift_some(lift_some, prepared, order, start, count, size, results)
        start += count
    return _unpack(results[:total], specs)


def _routes(tables, read_out):
    """Returns the routes of poses with weights."""
    if not read_out.is_plain:
        return [_ANY]
    routes = _COMPILED if read_out.compiled else _PLAIN
    if not read_out.compiled and not tables.uses_half_turn_symmetry:
        routes = [route for route in routes if route.kind != "few"]
    largest = {route.kind: route.size for route in routes}
    if read_out.masks and largest.get("few", 0) + largest["many"] >= tables.num_joints - 1:
        routes = routes[:-1]
    return routes


def _pack(results, dtype):
    """Returns results as the columns of one tensor: XLA compiles each one's scatter anew.

    Integers are indices of candidates and components, which floating numbers hold exactly.
    """
    parts = [tf.cast(part, dtype) for part in tf.nest.flatten(results)]
    return tf.concat([tf.reshape(part, [-1, part.shape[1:].num_elements()]) for part in parts], 1)


def _unpack(packed, specs):
    """Returns results of some signature from what `_pack` made of them."""
    flat = tf.nest.flatten(specs)
    parts = tf.split(packed, [spec.shape[1:].num_elements() for spec in flat], 1)
    parts = [
        tf.cast(tf.reshape(part, [-1, *spec.shape[1:]]), spec.dtype)
        for part, spec in zip(parts, flat, strict=True)
    ]
    return tf.nest.pack_sequence_as(specs, parts)


def _choose(tables, batch, routes):
    """Prepares a batch, and chooses the route of each pose.

    Poses that are not valid or determine nothing go with the visible ones.

    Returns:
        Dict of what `batch_lift.lift_prepared` takes, the frame by its fields; which poses `[B]`
        are valid; and `[B]`, 0 for "visible" or 1 and more for others.
    """
    landmarks, weights, valid = inputs.without_invalid(batch)
    frame = inputs.find_frame(landmarks, weights, batch.get("scale"))
    is_binary = tf.reduce_all((weights == 0) | (weights == 1), -1)
    count = tf.reduce_sum(tf.cast(weights > 0, tf.int32), -1)
    nothing = ~(valid & frame.usable)
    is_visible = (is_binary & (count == tables.num_joints)) | nothing
    kinds = tf.fill(tf.shape(count), len(routes))
    for kind, route in reversed(list(enumerate(routes, 1))):
        if route.size is not None:
            number = count if route.kind == "many" else tables.num_joints - count
            kinds = tf.where(is_binary & (number <= route.size), kind, kinds)
    kinds = tf.where(is_visible, 0, kinds)
    prepared = frame._replace(usable=frame.usable & valid)._asdict() | {"weights": weights}
    if "bone_lengths" in batch:
        prepared["bone_lengths"] = batch["bone_lengths"]
    return prepared, valid, kinds


def _lift_some(lift, prepared, order, start, count, size, results):
    """Lifts `count` poses from `start` of an order into packed results `[B + 1, F]`."""
    total = tf.shape(order)[0]
    places = tf.range(size)

    def step(index, results):
        # Not a slice, whose start XLA must know while it compiles. Places to spare take the last.
        rows = tf.gather(order, start + tf.minimum(index + places, count - 1))
        part = {name: tf.gather(values, rows) for name, values in prepared.items()}
        part["usable"] = tf.ones([size], tf.bool)
        is_used = places + index < count
        rows = tf.where(is_used, rows, total)[:, tf.newaxis]
        return index + size, tf.tensor_scatter_nd_update(results, rows, lift(part))

    return tf.while_loop(
        lambda index, _: index < count,
        step,
        [tf.constant(0), results],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, results.shape[1]])],
    )[1]


def _backward(tables, read_out, batch, winner, upstream):
    """Returns the gradients of a batch whose winners are known."""
    route = _ANY if _is_weighted(batch) else _VISIBLE
    size: int | None = _BACKWARD_SIZE
    if read_out.uses_all_candidates:
        size = _size(tables, read_out, route)
    elif route == _VISIBLE:
        size = None
    lift = functools.partial(lift_batch, tables, read_out, route)
    return directions.gradients(lift, batch, winner, upstream, size)
