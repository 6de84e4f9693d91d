"""The differentiable lift: 2D landmarks to the 3D pose of a mixture of PPCA models."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca, rotation_search, shapes

__all__ = ["lift"]


def lift(landmarks, tables, visibility=None, scale=None, selection="posterior", name="lift"):
    """Lifts 2D landmarks to 3D by an exhaustive search of components and rotations.

    For every mixture component and rotation R the landmarks y are explained by latents z,
    and where no `scale` is given by a scale s > 0 and a translation t, with

        energy = |(y - t) / s - Pi R (mu + W z)|**2 + noise**2 |z|**2,

    summed over the visible landmarks. z and t minimise it; s is the most likely one, see
    `scale_estimation`. The best candidate's model gives the results.

    Gradient: the winner is held fixed; all else, the scale included, is differentiated.
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
        selection: "posterior" or "energy", see `rotation_search.cost`.
        name: Name of the operation.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels, missing ones completed),
        `mixture_index` `[...]` int32, `rotation_angle` and `pitch` `[...]` (rad), `scale`
        `[...]` (px/mm), `energy` `[...]` (mm^2) and `joints_3d_stddev` `[..., L]` (mm, root
        of the posterior variance summed over the three axes).

    Raises:
        ValueError: If a static shape, `selection` or the kind of tables does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2 and 8.
        docs/method.md, sections 1 to 4.

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
        if selection not in rotation_search.SELECTIONS:
            raise ValueError(
                f"`selection` must be one of {rotation_search.SELECTIONS}. Received: {selection!r}"
            )
        if tables.free_scale != (scale is None):
            raise ValueError(
                "`tables` must be made for a free scale if and only if `scale` is None. "
                f"Received: scale={scale}, tables.free_scale={tables.free_scale}"
            )
        leading = tf.shape(landmarks)[:-2]
        static_leading = landmarks.shape[:-2]
        flat = tf.reshape(landmarks, [-1, num_joints, 2])
        weights = None
        if visibility is not None:
            weights = tf.cast(tf.convert_to_tensor(visibility), tables.dtype)
            shapes.check_shape(weights, "visibility", num_joints)
            weights = tf.broadcast_to(weights, tf.concat([leading, [num_joints]], 0))
            weights = tf.reshape(weights, [-1, num_joints])
        if scale is not None:
            if not tf.is_tensor(scale):
                scale = tf.convert_to_tensor(scale, tables.dtype)
            scale = tf.cast(scale, tables.dtype)
            scale = tf.reshape(tf.broadcast_to(scale, leading), [-1])
        result = _lift_batch(flat, tables, weights, scale, selection)

        def restore(tensor):
            restored = tf.reshape(tensor, tf.concat([leading, tf.shape(tensor)[1:]], 0))
            restored.set_shape(static_leading.concatenate(tensor.shape[1:]))
            return restored

        return {key: restore(value) for key, value in result.items()}


def _lift_batch(landmarks, tables, weights, scale, selection):
    """`lift` for one batch dimension; all arguments have it."""
    landmarks, weights, valid = _without_invalid(landmarks, weights, scale)
    seen = tf.ones_like(landmarks[..., 0]) if weights is None else weights
    if scale is None:
        centre, unit, usable = _frame(landmarks, seen)
        # Nothing usable: landmarks of zero have the mean pose.
        landmarks = tf.where(usable[:, tf.newaxis, tf.newaxis], landmarks - centre, 0)
    else:
        centre, unit = tf.zeros_like(landmarks[:, :1]), tf.where(valid, scale, 1)
        usable = tf.ones_like(valid)
    landmarks /= unit[:, tf.newaxis, tf.newaxis]

    # The exact ranking of the few best of the search, without a gradient.
    fixed = tf.stop_gradient(landmarks)
    costs = rotation_search.search(fixed, tables, weights, selection)
    num_candidates = min(rotation_search.NUM_CANDIDATES, tables.directions.shape[0])
    indices = tf.math.top_k(-costs, num_candidates).indices
    heaviest = tf.argmin(tables.mixture_cost, output_type=tf.int32)
    indices = tf.where(usable[:, tf.newaxis], indices, heaviest)
    candidates = _gather_candidates(tables, indices, seen, weights is not None)
    poses = _lift_candidates(fixed, candidates, tables.free_scale)
    costs = rotation_search.cost(
        poses.energy,
        poses.inverse_scale,
        candidates.noise_stddev**2,
        candidates.normaliser,
        ppca.dimensions(seen, tables.free_scale)[:, tf.newaxis],
        selection,
    )
    best = tf.argmin(costs, -1, output_type=tf.int32)
    winner = tf.gather(indices, best, batch_dims=1)

    chosen = _Candidates(
        *(tf.gather(part, best[:, tf.newaxis], batch_dims=1) for part in candidates)
    )
    pose = ppca.PPCAPose(
        *(part[:, 0] for part in _lift_candidates(landmarks, chosen, tables.free_scale))
    )
    projected = pose.joints_3d[..., :2]
    if scale is None:
        scale = tf.where(usable, unit / pose.inverse_scale, 0)
        projected -= tf.einsum("bl,blc->bc", ppca.mean_weights(seen, True), projected)[
            :, tf.newaxis
        ]
    angle_index = winner % tables.num_rotations
    pitch_index = winner // tables.num_rotations % len(tables.pitches)
    result = {
        "joints_3d": pose.joints_3d - pose.joints_3d[:, :1],
        "landmarks": centre + scale[:, tf.newaxis, tf.newaxis] * projected,
        "rotation_angle": tf.cast(angle_index, landmarks.dtype)
        * (2 * np.pi / tables.num_rotations),
        "pitch": tf.gather(tf.constant(tables.pitches, landmarks.dtype), pitch_index),
        "scale": scale,
        "energy": tf.where(usable, pose.energy, float("inf")),
        "joints_3d_stddev": _posterior_stddev(poses, candidates, costs, best, usable),
    }
    result = {key: _where_valid(valid, value) for key, value in result.items()}
    mixture_index = winner // (tables.num_rotations * len(tables.pitches))
    return result | {"mixture_index": tf.where(valid, mixture_index, -1)}


def _without_invalid(landmarks, weights, scale):
    """Blanks missing landmarks, and whole poses that are not valid input."""
    finite = tf.reduce_all(tf.math.is_finite(landmarks), -1)
    if weights is not None:
        usable_weights = tf.math.is_finite(weights) & (weights >= 0)
        finite = (finite | (weights <= 0)) & usable_weights
    valid = tf.reduce_all(finite, -1)
    if scale is not None:
        valid &= tf.math.is_finite(scale) & (scale > 0)
    seen = valid[:, tf.newaxis]
    if weights is not None:
        seen &= weights > 0
        weights = tf.where(seen, weights, 0)
    return tf.where(seen[..., tf.newaxis], landmarks, 0), weights, valid


def _frame(landmarks, weights):
    """Returns the centre and size of landmarks, and whether they are more than one point.

    The size is without gradient: no result depends on the unit of the landmarks.
    """
    mean = ppca.mean_weights(weights, True)
    centre = tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
    visible = tf.cast(weights > 0, landmarks.dtype)[..., tf.newaxis]
    spread = tf.reduce_max(visible * tf.abs(landmarks - centre), [1, 2])
    size = tf.reduce_max(visible * tf.abs(landmarks), [1, 2])
    # Points that differ by no more than rounding: any scale is noise.
    usable = spread > 8 * float(np.finfo(landmarks.dtype.as_numpy_dtype).eps) * size
    return centre, tf.stop_gradient(tf.where(usable, spread, 1)), usable


def _where_valid(valid, tensor):
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, float("nan"))


class _Candidates(NamedTuple):
    """The constants of some candidates of each pose: see `LiftTables` and `ppca.PPCAFit`."""

    directions: tf.Tensor
    regression: tf.Tensor
    variance: tf.Tensor
    noise_stddev: tf.Tensor
    normaliser: tf.Tensor
    weights: tf.Tensor


def _gather_candidates(tables, indices, weights, weighted):
    """Returns the constants of `indices` `[B, N]`, solved for the weights where there are."""
    directions, noise_stddev = (
        tf.gather(table, indices) for table in (tables.directions, tables.noise_stddev)
    )
    weights = weights[:, tf.newaxis]
    if weighted:
        fit = ppca.fit(directions, weights, noise_stddev, tables.free_scale)
        normaliser = fit.log_determinant + tf.gather(tables.mixture_cost, indices)
        regression, variance = fit.regression, fit.variance
    else:
        regression, variance, normaliser = (
            tf.gather(table, indices)
            for table in (tables.regression, tables.variance, tables.normaliser)
        )
    weights = tf.repeat(weights, indices.shape[1], axis=1)
    return _Candidates(directions, regression, variance, noise_stddev, normaliser, weights)


def _lift_candidates(landmarks, candidates, free_scale):
    return ppca.lift_pose(
        landmarks[:, tf.newaxis],
        candidates.directions,
        candidates.weights,
        candidates.noise_stddev,
        candidates.regression,
        free_scale,
    )


def _posterior_stddev(poses, candidates, costs, best, usable):
    """Returns the posterior standard deviation of each joint, mm, without a gradient.

    The variance within each near-best candidate, of its latents and its scale, and the
    spread between the candidates, weighted by their probability; the prior's own
    deviation where nothing is usable.
    """
    joints_3d, growth = (part - part[:, :, :1] for part in (poses.joints_3d, poses.growth))
    within = poses.inverse_scale_variance[..., tf.newaxis] * tf.reduce_sum(growth**2, -1)
    within += candidates.variance
    chosen = tf.gather(joints_3d, best, batch_dims=1)[:, tf.newaxis]
    between = tf.reduce_sum((joints_3d - chosen) ** 2, -1)
    posterior = tf.nn.softmax(-costs / 2)[..., tf.newaxis]
    variance = tf.reduce_sum(posterior * (within + between), 1)
    loadings = (candidates.directions - candidates.directions[:, :, :1])[:, 0, ..., :-1]
    prior_variance = tf.reduce_sum(loadings**2, [-2, -1])
    prior_variance += 3 * candidates.noise_stddev[:, :1] ** 2
    variance = tf.where(usable[:, tf.newaxis], variance, prior_variance)
    # Joint 0 is the origin by definition.
    variance *= tf.cast(tf.range(variance.shape[-1]) > 0, variance.dtype)
    return tf.stop_gradient(tf.sqrt(variance))
