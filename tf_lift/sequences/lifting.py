"""`tf_lift.lift_sequence`: the frames of one person in, a smooth motion of one body out."""

import math
import numbers
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift import lifting, skeletons
from tf_lift.camera.camera import Camera
from tf_lift.ops import dtypes, shapes
from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import calibration, outputs
from tf_lift.ops.lift.options import merge
from tf_lift.ops.sequences import pose_smoothing, shape
from tf_lift.prior import bone_lengths as prior_bone_lengths
from tf_lift.sequences import motion
from tf_lift.sequences.landmarks import MIN_JOINTS, Setting, smooth_landmarks

__all__ = ["lift_sequence"]


# A caller's function would have it converted by AutoGraph, which takes as long as tracing it.
@tf.autograph.experimental.do_not_convert
def lift_sequence(
    landmarks,
    prior,
    visibility=None,
    *,
    fps=None,
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
        fps: Frames per second; there is no default.
        camera: As for `tf_lift.lift`; it took all frames.
        skeleton: Name of the skeleton of `landmarks` where it differs from the prior's.
        options: `tf_lift.LiftOptions`; `None` for the defaults. `bone_lengths` `[L - 1]` and
            `height` are then those of the person, instead of the estimate. `landmark_stddev`
            is the whole error of the landmarks: what differs from frame to frame is found in
            any case and smoothed, the rest of it stays. `hypotheses` are not smoothed.
        jit_compile: Whether XLA compiles the lift of the frames, see `tf_lift.lift`.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        The dict of `tf_lift.lift` with leading dimension T, of the smoothed poses:
        `joints_3d`, `joints_3d_stddev`, `landmarks`, `scale` and, with a focal length,
        `root_position` `[T, 3]`. `mixture_index`, `rotation_angle`, `pitch`, `roll`, `energy`
        and `misfit` are those of each frame's lift; `energy` and `misfit` are infinite in
        frames of fewer than 4 landmarks, which are bridged. In addition `bone_lengths`
        `[L - 1]`, mm, from each joint but the root, in order, to its parent: the bones of all
        poses have these lengths. If the skeleton of the prior has several roots, it is left out,
        and bones are free.

        If no frame has 4 landmarks, all floating results are NaN, `mixture_index` is -1.

    Raises:
        ValueError: If `fps` is not a positive number, or a shape or option does not fit.

    References:
        docs/sequences.md; docs/method.md, M39 to M47.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> pose = prior.sample(1, seed=0)[0]
    >>> landmarks = np.tile(0.3 * pose[:, [0, 2]] * [1, -1] + [320, 240], [60, 1, 1])
    >>> landmarks[10:50] = np.nan
    >>> lifted = tf_lift.lift_sequence(landmarks, prior, fps=25)
    >>> lifted["joints_3d"].shape, lifted["bone_lengths"].shape
    (TensorShape([60, 17, 3]), TensorShape([16]))
    >>> wrist = lifted["joints_3d_stddev"][:, 16].numpy()
    >>> bool(wrist[30] > wrist[5])
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
    options = merge(options, option_fields)
    _check_one_person(options)
    setting = Setting(prior, camera, skeleton, options, interval, jit_compile)
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
        setting: `Setting`.
    """
    arguments = {"options": setting.options, "jit_compile": setting.jit_compile}
    return lifting.lift(
        landmarks,
        setting.prior,
        weights,
        camera=setting.camera,
        skeleton=setting.skeleton,
        **arguments,
    )


def _places(camera):
    """Returns whether the lift finds where the root is."""
    return isinstance(camera, Camera) and camera.focal_length is not None


def _ray_variance(joints_3d, camera):
    """Returns the variance of joints by the unknown ray to the person, as the lift has it."""
    if camera == "level" or _places(camera):
        return tf.zeros_like(joints_3d[..., 0])
    return tf.stop_gradient(calibration.ray_variance(joints_3d))


def _lift_one(landmarks, weights, setting, lengths):
    """Lifts a clip of one frame, as it is."""
    found = tf.reduce_sum(tf.cast(weights > 0, tf.int32)) >= MIN_JOINTS
    result = outputs.flatten(_lift(landmarks, weights, setting))
    parents = _parents(setting.prior)
    if parents is not None:
        joints = result["joints_3d"]
        result["bone_lengths"] = _bone_lengths(joints[0], parents) if lengths is None else lengths
    return _where_found(found, result, setting)


def _lift_many(landmarks, weights, setting, lengths):
    """Lifts a clip of any number of frames; one frame stays as it is."""
    is_one = tf.equal(tf.shape(landmarks)[0], 1)
    seen, setting = smooth_landmarks(landmarks, weights, setting, is_one)
    dtype = landmarks.dtype
    frames = tf.cast(seen.landmarks, dtype), tf.cast(seen.weights, dtype)
    result = outputs.flatten(_lift(*frames, setting))
    known = tf.reduce_any(seen.weights > 0, -1)
    known &= (result["mixture_index"] >= 0) & (result["scale"] > 0)
    lifted = _read(result, known, setting.camera)
    shaped, lengths = _share_shape(lifted, lengths, setting)
    moved = _smooth_poses(shaped, lengths, seen, setting)
    moved = _smooth_places(moved, shaped, seen, setting)
    # Kept apart from the lift of a clip of one frame, which has nothing to be smoothed by.
    for name, value in _write(moved, setting.camera).items():
        result[name] = tf.where(is_one, result[name], tf.cast(value, dtype))
    if lengths is not None:
        own = _bone_lengths(lifted.joints_3d[0], _parents(setting.prior))
        lengths = lengths if seen.lengths_given else tf.where(is_one, own, lengths)
        result["bone_lengths"] = tf.cast(lengths, dtype)
    return _where_found(tf.reduce_any(known), result, setting)


class _Poses(NamedTuple):
    """The poses of a clip in float64; what is not known is 0, its deviation infinite.

    Attributes:
        known: `[T]`: whether a frame could be lifted.
        joints_3d: `[T, L, 3]`, mm.
        stddev: `[T, L]`, mm, without a gradient.
        log_scale: `[T]`.
        place: `[T, 2 or 3]`: mean landmark, px, or with a camera the root's position, mm.
    """

    known: tf.Tensor
    joints_3d: tf.Tensor
    stddev: tf.Tensor
    log_scale: tf.Tensor
    place: tf.Tensor


def _read(result, known, camera):
    """Returns the `_Poses` of the results of a lift.

    Without the unknown angle of the ray to the person, which all frames share: it says nothing of
    how the frames differ, and smoothing does not lessen it.
    """
    rows = known[:, tf.newaxis]
    place = result.get("root_position")
    place = tf.reduce_mean(result["landmarks"], 1) if place is None else place
    variance = result["joints_3d_stddev"] ** 2 - _ray_variance(result["joints_3d"], camera)
    stddev = tf.stop_gradient(tf.sqrt(tf.maximum(variance, 0)))
    return _Poses(
        known,
        tf.cast(tf.where(rows[..., tf.newaxis], result["joints_3d"], 0), tf.float64),
        tf.cast(tf.where(rows, stddev, np.inf), tf.float64),
        tf.math.log(tf.cast(tf.where(known, result["scale"], 1), tf.float64)),
        tf.cast(tf.where(rows, place, 0), tf.float64),
    )


def _share_shape(lifted, lengths, setting):
    """Returns the `_Poses` with the bone lengths of one person, and these, perhaps `None`."""
    parents = _parents(setting.prior)
    if parents is None:
        return lifted, None
    if lengths is not None:  # The lift knew them.
        return lifted, tf.cast(lengths, tf.float64)
    lengths = shape.estimate(
        lifted.joints_3d,
        lifted.stddev,
        setting.interval,
        prior_bone_lengths.typical_bone_lengths(setting.prior),
        parents,
        skeletons.get(setting.prior.skeleton).swap,
    )
    joints, size_factor = limbs.apply(lifted.joints_3d, lengths, parents)
    joints = tf.where(lifted.known[:, tf.newaxis, tf.newaxis], joints - joints[:, :1], 0)
    size_factor = tf.where(lifted.known, size_factor, tf.ones_like(size_factor))
    shaped = lifted._replace(
        joints_3d=joints,
        stddev=tf.stop_gradient(size_factor)[:, tf.newaxis] * lifted.stddev,
        log_scale=lifted.log_scale - tf.math.log(size_factor),
    )
    if _places(setting.camera):
        shaped = shaped._replace(place=size_factor[:, tf.newaxis] * lifted.place)
    return shaped, lengths


def _smooth_poses(poses, lengths, seen, setting):
    """Returns the `_Poses` with smoothed joints and the deviations of these."""
    joint_motion = motion.of_skeleton(setting.prior.skeleton)
    joints, stddev = pose_smoothing.smooth_poses(
        poses.joints_3d,
        poses.stddev,
        seen.fill,
        seen.activity * tf.constant(joint_motion.about_root),
        tf.constant(joint_motion.spread),
        setting.interval,
    )
    if lengths is not None:
        joints = shape.restore(joints, lengths, _parents(setting.prior))
    return poses._replace(joints_3d=joints, stddev=stddev)


def _smooth_places(moved, poses, seen, setting):
    """Returns smoothed `_Poses` with the smoothed scales and places of `poses`."""
    density = seen.activity * motion.ROOT_DENSITY
    overall = tf.reduce_mean(poses.stddev, -1)
    distance = tf.constant(pose_smoothing.DISTANCE_MM, tf.float64)
    ones = tf.ones(tf.shape(poses.place)[1:], tf.float64)
    if _places(setting.camera):
        count = tf.reduce_sum(tf.cast(poses.known, tf.float64))
        distance = tf.math.divide_no_nan(tf.reduce_sum(poses.place[:, 2]), count)
        distance = tf.stop_gradient(tf.maximum(distance, 1))
        flat, depth = pose_smoothing.PLACE_UNIT * ones[:2], pose_smoothing.SIZE_UNIT * ones[:1]
        unit, place_density = tf.concat([flat, distance * depth], 0), density * ones
    else:
        unit = pose_smoothing.PLACE_UNIT / seen.unit * ones
        place_density = density / seen.unit**2 * ones
    log_scale = pose_smoothing.smooth_places(
        poses.log_scale[:, tf.newaxis],
        overall,
        pose_smoothing.SIZE_UNIT * ones[:1],
        density / distance**2 * ones[:1],
        setting.interval,
    )
    place = pose_smoothing.smooth_places(
        poses.place, overall, unit, place_density, setting.interval
    )
    return moved._replace(log_scale=log_scale[:, 0], place=place)


def _write(poses, camera):
    """Returns the results of smoothed `_Poses`, by name."""
    scale = tf.exp(poses.log_scale)
    stddev = tf.sqrt(poses.stddev**2 + _ray_variance(poses.joints_3d, camera))
    result = {"joints_3d": poses.joints_3d, "joints_3d_stddev": stddev, "scale": scale}
    if _places(camera):
        landmarks = camera.project(poses.joints_3d + poses.place[:, tf.newaxis])
        return result | {"landmarks": landmarks, "root_position": poses.place}
    flat = poses.joints_3d[..., :2] - tf.reduce_mean(poses.joints_3d[..., :2], 1, keepdims=True)
    flat *= scale[:, tf.newaxis, tf.newaxis]
    return result | {"landmarks": poses.place[:, tf.newaxis] + flat}


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
