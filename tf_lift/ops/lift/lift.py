"""The differentiable lift: 2D landmarks to the 3D pose of a mixture of PPCA models."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops import shapes
from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import outputs, robust
from tf_lift.ops.lift.fast import routes
from tf_lift.ops.lift.fast.xla import tracing
from tf_lift.ops.lift.options import LiftOptions, ReadOut

__all__ = ["lift"]

DEFAULTS = LiftOptions()

# Fewest poses of an eager call that are lifted by a traced function, and number of smaller calls
# before one is traced for them too: tracing takes as long as some eager calls.
_MIN_TRACED = 64
_MAX_UNTRACED = 8


# A caller's function would have it converted by AutoGraph, which takes as long as tracing it.
@tf.autograph.experimental.do_not_convert
def lift(
    landmarks,
    tables,
    options=DEFAULTS,
    *,
    visibility=None,
    scale=None,
    bone_lengths=None,
    parents=None,
    jit_compile=False,
    name="lift",
):
    """Lifts 2D landmarks to 3D by an exhaustive search of components and rotations.

    For every mixture component and rotation R the landmarks y are explained by latents z,
    and where no `scale` is given by a scale s > 0 and a translation t, with

        energy = |(y - t) / s - Pi R (mu + W z)|**2 + noise**2 |z|**2,

    summed over the visible landmarks. z and t minimise it; s is the most likely one, see
    `scale_estimation`. The best candidate's model gives the results.

    With `estimator="mean"` the pose is the mean over all candidates instead, each weighted
    by the probability that its cost implies.

    Gradient: the winner is held fixed; all else, the scale included, is differentiated,
    and of the mean the probabilities as well. Weights by `outlier_probability` are held fixed.
    At a given scale this is, for `landmarks`, S8: the upstream gradient g
    returns as H g, H the symmetric matrix that projects the input. `visibility` and
    `joints_3d_stddev` carry no gradient.

    Degenerate input gives a defined result, never a pose that only looks like one:

    - landmarks that determine no scale (fewer than two visible at different places): the
      mean pose of the heaviest component at angle zero, scale 0, energy and misfit infinite,
      landmarks all at the mean of the visible ones, and no gradient of the pose;
    - no landmark visible at a given scale: the mean pose, energy and misfit 0, no gradient;
    - a visible landmark that is not finite or too large for float sums (3e35 in float32, at a
      given scale 6e14 mm), a negative or NaN weight, a tensor of scales that are not positive:
      every floating result of that pose is NaN, `mixture_index` is -1, and its gradient is
      zero. Landmarks that are not visible may hold anything.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels.
        tables: `LiftTables` of the prior, made for a free scale if and only if `scale` is
            `None`.
        options: `LiftOptions`. Here `num_rotations` and `pitches` are those of `tables`, and
            `bone_lengths` and `height` those of the argument `bone_lengths`: the options'
            own are not read.
        visibility: `[..., L]`, bool, or weights >= 0 (1 / variance of a landmark's noise
            relative to the prior's). `None`: all are visible, the fast path.
        scale: Pixels per millimetre, a number or `[...]`; the landmarks are then relative
            to the projection of the prior's origin. `None`: scale and position are free.
        bone_lengths: `[..., L - 1]`, mm, from each joint but the root to its parent, if
            known: see `bone_lengths.apply`.
        parents: Parent of each joint, -1 for the root; only used with `bone_lengths`.
        jit_compile: Whether XLA compiles the lift as one program: once for each number of
            poses, which takes seconds, and then several times faster for large batches.
        name: Name of the operation.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels, missing ones completed),
        `mixture_index` `[...]` int32, `rotation_angle` and `pitch` `[...]` (rad), `scale`
        `[...]` (px/mm), `energy` `[...]` (mm^2), `misfit` `[...]` (how badly the landmarks fit
        the prior, above 1 where they do not, see `misfit`) and `joints_3d_stddev` `[..., L]`
        (mm, root of the posterior variance summed over the three axes, growing with the
        misfit, see `calibration`). With `num_hypotheses` also
        `hypotheses`, a dict of `joints_3d` `[..., n, L, 3]` and `probability` `[..., n]`,
        most probable first.

    Raises:
        ValueError: If a static shape, an option or the kind of tables does not fit, or a
            scale given as a number is not positive and finite.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2 and its
        supplementary material, S8.
        docs/method.md, sections 1 to 4, 10 and 12.

    >>> prior = tf_lift.PosePrior.load()
    >>> tables = tf_lift.prior.build_tables(prior, num_rotations=8)
    >>> pose = tf_lift.ops.lift.lift.lift(tf.random.normal([5, 17, 2]), tables)
    >>> pose["joints_3d"].shape
    TensorShape([5, 17, 3])
    """
    with tf.name_scope(name):
        num_joints = tables.num_joints
        landmarks = tf.convert_to_tensor(landmarks)
        shapes.check_shape(landmarks, "landmarks", num_joints, 2)
        shapes.check_not_empty(landmarks, "landmarks")
        arguments = {"landmarks": landmarks}
        if jit_compile not in (True, False):
            raise ValueError(f"`jit_compile` must be True or False. Received: {jit_compile!r}")
        if tables.free_scale != (scale is None):
            raise ValueError(
                "`tables` must be made for a free scale if and only if `scale` is None. "
                f"Received: scale={scale}, tables.free_scale={tables.free_scale}"
            )
        if visibility is not None:
            visibility = arguments["weights"] = tf.convert_to_tensor(visibility)
            shapes.check_shape(visibility, "visibility", num_joints)
        if scale is not None:
            arguments["scale"] = _to_tensor(scale, tables.dtype)
        if options.landmark_stddev:
            noise = arguments["noise"] = tf.constant(options.landmark_stddev, tables.dtype)
            if noise.shape.rank:
                shapes.check_shape(noise, "landmark_stddev", num_joints)
        if options.outlier_probability:
            outlier = arguments["outlier"] = tf.constant(options.outlier_probability, tables.dtype)
            if outlier.shape.rank:
                shapes.check_shape(outlier, "outlier_probability", num_joints)
        if bone_lengths is not None:
            arguments["bone_lengths"] = tf.convert_to_tensor(bone_lengths)
            limbs.check(arguments["bone_lengths"], parents, num_joints)
        is_eager = tf.executing_eagerly()
        compiled = jit_compile or tracing.is_compiled_as_a_whole()
        read_out = ReadOut(
            options.estimator,
            options.temperature,
            options.refine,
            options.num_hypotheses,
            options.add_residuals,
            None if bone_lengths is None else tuple(parents),
            masks=visibility is not None
            and visibility.dtype.is_bool
            and not {"noise", "outlier"} & set(arguments),
            compiled=compiled,
        )
        # Run one by one, the operations of a lift take several times as long as in one
        # function; tracing one takes longer than a few poses do.
        if is_eager and jit_compile:
            function = _as_program(tables, read_out, tuple(arguments))
            return function(*arguments.values())
        if is_eager:
            is_large = landmarks.shape[:-2].num_elements() >= _MIN_TRACED
            specs = tuple(
                (name, _spec(values, _suffix(name, num_joints), is_large))
                for name, values in arguments.items()
            )
            earlier_calls = _earlier_calls(tables, read_out, specs)
            if is_large or len(earlier_calls) == _MAX_UNTRACED:
                return _as_graph(tables, read_out, specs)(*arguments.values())
            earlier_calls.append(specs)
        return _lift_tensors(tables, read_out, arguments)


def _suffix(name, num_joints):
    """Returns the shape of one pose's values of an argument."""
    return {
        "landmarks": (num_joints, 2),
        "weights": (num_joints,),
        "noise": (num_joints,),
        "outlier": (num_joints,),
        "bone_lengths": (num_joints - 1,),
        "scale": (),
    }[name]


def _spec(values, suffix, any_number):
    """Returns the spec of tensors like `values`, of any number of poses or of the same."""
    rank = values.shape.rank
    leading = max(rank - len(suffix), 0)
    known = values.shape[leading:] if any_number else values.shape
    return tf.TensorSpec([*[None] * (leading if any_number else 0), *known], values.dtype)


@functools.lru_cache(maxsize=256)
def _earlier_calls(tables, read_out, specs):
    """Returns the list of small eager calls of one kind that were not traced.

    A few calls are faster without tracing, a loop over frames with it.
    """
    del tables, read_out, specs
    return []


@functools.lru_cache(maxsize=64)
def _as_program(tables, read_out, names):
    """Returns `_lift_tensors` as a function of these arguments that XLA compiles."""

    def call(*values):
        return _lift_tensors(tables, read_out, dict(zip(names, values, strict=True)))

    return tf.function(call, jit_compile=True, autograph=False)


@functools.lru_cache(maxsize=64)
def _as_graph(tables, read_out, specs):
    """Returns `_lift_tensors` as one function of arguments of these names and specs."""
    names, signature = zip(*specs, strict=True)

    def call(*values):
        return _lift_tensors(tables, read_out, dict(zip(names, values, strict=True)))

    return tf.function(call, signature, autograph=False)


def _lift_tensors(tables, read_out, arguments):
    """Lifts tensors whose leading dimensions are those of the landmarks, or broadcast to them.

    Args:
        tables: `LiftTables`.
        read_out: `ReadOut`.
        arguments: As `batch_lift.lift_batch` takes them, but for types and leading dimensions.
    """
    landmarks = arguments["landmarks"]
    static_leading = landmarks.shape[:-2]
    is_batch = static_leading.rank == 1
    if static_leading.is_fully_defined():
        leading = static_leading.as_list()
    else:
        leading = tf.shape(landmarks)[:-2]

    def with_leading(suffix):
        return [*leading, *suffix] if isinstance(leading, list) else tf.concat([leading, suffix], 0)

    def flat(name, values):
        if values.dtype.is_bool:
            # Of comparisons of a cast mask LiteRT's converter makes an operation that it lacks.
            values = tf.where(values, 1.0, 0.0)
        values, suffix = tf.cast(values, tables.dtype), _suffix(name, tables.num_joints)
        shape = static_leading.concatenate(suffix)
        if name != "landmarks" and not (shape.is_fully_defined() and values.shape == shape):
            values = tf.broadcast_to(values, with_leading(suffix))
        if is_batch:
            return values
        return tf.reshape(values, [static_leading.num_elements() or -1, *suffix])

    def restore(tensor, spec):
        if not is_batch:
            tensor = tf.reshape(tensor, with_leading(spec.shape[1:].as_list()))
        tensor.set_shape(static_leading.concatenate(spec.shape[1:]))
        return tensor

    batch = {name: flat(name, values) for name, values in arguments.items()}
    if "outlier" in batch:
        lift_once = functools.partial(routes.find_most_probable, tables, read_out.compiled)
        weights = robust.find_weights(batch, tables, lift_once)
        batch = {name: batch[name] for name in batch if name not in ("outlier", "noise")}
        batch["weights"] = weights
    result = routes.lift_rows(tables, read_out, batch)
    signature = outputs.signature(tables.num_joints, tables.dtype, read_out.num_hypotheses)
    return tf.nest.map_structure(restore, result, signature)


def _to_tensor(scale, dtype):
    if tf.is_tensor(scale):
        return scale
    if np.ndim(scale) == 0 and not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"`scale` must be a positive number of pixels per mm. Received: {scale!r}")
    return tf.convert_to_tensor(scale, dtype)
