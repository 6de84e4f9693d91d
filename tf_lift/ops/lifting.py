"""The differentiable lift: 2D landmarks to the 3D pose of a mixture of PPCA models."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops import bone_lengths as limbs
from tf_lift.ops import (
    candidates,
    chunks,
    completion,
    lift_input,
    missing_landmarks,
    posterior,
    ppca,
    rotation_refinement,
    rotation_search,
    shapes,
    winning_pose,
)
from tf_lift.ops import landmark_noise as noisy_landmarks
from tf_lift.ops.lift_options import LiftOptions

__all__ = ["lift"]


def lift(
    landmarks,
    tables,
    visibility=None,
    scale=None,
    selection="posterior",
    *,
    temperature=3.0,
    refine=False,
    num_hypotheses=None,
    landmark_noise=None,
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

    With `selection="mean"` the pose is the mean over all candidates instead, each as
    probable as its cost says.

    Gradient: the winner is held fixed; all else, the scale included, is differentiated,
    and of the mean the probabilities as well.
    At a given scale this is, for `landmarks`, the paper's eq. 8: the upstream gradient g
    returns as H g, H the symmetric matrix that projects the input. `visibility` and
    `joints_3d_stddev` carry no gradient.

    Degenerate input gives a defined result, never a pose that only looks like one:

    - landmarks that determine no scale (fewer than two visible at different places): the
      mean pose of the heaviest component at angle zero, scale 0, energy infinite,
      landmarks all at the mean of the visible ones, and no gradient of the pose;
    - no landmark visible at a given scale: the mean pose, energy 0, no gradient;
    - a visible landmark that is not finite, a negative or NaN weight, a given scale that
      is not positive: every floating result of that pose is NaN, `mixture_index` is -1,
      and its gradient is zero. Landmarks that are not visible may hold anything.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels.
        tables: `LiftTables` of the prior, made for a free scale if and only if `scale` is
            `None`.
        visibility: `[..., L]`, bool, or weights >= 0 (1 / variance of a landmark's noise
            relative to the prior's). `None`: all are visible, the fast path.
        scale: Pixels per millimetre, a number or `[...]`; the landmarks are then relative
            to the projection of the prior's origin. `None`: scale and position are free.
        selection: "posterior": the most probable candidate; "energy": that of the lowest
            energy, eq. 2; "mean": the mean over all of them, `joints_3d` and `landmarks`;
            all else is of the most probable.
        temperature: Of the probabilities of candidates, for the mean, its deviation and
            the hypotheses: see `posterior.probabilities`.
        refine: Whether to refine the rotation between the angles of the search; not for
            the mean, which has them all.
        num_hypotheses: Number of distinct poses to return as well, or `None`.
        landmark_noise: Standard deviation of each coordinate of the landmarks, pixels,
            broadcast to `[..., L]`; then what they show beyond the prior's bases, and is
            not noise, is added to `joints_3d`. `None`: their noise is within the prior's.
        bone_lengths: `[..., L - 1]`, mm, of each joint but the root to its parent, if
            known: see `bone_lengths.apply`.
        parents: Parent of each joint, -1 for the root; only used with `bone_lengths`.
        jit_compile: Whether XLA compiles the lift as one program: once for each number of
            poses, which takes seconds, and then several times faster for large batches.
            "caller": in a function that is compiled as a whole, and compiles this too.
        name: Name of the operation.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels, missing ones completed),
        `mixture_index` `[...]` int32, `rotation_angle` and `pitch` `[...]` (rad), `scale`
        `[...]` (px/mm), `energy` `[...]` (mm^2) and `joints_3d_stddev` `[..., L]` (mm, root
        of the posterior variance summed over the three axes). With `num_hypotheses` also
        `hypotheses`, a dict of `joints_3d` `[..., n, L, 3]` and `probability` `[..., n]`,
        most probable first.

    Raises:
        ValueError: If a static shape, an option or the kind of tables does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2 and 8.
        docs/method.md, sections 1 to 4 and 10.

    >>> prior = tf_lift.PosePrior.load()
    >>> tables = tf_lift.prior.build_tables(prior, num_rotations=8)
    >>> pose = tf_lift.ops.lifting.lift(tf.random.normal([5, 17, 2]), tables)
    >>> pose["joints_3d"].shape
    TensorShape([5, 17, 3])
    """
    with tf.name_scope(name):
        landmarks = tf.cast(tf.convert_to_tensor(landmarks), tables.dtype)
        num_joints = tables.num_joints
        shapes.check_shape(landmarks, "landmarks", num_joints, 2)
        shapes.check_not_empty(landmarks, "landmarks")
        if jit_compile not in (True, False, "caller"):
            raise ValueError(
                f'`jit_compile` must be True, False or "caller". Received: {jit_compile!r}'
            )
        has_noise = not (landmark_noise is None or _is_zero(landmark_noise))
        options = LiftOptions(
            selection,
            temperature,
            refine,
            num_hypotheses,
            landmark_noise is not None,
            parents and tuple(parents),
            masks=_is_mask(visibility) and not has_noise,
            compiled=bool(jit_compile),
        )
        if tables.free_scale != (scale is None):
            raise ValueError(
                "`tables` must be made for a free scale if and only if `scale` is None. "
                f"Received: scale={scale}, tables.free_scale={tables.free_scale}"
            )
        static_leading, leading = landmarks.shape[:-2], tf.shape(landmarks)[:-2]

        def flat(values, *suffix):
            if not tf.is_tensor(values):
                values = tf.convert_to_tensor(values, tables.dtype)
            values = tf.cast(values, tables.dtype)
            values = tf.broadcast_to(values, tf.concat([leading, suffix], 0))
            return tf.reshape(values, [static_leading.num_elements() or -1, *suffix])

        batch = {"landmarks": flat(landmarks, num_joints, 2)}
        if visibility is not None:
            visibility = tf.cast(tf.convert_to_tensor(visibility), tables.dtype)
            shapes.check_shape(visibility, "visibility", num_joints)
            batch["weights"] = flat(visibility, num_joints)
        if scale is not None:
            batch["scale"] = flat(scale)
        if has_noise:
            batch["noise"] = flat(landmark_noise, num_joints)
        if bone_lengths is not None:
            bone_lengths = tf.cast(tf.convert_to_tensor(bone_lengths), tables.dtype)
            limbs.check(bone_lengths, parents, num_joints)
            batch["bone_lengths"] = flat(bone_lengths, num_joints - 1)
        lift_rows = functools.partial(_lift_batch, tables, options)
        if jit_compile is True:
            lift_rows = _compiled(tables, options)
        if options.uses_all_candidates:
            signature = _signature(tables, num_hypotheses)
            if jit_compile is not True:
                signature["winner"] = tf.TensorSpec([None], tf.int32)
            result = chunks.map_chunks(lift_rows, batch, signature, _CHUNK)
        else:
            result = lift_rows(batch)
        result.pop("winner", None)

        def restore(tensor):
            restored = tf.reshape(tensor, tf.concat([leading, tf.shape(tensor)[1:]], 0))
            restored.set_shape(static_leading.concatenate(tensor.shape[1:]))
            return restored

        return tf.nest.map_structure(restore, result)


@functools.lru_cache(maxsize=64)
def _compiled(tables, options):
    """Returns `_lift_batch` as one compiled program, the same for all that share tables.

    Its gradient is another program, of the input and the winners. Left to TensorFlow, sizes
    and constants would pass from one to the other as results, which XLA must know while it
    compiles; so it would compile again for each new input.
    """
    compile_program = functools.partial(tf.function, jit_compile=True, autograph=False)
    forward = compile_program(functools.partial(_lift_batch, tables, options))

    @compile_program
    def backward(batch, winner, upstream):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            result = _differentiable(_lift_batch(tables, options, batch, winner))
        return tape.gradient(result, batch, upstream, unconnected_gradients="zero")

    structure = _signature(tables, options.num_hypotheses)

    def lift_rows(batch):
        names = list(batch)

        @tf.custom_gradient
        def call(*values):
            batch = dict(zip(names, values, strict=True))
            result = forward(batch)
            winner = result.pop("winner")

            def grad(*upstream):
                upstream = tf.nest.pack_sequence_as(structure, upstream)
                gradients = backward(batch, winner, _differentiable(upstream))
                return [gradients[name] for name in names]

            return tuple(tf.nest.flatten(result)), grad

        return tf.nest.pack_sequence_as(structure, call(*batch.values()))

    return lift_rows


def _differentiable(result):
    """Returns what of a result gradients flow through."""
    return {name: result[name] for name in result if name not in ("mixture_index", "winner")}


def _lift_batch(tables, options, batch, winner=None):
    """`lift` for one batch dimension; `batch` holds what there is of its arguments.

    The result also has `winner` `[B]`, the candidate. Where it is given, nothing is searched,
    and only what has a gradient is right.
    """
    landmarks, weights, valid = lift_input.without_invalid(batch)
    if "noise" in batch:
        weights = noisy_landmarks.trust_landmarks(landmarks, weights, batch, tables)
    weighted = weights is not None
    seen = weights if weighted else tf.ones_like(landmarks[..., 0])
    frame = lift_input.find_frame(landmarks, seen, batch.get("scale"))
    if options.is_plain and "bone_lengths" not in batch and (options.masks or not weighted):
        result = _lift_best(tables, options, frame, weights, winner)
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
        options.selection,
        options.masks,
    )
    heaviest = tf.argmin(tables.mixture_cost, output_type=tf.int32)

    def solve(landmarks, indices):
        return candidates.solve(landmarks, tables, indices, seen, weighted, options.selection)

    indices = tf.where(frame.usable[:, tf.newaxis], candidates.rank(found.costs), heaviest)
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
        if options.selection == "mean":
            chosen, share = ensemble, probability
            around, around_share, calibration = ensemble, probability, posterior.CALIBRATION

    def read_out(poses, share):
        """Returns a mean of candidates, the same with all that is known, and its growth."""
        mean = posterior.expectation(poses.joints_3d, share)
        mean = tf.where(frame.usable[:, tf.newaxis, tf.newaxis], mean, best.poses.joints_3d[:, 0])
        joints_3d, factor = mean, tf.ones_like(frame.unit)
        if options.adds_residuals:
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
    stddev = tf.where(frame.usable[:, tf.newaxis], stddev, _prior_stddev(tables, heaviest))
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


def _lift_best(tables, options, frame, weights, winner):
    """Lifts landmarks, visible or not, to the pose of the best candidate."""
    if weights is None:
        return _lift_best_missing(tables, options, frame, None, 0, winner)
    # What determines no pose is not completed.
    weights = tf.where(frame.usable[:, tf.newaxis], weights, 1)
    missing = tf.reduce_sum(tf.cast(weights <= 0, tf.int32), -1)
    few = min(missing_landmarks.MAX_WRITTEN_OUT, tables.num_joints)

    def lift(number):
        return lambda: _lift_best_missing(tables, options, frame, weights, number, winner)

    if winner is not None:
        # Cheap for one candidate, and XLA would compile a branch's gradient for each input.
        return lift(tables.num_joints)()
    return tf.cond(tf.reduce_all(missing <= few), lift(few), lift(tables.num_joints))


def _lift_best_missing(tables, options, frame, weights, max_missing, winner):
    """`_lift_best` with at most so many landmarks missing."""
    points = rotation_search.coordinates(frame.landmarks, tables)
    number, selection, compiled = candidates.NUM_NEAR, options.selection, options.compiled
    rows = None
    if weights is not None:
        rows = completion.missing_rows(weights, max_missing)
    if winner is not None:
        indices = winner[tf.newaxis]
    elif weights is None:
        indices = rotation_search.nearest(
            tf.stop_gradient(points), tables, number, selection, compiled
        )
    else:
        indices = rotation_search.nearest_of_visible(
            tf.stop_gradient(frame.landmarks), weights, rows, tables, number, selection, compiled
        )
    heaviest = tf.argmin(tables.mixture_cost, output_type=tf.int32)
    indices = tf.where(frame.usable, indices, heaviest)
    best = winning_pose.find(points, tables, indices, selection, compiled, weights, rows)
    joints = tf.reshape(best.pose, [-1, best.pose.shape[1] // 3, 3])
    if tables.free_scale:
        joints = tf.pad(joints, [[0, 0], [1, 0], [0, 0]])
    usable = frame.usable[:, tf.newaxis]
    rest = tf.matmul(
        tables.loadings[heaviest // tables.per_component, -1],
        tables.rotation[heaviest],
        transpose_b=True,
    )
    joints = tf.where(usable[..., tf.newaxis], joints, rest)
    # Products, since the gradient of a slice takes its size, which is not known in a branch.
    root = tf.einsum("blc,l->bc", joints, tf.one_hot(0, tables.num_joints, dtype=joints.dtype))
    projected = tf.einsum("blc,cd->bld", joints, tf.eye(3, 2, dtype=joints.dtype))
    if tables.free_scale:
        seen = tf.ones_like(joints[..., 0]) if weights is None else weights
        centre = tf.einsum("bl,blc->bc", ppca.mean_weights(seen, True), projected)
        projected -= centre[:, tf.newaxis]
    scale = tf.where(frame.usable, frame.unit, 0) / best.inverse_scale
    angle = tf.cast(best.index % tables.num_rotations, scale.dtype)
    pitch_index = best.index // tables.num_rotations % len(tables.pitches)
    return {
        "joints_3d": joints - root[:, tf.newaxis],
        "landmarks": frame.centre + scale[:, tf.newaxis, tf.newaxis] * projected,
        "rotation_angle": angle * (2 * np.pi / tables.num_rotations),
        "pitch": tf.gather(tf.constant(tables.pitches, scale.dtype), pitch_index),
        "scale": scale,
        "energy": tf.where(frame.usable, best.energy, float("inf")),
        "joints_3d_stddev": tf.where(usable, best.stddev, _prior_stddev(tables, heaviest)),
        "winner": best.index,
    }


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


def _prior_stddev(tables, index):
    """Returns the deviation `[L]` of the joints of one component about its mean pose."""
    loadings = tables.loadings[index // tables.per_component, :-1]
    noise_variance = tf.gather(tables.noise_stddev, index) ** 2
    variance = tf.reduce_sum((loadings - loadings[:, :1]) ** 2, [0, 2])[1:] + 3 * noise_variance
    return tf.stop_gradient(tf.pad(tf.sqrt(variance), [[1, 0]]))


def _is_mask(visibility):
    return visibility is not None and tf.convert_to_tensor(visibility).dtype.is_bool


def _is_zero(number):
    return isinstance(number, (int, float)) and number == 0


# Poses of which all candidates stand in memory at once: 240 of 17 joints take 0.1 MB a pose.
_CHUNK = 256


def _signature(tables, num_hypotheses):
    """Returns the shapes and types of the result of `_lift_batch`."""
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
