"""The differentiable lift: 2D landmarks to the 3D pose of a mixture of PPCA models."""

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca, rotation_search, shapes

__all__ = ["lift"]


def lift(landmarks, tables, visibility=None, scale=None, selection="posterior", name="lift"):
    """Lifts 2D landmarks to 3D by an exhaustive search of components and rotations.

    For every mixture component and rotation R the latents z (and, where no `scale` is
    given, a scale s > 0 and a translation t) minimise

        energy = (|y - s Pi R (mu + W z) - t|**2 + noise**2 |s z|**2) / s**2,

    summed over the visible landmarks y. The best candidate's model gives the results.

    Gradient: the winner is held fixed; with it, `landmarks` and `scale` of the result
    are linear in the input at a free scale, and `joints_3d` is their quotient. For
    `landmarks` this is the paper's eq. 8: the upstream gradient g returns as H g, H the
    symmetric matrix that projects the input. `visibility` and `joints_3d_stddev` carry
    no gradient.

    Degenerate input gives a defined result, never a pose that only looks like one:

    - landmarks that determine no scale (fewer than two visible at different places, or
      none in front of the camera): the mean pose of the heaviest component at angle
      zero, scale 0, energy infinite, landmarks all at the mean of the visible ones, and
      no gradient of the pose;
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
        selection: "posterior" or "energy", see `rotation_search.search`.
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
    if scale is not None:
        scale = tf.where(valid, scale, 1)[:, tf.newaxis, tf.newaxis]
        landmarks = landmarks / scale

    indices, normaliser = rotation_search.search(landmarks, tables, weights, selection)
    directions = tf.gather(tables.directions, indices)
    noise_stddev = tf.gather(tables.noise_stddev, indices)
    if weights is None:
        matrix, offset, covariance = (
            tf.gather(table, indices) for table in (tables.matrix, tables.offset, tables.covariance)
        )
        weights = tf.ones_like(landmarks[..., 0])
    else:
        matrix, offset, covariance, _ = ppca.fit(
            directions, weights[:, tf.newaxis], noise_stddev, tables.free_scale
        )
    mean = ppca.mean_weights(weights, tables.free_scale)

    # The exact ranking of the few best of the search.
    coefficients, _, energy = ppca.exact_energy(
        tf.stop_gradient(landmarks)[:, tf.newaxis],
        directions,
        weights[:, tf.newaxis],
        noise_stddev,
        matrix,
        offset,
        tables.free_scale,
    )
    precision = 1 / noise_stddev**2 if selection == "posterior" else tf.ones_like(noise_stddev)
    score = energy * precision + normaliser
    best = tf.argmin(score, -1, output_type=tf.int32)
    usable = tf.reduce_min(score, -1) < float("inf")
    if tables.free_scale:
        usable &= ~_coincident(landmarks, weights, mean)

    # Nothing usable: the mean pose of the heaviest component at its first rotation.
    heaviest = tf.argmin(tables.mixture_cost, output_type=tf.int32)
    winner = tf.where(usable, tf.gather(indices, best, batch_dims=1), heaviest)
    winner_directions = tf.gather(tables.directions, winner)
    lifted = _read_out(
        landmarks,
        tf.gather(matrix, best, batch_dims=1),
        tf.gather(offset, best, batch_dims=1),
        winner_directions,
        weights,
        mean,
        tf.gather(tables.noise_stddev, winner),
        usable,
        tables.free_scale,
    )
    spread = _posterior_stddev(
        coefficients, covariance, directions, noise_stddev, score, best, usable, winner_directions
    )
    angle_index = winner % tables.num_rotations
    pitch_index = winner // tables.num_rotations % len(tables.pitches)
    result = {
        "joints_3d": lifted[1],
        "landmarks": lifted[0] if scale is None else lifted[0] * scale,
        "rotation_angle": tf.cast(angle_index, landmarks.dtype)
        * (2 * np.pi / tables.num_rotations),
        "pitch": tf.gather(tf.constant(tables.pitches, landmarks.dtype), pitch_index),
        "scale": lifted[2] if scale is None else scale[:, 0, 0],
        "energy": lifted[3],
        "joints_3d_stddev": tf.stop_gradient(spread),
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


def _coincident(landmarks, weights, mean):
    """Whether the visible landmarks differ by no more than rounding: any scale is noise."""
    visible = tf.cast(weights > 0, landmarks.dtype)[..., tf.newaxis]
    centre = tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
    spread = tf.reduce_max(visible * tf.abs(landmarks - centre), [1, 2])
    size = tf.reduce_max(visible * tf.abs(landmarks), [1, 2])
    return spread <= 8 * float(np.finfo(landmarks.dtype.as_numpy_dtype).eps) * size


def _where_valid(valid, tensor):
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, float("nan"))


def _read_out(
    landmarks, matrix, offset, directions, weights, mean, noise_stddev, usable, free_scale
):
    """Returns the winner's landmarks, joints, scale and energy, with their gradient."""
    design = directions[:, :, :2]
    design -= tf.einsum("bl,blcj->bcj", mean, design)[:, tf.newaxis]
    rooted = directions - directions[:, :1]

    # The forward pass, for y the landmarks less their mean m'y, D the centred design and
    # M the directions less those of joint 0:
    #
    #   b = P y + b0 = (s z, s),   y^ = D b + m'y,   X = M b / s,
    #   energy = (w |y - y^|^2 + noise^2 |s z|^2) / s^2.
    #
    # All else depends on the winner alone, which is held fixed. For upstream gradients
    # (g, G, h, e) of (y^, X, s, energy) the gradient of b collects
    #
    #   D'g + M'G / s   and, at the scale,   h - (G.X) / s - 2 e energy / s,
    #
    # and y receives P' times that, m sum(g) through the mean, and 2 e w (y - y^) / s^2:
    # b minimises the energy's numerator, so only its explicit dependence on y counts
    # (envelope theorem). P' D' = D P = H is symmetric: eq. 8.
    @tf.custom_gradient
    def read_out(landmarks):
        coefficients, residuals, energy = ppca.exact_energy(
            landmarks, directions, weights, noise_stddev, matrix, offset, free_scale
        )
        safe_scale = tf.where(usable, coefficients[:, -1], 1)
        latents = tf.where(usable[:, tf.newaxis], coefficients[:, :-1], 0)
        latents /= safe_scale[:, tf.newaxis]
        shape = tf.concat([latents, tf.ones_like(latents[:, :1])], -1)
        joints_3d = tf.einsum("blcj,bj->blc", rooted, shape)
        scale = tf.where(usable, safe_scale, 0)
        centre = tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
        projected = centre + scale[:, tf.newaxis, tf.newaxis] * tf.einsum(
            "blcj,bj->blc", design, shape
        )
        energy = tf.where(usable, energy, float("inf"))

        def gradient(upstream_landmarks, upstream_joints, upstream_scale, upstream_energy):
            upstream_energy = tf.where(usable, upstream_energy, 0)
            finite_energy = tf.where(usable, energy, 0)
            adjoint = tf.einsum("blcj,blc->bj", design, upstream_landmarks)
            adjoint += (
                tf.einsum("blcj,blc->bj", rooted, upstream_joints) / safe_scale[:, tf.newaxis]
            )
            through_scale = tf.reduce_sum(upstream_joints * joints_3d, [1, 2])
            through_scale += 2 * upstream_energy * finite_energy
            at_scale = (
                adjoint[:, -1:] + (upstream_scale - through_scale / safe_scale)[:, tf.newaxis]
            )
            adjoint = tf.concat([adjoint[:, :-1], at_scale], -1)
            adjoint = tf.where(usable[:, tf.newaxis], adjoint, 0)
            explicit = 2 * (upstream_energy / safe_scale**2)[:, tf.newaxis, tf.newaxis]
            explicit *= weights[..., tf.newaxis] * residuals
            through_mean = tf.reduce_sum(upstream_landmarks, 1, keepdims=True)
            return (
                tf.einsum("bjlc,bj->blc", matrix, adjoint)
                + mean[..., tf.newaxis] * through_mean
                + explicit
            )

        return (projected, joints_3d, scale, energy), gradient

    return read_out(landmarks)


def _posterior_stddev(
    coefficients, covariance, directions, noise_stddev, score, best, usable, winner_directions
):
    """Returns the posterior standard deviation of each joint, mm.

    The variance within each near-best candidate (of X = M b / s with b's posterior
    covariance, plus the noise of the prior), and the spread between the candidates,
    weighted by their posterior; the prior's own deviation where nothing is usable.
    """
    rooted = directions - directions[:, :, :1]
    scale = coefficients[..., -1]
    safe_scale = tf.where(scale > 0, scale, 1)
    joints_3d = tf.einsum("bnlcj,bnj->bnlc", rooted, coefficients)
    joints_3d /= safe_scale[..., tf.newaxis, tf.newaxis]
    # X's derivative by the coefficients, times s: M, less X at the scale.
    derivative = tf.concat([rooted[..., :-1], rooted[..., -1:] - joints_3d[..., tf.newaxis]], -1)
    within = tf.reduce_sum(
        tf.einsum("bnlcj,bnji->bnlci", derivative, covariance) * derivative, [-2, -1]
    )
    within = (within + _AXES) * noise_stddev[..., tf.newaxis] ** 2
    posterior = tf.nn.softmax(-score / 2)[..., tf.newaxis]
    chosen = tf.gather(joints_3d, best, batch_dims=1)[:, tf.newaxis]
    between = tf.reduce_sum((joints_3d - chosen) ** 2, -1)
    variance = tf.reduce_sum(posterior * (within + between), 1)
    prior_directions = winner_directions - winner_directions[:, :1]
    prior_variance = tf.reduce_sum(prior_directions[..., :-1] ** 2, [-2, -1])
    prior_variance += _AXES * noise_stddev[:, :1] ** 2
    variance = tf.where(usable[:, tf.newaxis], variance, prior_variance)
    # Joint 0 is the origin by definition.
    return tf.sqrt(variance) * tf.cast(tf.range(variance.shape[-1]) > 0, variance.dtype)


# The prior's noise is that of each coordinate; three make a joint.
_AXES = 3.0
