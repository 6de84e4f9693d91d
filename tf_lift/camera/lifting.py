"""`tf_lift.lift_with_camera`: lifts landmarks that a known camera saw, and places the poses."""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import recentring
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift import outputs
from tf_lift.ops.lift.options import LiftOptions, merge
from tf_lift.prior import PosePrior
from tf_lift.prior import bone_lengths as prior_bone_lengths
from tf_lift.prior.tables import build_tables

__all__ = ["DEFAULT_PITCHES", "estimate_pitch", "lift_with_camera"]

# Pitches to try where a camera's is not known: from slightly upwards to high on a wall.
DEFAULT_PITCHES = tuple(math.radians(degrees) for degrees in range(-20, 61, 10))

# Distance of the pitches for which tables of the prior are built. Each person is lifted with
# the nearest table, by a camera turned to exactly its pitch: that camera sees the person up to
# 7.5 degrees above or below its middle, which `straighten` corrects. Steps of 5, 10 and 20
# degrees give the same error within 0.6 mm.
_PITCH_STEP = math.radians(15.0)


def lift_with_camera(
    landmarks,
    prior,
    camera,
    visibility=None,
    *,
    pitches=DEFAULT_PITCHES,
    num_perspective_steps=2,
    options=None,
    jit_compile=False,
    **option_fields,
):
    """Lifts 2D landmarks to 3D, and places the poses in front of a known camera.

    The landmarks are undistorted and turned to a virtual camera in the same place that faces
    the person and has no roll. The person is lifted at the pitch of that camera. With the
    joints' depths known, the perspective is removed from the landmarks, and they are lifted
    again. The root's depth is focal length / scale.

    Works eagerly and in a `tf.function`, but not in one that XLA compiles. In a graph, a
    camera with an `image_size` is faster: the size bounds the pitches that tables are needed
    for. The result for a pose does not depend on the rest of the batch. Differentiable as
    `tf_lift.lift` is.

    Degenerate input, beyond that of `tf_lift.ops.lift.lift.lift`: a visible landmark that
    the lens cannot have seen, or that lies 90 degrees or more from the others, makes the
    pose NaN and its `mixture_index` -1, as a landmark that is not finite does. Landmarks that
    determine no scale give the mean pose; `root_position` and `landmarks` are then NaN.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels of the camera's image.
        prior: `PosePrior` of L joints.
        camera: `Camera` of all the landmarks.
        visibility: `[..., L]`, bool or weights >= 0; `None` for all visible.
        pitches: Pitches to try, rad, where the camera's pitch is `None`. Each pose takes the
            one that makes it most probable; `estimate_pitch` estimates one pitch from many
            poses, which is more accurate. Replaces the field of this name in `options`.
        num_perspective_steps: Number of times to lift again.
        options: `tf_lift.LiftOptions`; `None` for the defaults.
        jit_compile: Whether XLA compiles each lift, see `tf_lift.lift`.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        The dict of `tf_lift.lift`. `joints_3d` and `rotation_angle` are in the frame of the
        camera as it is held, rolled and pitched; `landmarks` is the pose in perspective and
        with distortion; `scale` is that at joint 0. In addition `root_position` `[..., 3]`,
        mm, camera frame: the position of joint 0, to be added to `joints_3d`.

    Raises:
        ValueError: If a shape or option does not fit.

    References:
        docs/cameras.md; docs/method.md, section 5.

    >>> prior = tf_lift.PosePrior.load()
    >>> camera = tf_lift.Camera(1000.0, (320.0, 240.0), pitch=np.radians(10.0))
    >>> joints = prior.sample(1, seed=0)[0][:, [0, 2, 1]] * [1, -1, 1] + [500, 600, 4000]
    >>> lifted = tf_lift.lift_with_camera(camera.project(joints), prior, camera)
    >>> lifted["joints_3d"].shape, lifted["root_position"].numpy().shape
    (TensorShape([17, 3]), (3,))
    """
    joints = prior.num_joints
    landmarks = dtypes.to_float(landmarks)
    shapes.check_shape(landmarks, "landmarks", joints, 2)
    shapes.check_not_empty(landmarks, "landmarks")
    options = _check_options(camera, num_perspective_steps, options, option_fields)
    leading, static_leading = tf.shape(landmarks)[:-2], landmarks.shape[:-2]
    if visibility is not None:
        visibility = tf.cast(tf.convert_to_tensor(visibility), landmarks.dtype)
        shapes.check_shape(visibility, "visibility", joints)
        visibility = tf.broadcast_to(visibility, tf.shape(landmarks)[:-1])
        visibility = tf.reshape(visibility, [-1, joints])
    rays = camera.to_rays(tf.reshape(landmarks, [-1, joints, 2]))
    lengths = _bone_lengths(prior, options, leading, landmarks.dtype)
    lift = _Lift(prior, options, jit_compile)

    tried = [
        _lift_at_pitch(rays, visibility, lengths, lift, camera, pitch, num_perspective_steps)
        for pitch in _pitches(camera, pitches)
    ]
    if len(tried) == 1:
        lifted = tried[0]
    else:
        scores = tf.stack([_score(lifted, prior) for lifted in tried], -1)
        best = tf.argmin(scores, -1)
        lifted = {
            name: tf.gather(tf.stack([entry[name] for entry in tried], 1), best, batch_dims=1)
            for name in tried[0]
        }
    lifted["landmarks"] = camera.project(
        lifted["joints_3d"] + lifted["root_position"][:, tf.newaxis]
    )

    def restore(tensor):
        restored = tf.reshape(tensor, tf.concat([leading, tf.shape(tensor)[1:]], 0))
        restored.set_shape(static_leading.concatenate(tensor.shape[1:]))
        return restored

    return outputs.nest({name: restore(value) for name, value in lifted.items()})


def estimate_pitch(
    landmarks,
    prior,
    camera,
    visibility=None,
    *,
    pitches=DEFAULT_PITCHES,
    options=None,
    **option_fields,
) -> Camera:
    """Estimates the pitch of a camera: the one that makes the poses it saw most probable.

    People stand, walk and sit upright, so 30 poses give the pitch within 3 degrees. Not
    differentiable.

    Args:
        landmarks: `[N, L, 2]`, pixels.
        prior: `PosePrior` of L joints.
        camera: `Camera`; its `pitch` is ignored.
        visibility: `[N, L]`, as in `lift_with_camera`.
        pitches: Pitches to try, rad, in rising order and equal steps.
        options: `tf_lift.LiftOptions`; `None` for the defaults. The probability of a pose is
            that of its best candidate, with the estimator "mean" too.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        The camera with its pitch: interpolated where the score has a minimum between those
        that were tried.

    Raises:
        ValueError: If no pose has enough landmarks to determine a pitch.

    >>> prior = tf_lift.PosePrior.load()
    >>> joints = prior.sample(4, seed=0)[:, :, [0, 2, 1]] * [1, -1, 1] + [0, 0, 4000]
    >>> camera = tf_lift.Camera(1000.0, (320.0, 240.0), pitch=None)
    >>> found = estimate_pitch(camera.project(joints), prior, camera, pitches=(-0.4, 0.0, 0.4))
    >>> abs(found.pitch) < 0.2
    True
    """
    options = _check_options(camera, 1, options, option_fields)
    estimator = "map" if options.estimator == "mean" else options.estimator
    options = dataclasses.replace(options, estimator=estimator, num_hypotheses=None)
    landmarks = dtypes.to_float(landmarks)
    shapes.check_shape(landmarks, "landmarks", prior.num_joints, 2)
    if visibility is not None:
        visibility = tf.cast(tf.convert_to_tensor(visibility), landmarks.dtype)
    rays = camera.to_rays(landmarks)
    lengths = _bone_lengths(prior, options, tf.shape(landmarks)[:1], landmarks.dtype)
    lift = _Lift(prior, options, False)
    angles = _pitches(dataclasses.replace(camera, pitch=None), pitches)
    tried = [_lift_at_pitch(rays, visibility, lengths, lift, camera, angle, 1) for angle in angles]
    scores = np.stack([_score(lifted, prior) for lifted in tried], -1)
    scores = scores[np.isfinite(scores).all(-1)]
    if not len(scores):
        raise ValueError(
            "`landmarks` must hold a pose with enough landmarks to determine a pitch. "
            "Received: none"
        )
    # A pose that is unlike all that the prior knows must not outvote the others.
    scores = np.minimum(scores - scores.min(-1, keepdims=True), _MAX_VOTE).sum(0)
    best = int(scores.argmin())
    pitch = angles[best]
    if 0 < best < len(angles) - 1:
        before, at, after = scores[best - 1 : best + 2]
        curvature = before - 2 * at + after
        if curvature > 0:
            pitch += (before - after) / (2 * curvature) * (angles[best + 1] - angles[best])
    return dataclasses.replace(camera, pitch=float(pitch))


# Largest difference that one pose may make between two pitches: that of odds of e^50.
_MAX_VOTE = 100.0


def _check_options(camera, num_perspective_steps, options, fields):
    """Checks arguments and returns the options of the lift."""
    if not isinstance(camera, Camera):
        raise ValueError(f"`camera` must be a Camera. Received: {camera!r}")
    if num_perspective_steps < 0:
        raise ValueError(
            f"`num_perspective_steps` must not be negative. Received: {num_perspective_steps}"
        )
    if "scale" in fields:
        raise ValueError(
            "`scale` must be left out: the camera's focal length and the person's depth give it. "
            f"Received: {fields['scale']}"
        )
    return merge(options, fields)


def _bone_lengths(prior, options, leading, dtype):
    """Returns known bone lengths as `[L - 1]` or, if poses have their own, `[B, L - 1]`."""
    lengths = prior_bone_lengths.resolve(prior, options.bone_lengths, options.height)
    if lengths is None:
        return None
    lengths = tf.cast(tf.convert_to_tensor(lengths), dtype)
    if lengths.shape.rank == 1:
        return lengths
    lengths = tf.broadcast_to(lengths, tf.concat([leading, lengths.shape[-1:]], 0))
    return tf.reshape(lengths, [-1, lengths.shape[-1]])


class _Lift(NamedTuple):
    """The lift at one pitch, with all that does not depend on the poses."""

    prior: PosePrior
    options: LiftOptions
    jit_compile: bool

    def __call__(self, landmarks, visibility, bone_lengths, pitch):
        dtype, number = landmarks.dtype.name, self.options.num_rotations
        return lifting.lift(
            landmarks,
            build_tables(self.prior, number, (pitch,), True, dtype),
            self.options,
            visibility=visibility,
            bone_lengths=bone_lengths,
            parents=skeletons.get(self.prior.skeleton).parents,
            jit_compile=self.jit_compile,
        )


def _pitches(camera, pitches):
    """Returns the pitches to lift at: that of the camera, or those to try."""
    if camera.pitch is not None:
        return (camera.pitch,)
    pitches = tuple(float(pitch) for pitch in pitches)
    if not pitches or not all(abs(pitch) <= math.pi / 2 for pitch in pitches):
        raise ValueError(
            "`pitches` must be angles in radians between straight up and straight down. "
            f"Received: {pitches}"
        )
    return pitches


def _score(lifted, prior):
    """Returns twice the negative log posterior of a pose, up to what all pitches share."""
    index = tf.maximum(lifted["mixture_index"], 0)
    dtype = lifted["energy"].dtype
    precision = tf.gather(tf.constant(prior.noise_stddev**-2, dtype), index)
    cost = tf.gather(
        tf.constant(-2 * np.log(np.maximum(prior.mixture_weights, 1e-30)), dtype), index
    )
    return lifted["energy"] * precision + cost


def _lift_at_pitch(rays, visibility, bone_lengths, lift, camera, pitch, num_steps):
    """Lifts rays `[B, L, 2]` of a camera at one pitch, each pose with the nearest table."""
    level = recentring.level_rotation(
        tf.constant(pitch, rays.dtype), tf.constant(camera.roll, rays.dtype)
    )
    ray = recentring.mean_ray(rays, visibility)
    index = tf.cast(tf.round(recentring.ray_pitch(ray, level) / _PITCH_STEP), tf.int32)
    if tf.executing_eagerly():
        present = np.unique(index)
    else:
        present = _possible_indices(camera, pitch)
        index = tf.clip_by_value(index, present[0], present[-1])
    focal_length = math.sqrt(camera.focal_length[0] * camera.focal_length[1])
    rows = [tf.cast(tf.where(tf.equal(index, i))[:, 0], tf.int32) for i in present]
    parts = []
    for i, rows_of_table in zip(present, rows, strict=True):
        table_pitch = i * _PITCH_STEP
        rotation, angle = recentring.recentring_rotation(
            tf.gather(ray, rows_of_table), level, tf.constant(table_pitch, rays.dtype)
        )
        turned = recentring.rotate_rays(tf.gather(rays, rows_of_table), rotation)
        shown = None if visibility is None else tf.gather(visibility, rows_of_table)
        lengths = bone_lengths
        if lengths is not None and lengths.shape.rank > 1:
            lengths = tf.gather(lengths, rows_of_table)
        lift_part = functools.partial(lift, bone_lengths=lengths, pitch=table_pitch)
        part = _lift_turned(turned, shown, lift_part, focal_length, num_steps)
        part["rotation_angle"] = tf.math.floormod(part["rotation_angle"] + angle, 2 * np.pi)
        back = tf.linalg.matrix_transpose(rotation)
        for name in {"joints_3d", "root_position", "hypotheses_joints_3d"} & part.keys():
            turn = back if part[name].shape.rank == 3 else back[:, tf.newaxis]
            part[name] = recentring.rotate_points(part[name], turn)
        parts.append(part)
    lifted = {name: tf.dynamic_stitch(rows, [part[name] for part in parts]) for name in parts[0]}
    # Only now, because the gradient of the rotations would multiply zero by NaN.
    valid, placed = lifted.pop("valid"), lifted.pop("placed")
    lifted = {name: _where_valid(valid, value) for name, value in lifted.items()}
    lifted["root_position"] = _where_valid(valid & placed, lifted["root_position"][:, 0])
    pitches = tf.fill(tf.shape(index), tf.constant(pitch, rays.dtype))
    lifted["pitch"] = _where_valid(valid, pitches)
    return lifted


def _possible_indices(camera, pitch):
    """Returns the pitches, in steps, of the tables that the rays of an image may need."""
    largest = round(math.pi / 2 / _PITCH_STEP)
    if camera.image_size is None:
        return range(-largest, largest + 1)
    width, height = camera.image_size
    pixels = np.stack(
        np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9)), -1
    ).reshape(-1, 2)
    with tf.init_scope():
        rays = camera.to_rays(pixels)
        rays = tf.boolean_mask(rays, tf.reduce_all(tf.math.is_finite(rays), -1))
        rays = tf.concat([rays, tf.ones_like(rays[:, :1])], -1)
        level = recentring.level_rotation(
            tf.constant(pitch, rays.dtype), tf.constant(camera.roll, rays.dtype)
        )
        pitches = recentring.ray_pitch(rays, level).numpy()
    first, last = (round(edge / _PITCH_STEP) for edge in (pitches.min(), pitches.max()))
    return range(first, last + 1)


def _lift_turned(rays, visibility, lift, focal_length, num_steps):
    """Lifts rays of an upright camera that faces the person, and finds the root."""
    visible = tf.ones(tf.shape(rays)[:-1], bool) if visibility is None else visibility > 0
    finite = tf.reduce_all(tf.math.is_finite(rays), -1)
    valid = tf.reduce_all(finite | ~visible, -1)
    if visibility is not None:
        usable = tf.math.is_finite(visibility) & (visibility >= 0)
        valid &= tf.reduce_all(usable, -1)
        visibility = tf.where(usable, visibility, 0)
    # Blanked here, because zero gradients times NaN would be NaN.
    visible &= valid[:, tf.newaxis]
    rays = tf.where(visible[..., tf.newaxis], rays, 0)
    count = tf.reduce_sum(tf.cast(visible, rays.dtype), -1)

    straight = rays
    for step in range(num_steps + 1):
        lifted = lift(focal_length * straight, visibility)
        placed = lifted["scale"] > 0
        scale = tf.where(placed, lifted["scale"], 1)
        depth = focal_length / scale
        if step == 0:
            # The one depth of weak perspective is about the mean depth of the visible joints.
            total = tf.reduce_sum(tf.where(visible, lifted["joints_3d"][..., 2], 0), -1)
            depth -= tf.math.divide_no_nan(total, count)
        if step < num_steps:
            depth = tf.where(placed, depth, 0)
            straight = recentring.straighten(rays, lifted["joints_3d"], depth)
    place = tf.concat([lifted["landmarks"][:, 0] / scale[:, tf.newaxis], depth[:, tf.newaxis]], -1)
    lifted = outputs.flatten(lifted)
    lifted["root_position"] = place[:, tf.newaxis]
    # These belong to the turned camera; the caller computes both for the real one.
    del lifted["landmarks"], lifted["pitch"]
    return lifted | {"valid": valid, "placed": placed}


def _where_valid(valid, tensor):
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, -1 if tensor.dtype.is_integer else float("nan"))
