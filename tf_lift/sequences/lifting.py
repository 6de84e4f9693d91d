"""`tf_lift.lift_sequence`: the frames of one person in, a smooth motion of one body out."""

import dataclasses
import math
import numbers
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift import lifting, skeletons
from tf_lift.camera import lifting as camera_lifting
from tf_lift.camera.camera import Camera
from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import joint_maps
from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import outputs
from tf_lift.ops.lift.options import merge
from tf_lift.ops.sequences import landmark_smoothing, pose_smoothing, shape
from tf_lift.prior import bone_lengths as prior_bone_lengths
from tf_lift.sequences import motion

__all__ = ["lift_sequence"]

# A free scale, position and rotation are four numbers: two joints fit any pose exactly.
_MIN_JOINTS = 4

# Deviation beyond which a landmark that the motion implies is as good as missing, mm: that of a
# wrist after a fifth of a second.
_MAX_FILLED_MM = 100.0

# Least liveliness of the joints in space, of that in the motion capture. That of the image alone
# does not know of depths, which move where a person stands still in the image.
_MIN_ACTIVITY = 0.1


class _Setting(NamedTuple):
    """What all frames share and no value of a frame changes."""

    prior: object
    camera: object
    skeleton: object
    options: object
    interval: float
    jit_compile: bool


def lift_sequence(
    landmarks,
    prior,
    visibility=None,
    *,
    fps,
    camera=None,
    skeleton=None,
    options=None,
    jit_compile=False,
    **option_fields,
):
    """Lifts the 2D landmarks of one person in a sequence to a smooth 3D motion.

    The landmarks of all frames tell their own noise, by which they are smoothed and weighed.
    The frames are lifted; the lifted bones, each weighed by how well a frame shows it, give
    the bone lengths of the person, which all frames then share; and the poses are smoothed
    forward and back by a linear-Gaussian model of human motion, each frame weighed by its own
    deviation. So nothing changes where frames are sure, frames that are not are corrected by
    their neighbours, and gaps of any length are filled, with a deviation that grows.

    A landmark that is NaN or not visible is missing, and a frame may miss them all. A clip of
    one frame is lifted as by `tf_lift.lift`. Works eagerly and in a `tf.function` with any
    number of frames. Memory grows by a few kilobytes a frame, as poses are lifted in chunks.
    Differentiable by the landmarks; the levels of noise, all weights and deviations are held
    fixed.

    Args:
        landmarks: `[T, L, 2]`, (x right, y down), pixels: frames in order, at equal intervals.
            L joints of the prior, or of `skeleton`.
        prior: `PosePrior`.
        visibility: `[T, L]`, bool or weights >= 0; `None` for all that are not NaN.
        fps: Frames per second.
        camera: `Camera` that took all frames; `None`: unknown.
        skeleton: Name of the skeleton of `landmarks` where it differs from the prior's.
        options: `tf_lift.LiftOptions`; `None` for the defaults. `bone_lengths` `[L - 1]` and
            `height` are then those of the person, instead of the estimate. `landmark_stddev`
            is the whole error of the landmarks: what differs from frame to frame is found in
            any case and smoothed, the rest of it stays. `hypotheses` are not smoothed.
        jit_compile: Whether XLA compiles the lift of the frames, see `tf_lift.lift`.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        The dict of `tf_lift.lift` with leading dimension T, of the smoothed poses:
        `joints_3d`, `joints_3d_stddev`, `landmarks`, `scale` and, with a camera,
        `root_position` `[T, 3]`. `mixture_index`, `rotation_angle`, `pitch` and `energy` are
        those of each frame's lift; in a gap too long for its landmarks to be known, `energy`
        is infinite. In addition `bone_lengths` `[L - 1]`, mm, from each joint but the root, in
        order, to its parent: the bones of all poses have these lengths. If the skeleton of the
        prior has several roots, it is left out, and bones are free.

        If no frame has 4 landmarks, all floating results are NaN, `mixture_index` is -1.

    Raises:
        ValueError: If `fps` is not a positive number, or a shape or option does not fit.

    References:
        docs/sequences.md; docs/method.md, M50 to M58.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> pose = prior.sample(1, seed=0)[0]
    >>> landmarks = np.tile(0.3 * pose[:, [0, 2]] * [1, -1] + [320, 240], [9, 1, 1])
    >>> landmarks[3:5] = np.nan
    >>> lifted = tf_lift.lift_sequence(landmarks, prior, fps=25)
    >>> lifted["joints_3d"].shape, lifted["bone_lengths"].shape
    (TensorShape([9, 17, 3]), TensorShape([16]))
    >>> wrist = lifted["joints_3d_stddev"][:, 16].numpy()
    >>> bool(wrist[4] > wrist[0])
    True
    """
    interval = 1 / _check_fps(fps)
    landmarks = dtypes.to_float(landmarks)
    num_joints = prior.num_joints if skeleton is None else skeletons.get(skeleton).num_joints
    if landmarks.shape.rank != 3 or landmarks.shape[1:] != (num_joints, 2):
        raise ValueError(
            f"`landmarks` must have shape [T, {num_joints}, 2]. "
            f"Received: landmarks.shape={tuple(landmarks.shape)}"
        )
    shapes.check_not_empty(landmarks, "landmarks")
    weights = tf.cast(tf.reduce_all(tf.math.is_finite(landmarks), -1), landmarks.dtype)
    if visibility is not None:
        visibility = tf.cast(tf.convert_to_tensor(visibility), landmarks.dtype)
        shapes.check_shape(visibility, "visibility", num_joints)
        usable = tf.math.is_finite(visibility) & (visibility > 0)
        weights *= tf.where(usable, visibility, 0)
    landmarks = tf.where(weights[..., tf.newaxis] > 0, landmarks, 0)
    if isinstance(camera, Camera) and skeleton is not None:
        mapping = skeletons.joint_map(skeleton, prior.skeleton)
        landmarks, weights = joint_maps.convert(landmarks, mapping, weights)
        skeleton = None
    options = merge(options, option_fields)
    _check_one_person(options)
    setting = _Setting(prior, camera, skeleton, options, interval, jit_compile)
    lengths = prior_bone_lengths.resolve(prior, options.bone_lengths, options.height)
    if landmarks.shape[0] == 1:
        return _lift_one(landmarks, weights, setting, lengths)
    return _lift_many(landmarks, weights, setting, lengths)


def _check_fps(fps):
    """Returns the frames per second as a number."""
    is_number = isinstance(fps, numbers.Real) and not isinstance(fps, bool)
    if not is_number or not math.isfinite(fps) or fps <= 0:
        raise ValueError(f"`fps` must be a positive number of frames per second. Received: {fps!r}")
    return float(fps)


def _check_one_person(options):
    for name, rank in (("bone_lengths", 1), ("height", 0)):
        value = getattr(options, name)
        if value is not None and not isinstance(value, str) and np.ndim(value) != rank:
            raise ValueError(
                f"`{name}` must be those of one person, the same in all frames. "
                f"Received: {name} of shape {np.shape(value)}"
            )


def _lift(landmarks, weights, setting):
    """Lifts frames one by one: the only call of the lift.

    Args:
        landmarks: `[T, L, 2]`, px.
        weights: `[T, L]`, or `None` for all visible.
        setting: `_Setting`.
    """
    arguments = {"options": setting.options, "jit_compile": setting.jit_compile}
    if isinstance(setting.camera, Camera):
        return camera_lifting.lift_with_camera(
            landmarks, setting.prior, setting.camera, weights, **arguments
        )
    return lifting.lift(landmarks, setting.prior, weights, skeleton=setting.skeleton, **arguments)


def _lift_one(landmarks, weights, setting, lengths):
    """Lifts a clip of one frame, as it is."""
    found = tf.reduce_sum(tf.cast(weights > 0, tf.int32)) >= _MIN_JOINTS
    result = outputs.flatten(_lift(landmarks, weights, setting))
    parents = _parents(setting.prior)
    if parents is not None:
        joints = result["joints_3d"]
        result["bone_lengths"] = _bone_lengths(joints[0], parents) if lengths is None else lengths
    return _where_found(found, result, setting)


def _lift_many(landmarks, weights, setting, lengths):
    prior, interval, options = setting.prior, setting.interval, setting.options
    dtype = landmarks.dtype
    # One frame has nothing to be smoothed by, and stays as it is.
    is_one = tf.equal(tf.shape(landmarks)[0], 1)
    source_motion = motion.of_skeleton(setting.skeleton or prior.skeleton)
    points, weights64 = tf.cast(landmarks, tf.float64), tf.cast(weights, tf.float64)
    unit = _millimetres_per_pixel(points, weights64, setting)

    # Smooth and weigh the landmarks.
    centre = _weighted_mean(points, weights64)
    density = tf.constant(source_motion.in_space)
    points = unit * (points - centre)
    levels = landmark_smoothing.find_levels(points, weights64, density, interval)
    smoothed, noise = landmark_smoothing.smooth(points, weights64, levels, density, interval)
    smoothed = tf.where(is_one, points, smoothed)
    noise = tf.where(is_one & (weights64 > 0), 0, noise)
    filled = noise < _MAX_FILLED_MM
    seen = tf.reduce_sum(tf.cast(filled, tf.int32), -1) >= _MIN_JOINTS
    filled &= seen[:, tf.newaxis]
    if options.landmark_stddev:
        told = unit * tf.reduce_mean(tf.constant(options.landmark_stddev, tf.float64))
        noise = tf.sqrt(noise**2 + tf.maximum(told**2 - levels.noise**2, 0))
        setting = setting._replace(options=dataclasses.replace(options, landmark_stddev=None))
    trust = 1 / (1 + noise**2 / np.sum(prior.mixture_weights * prior.noise_stddev**2))
    trust *= tf.where(weights64 > 0, weights64, 1)
    trust = tf.stop_gradient(tf.where(filled, trust, 0))
    smoothed = tf.where(filled[..., tf.newaxis], smoothed / unit + centre, 0)

    result = outputs.flatten(_lift(tf.cast(smoothed, dtype), tf.cast(trust, dtype), setting))
    known = seen & (result["mixture_index"] >= 0) & (result["scale"] > 0)

    # One body.
    parents = _parents(prior)
    joints = tf.where(known[:, tf.newaxis, tf.newaxis], result["joints_3d"], 0)
    joints = tf.cast(joints, tf.float64)
    stddev = tf.cast(result["joints_3d_stddev"], tf.float64)
    stddev = tf.where(known[:, tf.newaxis], tf.stop_gradient(stddev), np.inf)
    scale = tf.cast(tf.where(known, result["scale"], 1), tf.float64)
    size_factor = tf.ones_like(scale)
    if parents is not None:
        own = _bone_lengths(joints[0], parents)
        if lengths is None:
            typical = prior_bone_lengths.typical_bone_lengths(prior)
            swap = skeletons.get(prior.skeleton).swap
            lengths = shape.estimate(joints, stddev, interval, typical, parents, swap)
            lengths = tf.where(is_one, own, lengths)
            shaped, size_factor = limbs.apply(joints, lengths, parents)
            shaped -= shaped[:, :1]
        else:
            lengths, shaped = tf.cast(lengths, tf.float64), joints
        keeps = is_one | ~known
        joints = tf.where(keeps[:, tf.newaxis, tf.newaxis], joints, shaped)
        size_factor = tf.where(keeps, 1, size_factor)
        result["bone_lengths"] = tf.cast(lengths, dtype)
    stddev *= tf.stop_gradient(size_factor)[:, tf.newaxis]
    scale /= size_factor

    # One motion.
    joint_motion = motion.of_skeleton(prior.skeleton)
    activity = tf.maximum(levels.activity, _MIN_ACTIVITY)
    moved, deviation = pose_smoothing.smooth_poses(
        joints,
        stddev,
        activity * tf.constant(joint_motion.about_root),
        tf.constant(joint_motion.spread),
        interval,
    )
    if parents is not None:
        moved = shape.restore(moved, lengths, parents)
    joints = tf.where(is_one, joints, moved)
    deviation = tf.where(is_one & known[:, tf.newaxis], stddev, deviation)

    root_density = activity * motion.ROOT_DENSITY
    overall = tf.reduce_mean(stddev, -1)
    root = result.get("root_position")
    distance = pose_smoothing.DISTANCE_MM
    if root is not None:
        root = size_factor[:, tf.newaxis] * tf.cast(root, tf.float64)
        root = tf.where(known[:, tf.newaxis], root, 0)
        number = tf.reduce_sum(tf.cast(known, tf.float64))
        distance = tf.stop_gradient(tf.math.divide_no_nan(tf.reduce_sum(root[:, 2]), number))
        distance = tf.maximum(distance, 1)
        depth_unit = distance * pose_smoothing.SIZE_UNIT
        units = tf.stack([pose_smoothing.PLACE_UNIT, pose_smoothing.PLACE_UNIT, depth_unit])
        moved = pose_smoothing.smooth_places(
            root, overall, units, root_density * tf.ones([3], tf.float64), interval
        )
        root = tf.where(is_one, root, moved)
    log_scale = tf.math.log(scale)[:, tf.newaxis]
    moved = pose_smoothing.smooth_places(
        log_scale,
        overall,
        tf.constant([pose_smoothing.SIZE_UNIT], tf.float64),
        tf.reshape(root_density / distance**2, [1]),
        interval,
    )
    scale = tf.exp(tf.where(is_one, log_scale, moved))[:, 0]
    if root is not None:
        result["root_position"] = tf.cast(root, dtype)
        projected = setting.camera.project(tf.cast(joints + root[:, tf.newaxis], dtype))
    else:
        place = tf.where(known[:, tf.newaxis], tf.reduce_mean(result["landmarks"], 1), 0)
        place = tf.cast(place, tf.float64)
        moved = pose_smoothing.smooth_places(
            place,
            overall,
            pose_smoothing.PLACE_UNIT / unit * tf.ones([2], tf.float64),
            root_density / unit**2 * tf.ones([2], tf.float64),
            interval,
        )
        flat = joints[..., :2] - tf.reduce_mean(joints[..., :2], 1, keepdims=True)
        projected = moved[:, tf.newaxis] + scale[:, tf.newaxis, tf.newaxis] * flat
    result["landmarks"] = tf.where(is_one, result["landmarks"], tf.cast(projected, dtype))
    result["joints_3d"] = tf.cast(joints, dtype)
    result["joints_3d_stddev"] = tf.cast(deviation, dtype)
    result["scale"] = tf.cast(scale, dtype)
    return _where_found(tf.reduce_any(known), result, setting)


def _where_found(found, result, setting):
    """Returns nested results, NaN and -1 where no frame has enough landmarks."""
    nothing = {True: -1, False: float("nan")}
    return outputs.nest(
        {
            name: tf.where(found, value, tf.cast(nothing[value.dtype.is_integer], value.dtype))
            for name, value in result.items()
        }
    )


def _parents(prior):
    """Returns the parents of the joints, `None` where they are not one tree."""
    parents = skeletons.get(prior.skeleton).parents
    return tuple(parents) if list(parents).count(-1) == 1 else None


def _bone_lengths(joints_3d, parents):
    """Returns the bone lengths `[L - 1]` of one pose `[L, 3]`."""
    children = [child for child, parent in enumerate(parents) if parent >= 0]
    others = [parents[child] for child in children]
    return tf.norm(tf.gather(joints_3d, children) - tf.gather(joints_3d, others), axis=-1)


def _weighted_mean(points, weights):
    total = tf.einsum("tl,tlc->c", tf.cast(weights > 0, points.dtype), points)
    count = tf.reduce_sum(tf.cast(weights > 0, points.dtype))
    return tf.stop_gradient(tf.math.divide_no_nan(total, count))


def _millimetres_per_pixel(landmarks, weights, setting):
    """Returns mm on the person per pixel, about, for the whole clip: as M21 has it.

    The squared spread of the landmarks is, on average, that of the prior's poses.
    """
    prior = setting.prior
    if setting.skeleton is not None:
        mapping = skeletons.joint_map(setting.skeleton, prior.skeleton)
        landmarks, weights = joint_maps.convert(landmarks, mapping, weights)
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    shapes_of_each = np.concatenate([loadings, prior.mean_pose[:, np.newaxis]], 1)
    products = np.einsum("k,kjlc,kjmc->clm", prior.mixture_weights, shapes_of_each, shapes_of_each)
    # Seen from any side: half of the horizontal variance, and the vertical one.
    moments = (products[0] + products[1]) / 2 + products[2]
    visible = tf.cast(weights > 0, landmarks.dtype)
    mean = tf.math.divide_no_nan(visible, tf.reduce_sum(visible, -1, keepdims=True))
    expected = tf.einsum("tl,l->t", mean, tf.constant(np.diag(moments)))
    expected -= tf.einsum("tl,lm,tm->t", mean, tf.constant(moments), mean)
    centre = tf.einsum("tl,tlc->tc", mean, landmarks)[:, tf.newaxis]
    spread = tf.einsum("tl,tlc->t", mean, (landmarks - centre) ** 2)
    ratio = tf.math.divide_no_nan(tf.reduce_sum(expected), tf.reduce_sum(spread))
    return tf.stop_gradient(tf.where(ratio > 0, tf.sqrt(tf.where(ratio > 0, ratio, 1)), 1))
