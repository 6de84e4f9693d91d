"""`tf_lift.lift_with_camera`: landmarks, a prior and a camera in, poses and places out."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tf_lift.camera.camera import Camera
from tf_lift.lifting import lift
from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import recentring

__all__ = ["DEFAULT_PITCHES", "estimate_pitch", "lift_with_camera"]

# Where a camera's pitch is not known: from a little upwards to a camera high on a wall.
DEFAULT_PITCHES = tuple(math.radians(degrees) for degrees in range(-20, 61, 10))

# Distance of the pitches for which tables of the prior are made. Each person is lifted with the
# nearest one, by a camera that is turned to that very pitch: it sees the person up to 7.5
# degrees above or below its middle, and `straighten` takes that out. Steps of 5, 10 and 20
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
    **options,
):
    """Lifts 2D landmarks to 3D, and places them before a camera that is known.

    The landmarks are undistorted and seen as a camera would see them that stands in the
    same place and heads for the person, without roll. There the person is lifted at the
    pitch of that camera. The depths of the joints, once known, take the perspective out
    of the landmarks, which are then lifted again. The root's depth is focal length
    / scale.

    Works eagerly and in a `tf.function` (where an `image_size` keeps the graph small: it
    tells how far from the camera's own the pitches of persons can be), but not under
    `jit_compile=True`. Each pose is lifted on its own, whatever else is in the batch.
    Differentiable as `tf_lift.lift` is.

    Degenerate input, beyond that of `tf_lift.ops.lift.lift.lift`: a visible landmark that
    the lens cannot have seen, or a right angle or more away from the others, makes a pose
    NaN, with `mixture_index` -1, as one that is not finite does. Landmarks that leave the
    scale open give the mean pose without a place: `root_position` and `landmarks` are NaN.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels of the camera's image.
        prior: `PosePrior` of L joints.
        camera: `Camera` of all the landmarks.
        visibility: `[..., L]`, bool or weights >= 0; `None` for all visible.
        pitches: Where the camera's pitch is `None`: the pitches to try, rad. The most
            probable wins, for each pose on its own: many poses of one camera tell it
            better, see `estimate_pitch`.
        num_perspective_steps: How many times to lift again.
        **options: Those of `tf_lift.lift`, but `scale`.

    Returns:
        The dict of `tf_lift.lift`, of which `joints_3d` and `rotation_angle` are those of the
        camera (as it is held, rolled and pitched), `landmarks` those of the pose in
        perspective and with distortion, and `scale` that at joint 0. With `root_position`
        `[..., 3]`, mm, camera frame: the place of joint 0, to be added to `joints_3d`.

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
    _check_options(camera, num_perspective_steps, options)
    leading, static_leading = tf.shape(landmarks)[:-2], landmarks.shape[:-2]
    if visibility is not None:
        visibility = tf.cast(tf.convert_to_tensor(visibility), landmarks.dtype)
        shapes.check_shape(visibility, "visibility", joints)
        visibility = tf.broadcast_to(visibility, tf.shape(landmarks)[:-1])
        visibility = tf.reshape(visibility, [-1, joints])
    rays = camera.to_rays(tf.reshape(landmarks, [-1, joints, 2]))
    options = _per_pose(options, leading, landmarks.dtype)

    tried = [
        _lift_at_pitch(rays, visibility, prior, camera, pitch, num_perspective_steps, options)
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

    lifted = {name: restore(value) for name, value in lifted.items()}
    hypotheses = {name: lifted.pop(name) for name in _HYPOTHESES if name in lifted}
    if hypotheses:
        lifted["hypotheses"] = {_HYPOTHESES[name]: hypotheses[name] for name in hypotheses}
    return lifted


def estimate_pitch(
    landmarks, prior, camera, visibility=None, *, pitches=DEFAULT_PITCHES, **options
) -> Camera:
    """Finds the pitch of a camera from poses that it saw: the most probable one of all.

    People stand, walk and sit upright: 30 poses tell the pitch within 3 degrees. Not
    differentiable.

    Args:
        landmarks: `[N, L, 2]`, pixels.
        prior: `PosePrior` of L joints.
        camera: `Camera`; its `pitch` counts nothing.
        visibility: `[N, L]`, as in `lift_with_camera`.
        pitches: Pitches to try, rad, rising by the same step.
        **options: Those of `tf_lift.lift`, but `scale`.

    Returns:
        The camera, with the pitch: between those that were tried, where the score has a
        minimum between.

    Raises:
        ValueError: If no pose has landmarks enough to tell.

    >>> prior = tf_lift.PosePrior.load()
    >>> joints = prior.sample(4, seed=0)[:, :, [0, 2, 1]] * [1, -1, 1] + [0, 0, 4000]
    >>> camera = tf_lift.Camera(1000.0, (320.0, 240.0), pitch=None)
    >>> found = estimate_pitch(camera.project(joints), prior, camera, pitches=(-0.4, 0.0, 0.4))
    >>> abs(found.pitch) < 0.2
    True
    """
    _check_options(camera, 1, options)
    landmarks = dtypes.to_float(landmarks)
    shapes.check_shape(landmarks, "landmarks", prior.num_joints, 2)
    if visibility is not None:
        visibility = tf.cast(tf.convert_to_tensor(visibility), landmarks.dtype)
    rays = camera.to_rays(landmarks)
    options = _per_pose(options, tf.shape(landmarks)[:1], landmarks.dtype)
    angles = _pitches(dataclasses.replace(camera, pitch=None), pitches)
    tried = [_lift_at_pitch(rays, visibility, prior, camera, pitch, 1, options) for pitch in angles]
    scores = np.stack([_score(lifted, prior) for lifted in tried], -1)
    scores = scores[np.isfinite(scores).all(-1)]
    if not len(scores):
        raise ValueError("`landmarks` must hold a pose that tells a pitch. Received: none")
    # A pose that the prior knows nothing like must not outvote the others.
    scores = np.minimum(scores - scores.min(-1, keepdims=True), _MOST_VOTES).sum(0)
    best = int(scores.argmin())
    pitch = angles[best]
    if 0 < best < len(angles) - 1:
        before, at, after = scores[best - 1 : best + 2]
        curvature = before - 2 * at + after
        if curvature > 0:
            pitch += (before - after) / (2 * curvature) * (angles[best + 1] - angles[best])
    return dataclasses.replace(camera, pitch=float(pitch))


# The most by which one pose can be for one pitch and against another: that of odds of e^50.
_MOST_VOTES = 100.0


# Options of the lift that may have a value for each pose, with the rank of one value.
_VALUE_RANKS = {"landmark_noise": 1, "bone_lengths": 1, "height": 0}
# The entries of the lift's dict of hypotheses, as they are named among the others meanwhile.
_HYPOTHESES = {f"hypotheses {name}": name for name in ("joints_3d", "probability")}


def _per_pose(options, leading, dtype):
    """Gives options that have a value for each pose one batch dimension."""
    options = dict(options)
    for name, rank in _VALUE_RANKS.items():
        value = options.get(name)
        if value is None or isinstance(value, str):
            continue
        value = tf.cast(tf.convert_to_tensor(value), dtype)
        if value.shape.rank > rank:
            end = tf.shape(value)[value.shape.rank - rank :]
            value = tf.broadcast_to(value, tf.concat([leading, end], 0))
            options[name] = tf.reshape(value, tf.concat([[-1], end], 0))
    return options


def _of_rows(options, rows):
    """Returns the options of some of the poses."""
    return {
        name: tf.gather(value, rows)
        if tf.is_tensor(value) and value.shape.rank > _VALUE_RANKS.get(name, value.shape.rank)
        else value
        for name, value in options.items()
    }


def _check_options(camera, num_perspective_steps, options):
    if not isinstance(camera, Camera):
        raise ValueError(f"`camera` must be a Camera. Received: {camera!r}")
    if num_perspective_steps < 0:
        raise ValueError(
            f"`num_perspective_steps` must not be negative. Received: {num_perspective_steps}"
        )
    if options.get("scale") is not None:
        raise ValueError(
            "`scale` must be left out: the camera's focal length and the person's depth make it. "
            f"Received: {options['scale']}"
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


def _lift_at_pitch(rays, visibility, prior, camera, pitch, num_steps, options):
    """Lifts rays `[B, L, 2]` of a camera at one pitch: each pose by the nearest table."""
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
    for i, chosen in zip(present, rows, strict=True):
        table_pitch = i * _PITCH_STEP
        rotation, angle = recentring.recentring_rotation(
            tf.gather(ray, chosen), level, tf.constant(table_pitch, rays.dtype)
        )
        turned = recentring.rotate_rays(tf.gather(rays, chosen), rotation)
        seen = None if visibility is None else tf.gather(visibility, chosen)
        own = _of_rows(options, chosen)
        part = _lift_turned(turned, seen, prior, focal_length, table_pitch, num_steps, own)
        part["rotation_angle"] = tf.math.floormod(part["rotation_angle"] + angle, 2 * np.pi)
        back = tf.linalg.matrix_transpose(rotation)
        for name in {"joints_3d", "root_position", "hypotheses joints_3d"} & part.keys():
            turn = back if part[name].shape.rank == 3 else back[:, tf.newaxis]
            part[name] = recentring.rotate_points(part[name], turn)
        parts.append(part)
    lifted = {name: tf.dynamic_stitch(rows, [part[name] for part in parts]) for name in parts[0]}
    # Only now, because the rotations' gradient would have zero times NaN.
    valid, placed = lifted.pop("valid"), lifted.pop("placed")
    lifted = {name: _where_valid(valid, value) for name, value in lifted.items()}
    lifted["root_position"] = _where_valid(valid & placed, lifted["root_position"][:, 0])
    pitches = tf.fill(tf.shape(index), tf.constant(pitch, rays.dtype))
    lifted["pitch"] = _where_valid(valid, pitches)
    return lifted


def _possible_indices(camera, pitch):
    """Returns the tables' pitches, in steps, of all the rays that an image can hold."""
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


def _lift_turned(rays, visibility, prior, focal_length, pitch, num_steps, options):
    """Lifts rays of an upright camera that heads for the person, and finds the root."""
    seen = tf.ones(tf.shape(rays)[:-1], bool) if visibility is None else visibility > 0
    finite = tf.reduce_all(tf.math.is_finite(rays), -1)
    valid = tf.reduce_all(finite | ~seen, -1)
    if visibility is not None:
        usable = tf.math.is_finite(visibility) & (visibility >= 0)
        valid &= tf.reduce_all(usable, -1)
        visibility = tf.where(usable, visibility, 0)
    # Blanked here, because zero gradients times NaN would be NaN.
    seen &= valid[:, tf.newaxis]
    rays = tf.where(seen[..., tf.newaxis], rays, 0)
    count = tf.reduce_sum(tf.cast(seen, rays.dtype), -1)

    straight = rays
    for step in range(num_steps + 1):
        lifted = lift(focal_length * straight, prior, visibility, pitches=(pitch,), **options)
        placed = lifted["scale"] > 0
        scale = tf.where(placed, lifted["scale"], 1)
        depth = focal_length / scale
        if step == 0:
            # Weak perspective's one depth is about the mean one of what was seen.
            total = tf.reduce_sum(tf.where(seen, lifted["joints_3d"][..., 2], 0), -1)
            depth -= tf.math.divide_no_nan(total, count)
        if step < num_steps:
            depth = tf.where(placed, depth, 0)
            straight = recentring.straighten(rays, lifted["joints_3d"], depth)
    place = tf.concat([lifted["landmarks"][:, 0] / scale[:, tf.newaxis], depth[:, tf.newaxis]], -1)
    hypotheses = lifted.pop("hypotheses", {})
    lifted |= {f"hypotheses {name}": value for name, value in hypotheses.items()}
    lifted["root_position"] = place[:, tf.newaxis]
    # Of the turned camera: both are made anew for the one that took the image.
    del lifted["landmarks"], lifted["pitch"]
    return lifted | {"valid": valid, "placed": placed}


def _where_valid(valid, tensor):
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, -1 if tensor.dtype.is_integer else float("nan"))
