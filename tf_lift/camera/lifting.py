"""The lift of landmarks that a camera saw of which something, or nothing, is known."""

import dataclasses
import functools
import math

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import recentring
from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import inputs, outputs
from tf_lift.ops.lift.attitude import expectation as expected
from tf_lift.ops.lift.attitude import lift as attitude_lift
from tf_lift.ops.lift.attitude.expectation import Expectation
from tf_lift.ops.lift.fast.xla import tracing
from tf_lift.ops.lift.options import LiftOptions, ReadOut
from tf_lift.prior import bone_lengths as prior_bone_lengths
from tf_lift.prior.attitude_tables import build_attitude_tables

__all__ = ["estimate_attitude", "lift_seen"]

# Of a camera whose pitch and roll are known: the distance of the pitches for which tables are
# built, and a candidate's own turn about the vertical between the angles of the grid. Each
# person is lifted by a camera that is turned to the nearest pitch of the tables and sees the
# person up to half of that above or below its middle, which is perspective and is removed.
_PITCH_STEP = math.radians(15.0)
_TURN_STDDEV = (0.0, 0.0, 0.1)

# A known angle that stands beside an unknown one is known to this, rad; where both are known,
# attitudes of other tables are excluded.
_KNOWN = math.radians(2.0)
# Half of the vertical view of a camera whose image size is unknown, rad.
_HALF_VIEW = math.radians(25.0)
_EXACT = 1e-6


def lift_seen(landmarks, prior, camera, visibility, options, jit_compile):
    """Lifts landmarks `[..., L, 2]` of a `Camera`, or of one that nothing is known of.

    With a focal length, landmarks are undistorted and turned to a virtual camera in the same
    place that faces the person. With a known attitude that camera has no roll and a pitch for
    which there are tables. The perspective of each candidate's own depths is removed before
    candidates are compared. The root's depth is focal length / scale.

    Args:
        landmarks: `[..., L, 2]`, px.
        prior: `PosePrior`.
        camera: `Camera`, or `None`.
        visibility: `[..., L]`, bool or weights >= 0, or `None`.
        options: `LiftOptions`.
        jit_compile: Whether XLA compiles the lift.

    Returns:
        The dict of `tf_lift.lift`.

    References:
        docs/method.md, M27 to M29.
    """
    _check(options)
    joints = prior.num_joints
    landmarks = dtypes.to_float(landmarks)
    shapes.check_shape(landmarks, "landmarks", joints, 2)
    shapes.check_not_empty(landmarks, "landmarks")
    arguments = {"landmarks": landmarks}
    if visibility is not None:
        visibility = tf.convert_to_tensor(visibility)
        shapes.check_shape(visibility, "visibility", joints)
        arguments["weights"] = visibility
    if options.landmark_stddev:
        stddev = tf.constant(options.landmark_stddev, landmarks.dtype)
        if stddev.shape.rank:
            shapes.check_shape(stddev, "landmark_stddev", joints)
        arguments["noise"] = stddev
    if options.outlier_probability:
        outlier = tf.constant(options.outlier_probability, landmarks.dtype)
        if outlier.shape.rank:
            shapes.check_shape(outlier, "outlier_probability", joints)
        arguments["outlier"] = outlier
    lengths = prior_bone_lengths.resolve(prior, options.bone_lengths, options.height)
    parents = None
    if lengths is not None:
        parents = tuple(skeletons.get(prior.skeleton).parents)
        arguments["bone_lengths"] = tf.convert_to_tensor(lengths)
        limbs.check(arguments["bone_lengths"], parents, joints)
    leading = landmarks.shape[:-2]
    flat = {}
    for name, values in arguments.items():
        suffix = [joints, 2] if name == "landmarks" else [joints - (name == "bone_lengths")]
        values = tf.cast(values, landmarks.dtype)
        if name != "landmarks":
            values = tf.broadcast_to(values, tf.concat([tf.shape(landmarks)[:-2], suffix], 0))
        flat[name] = tf.reshape(values, [leading.num_elements() or -1, *suffix])
    read_out = ReadOut(
        options.estimator,
        options.temperature,
        num_hypotheses=options.num_hypotheses,
        add_residuals=options.add_residuals,
        parents=parents,
        compiled=jit_compile or tracing.is_compiled_as_a_whole(),
    )
    result = _lift_flat(prior, camera, read_out, flat)

    def restore(tensor):
        suffix = tensor.shape[1:]
        tensor = tf.reshape(tensor, tf.concat([tf.shape(landmarks)[:-2], suffix], 0))
        tensor.set_shape(leading.concatenate(suffix))
        return tensor

    return tf.nest.map_structure(restore, result)


def _check(options):
    for name, default in (("pitches", (0.0,)), ("refine", False)):
        value = getattr(options, name)
        if value != default:
            raise ValueError(
                f'`{name}` must be {default} unless `camera` is "level": pitch and rotation are '
                f"searched and refined, or known. Received: {value}"
            )


def _lift_flat(prior, camera, read_out, batch):
    """Lifts a batch of landmarks `[B, L, 2]`."""
    landmarks = batch["landmarks"]
    dtype = landmarks.dtype
    camera = Camera() if camera is None else camera
    count = tf.shape(landmarks)[0]
    knows_attitude = camera.pitch is not None and camera.roll is not None

    def fill(value):
        return tf.fill([count], tf.constant(value, dtype))

    rolls = (0.0,) if camera.roll is not None else expected.ROLLS
    turn_stddev = _TURN_STDDEV if knows_attitude else expected.TURN_STDDEV
    if camera.focal_length is None:
        exact = _EXACT if knows_attitude else _KNOWN
        expectation = Expectation(
            fill(expected.MEAN_PITCH if camera.pitch is None else camera.pitch),
            fill(expected.PITCH_STDDEV if camera.pitch is None else exact),
            fill(camera.roll or 0.0),
            fill(expected.ROLL_STDDEV if camera.roll is None else exact),
        )
        pitches = expected.PITCHES
        if camera.pitch is not None:
            # A pitch near the known one: with an unknown roll, candidates turn on their own.
            pitches = (camera.pitch,)
        tables = build_attitude_tables(prior, pitches, turn_stddev, dtype)
        result = attitude_lift.lift_rows(tables, read_out, rolls, batch | expectation._asdict())
        return _name_angles(result, camera)

    # Poses that are not valid are blanked until the end: zero gradients times NaN would be NaN.
    # So are landmarks of which squares overflow, before their rays are found.
    in_range = inputs.is_in_range(landmarks, tf.ones([1], dtype))[..., tf.newaxis]
    rays = camera.to_rays(tf.where(in_range, landmarks, 0))
    batch = batch | {"landmarks": tf.where(in_range, rays, float("nan"))}
    rays, _, valid = inputs.without_invalid(batch)
    for name, blank in (("weights", 0), ("noise", 1), ("outlier", 0), ("bone_lengths", 1)):
        if name in batch:
            batch[name] = tf.where(valid[:, tf.newaxis], batch[name], blank)
    visible = tf.ones_like(rays[..., 0], tf.bool)
    if "weights" in batch:
        visible = batch["weights"] > 0
    ray = recentring.mean_ray(rays, visible & valid[:, tf.newaxis])
    level = recentring.level_rotation(
        tf.constant(camera.pitch or 0.0, dtype), tf.constant(camera.roll or 0.0, dtype)
    )
    pitch = recentring.ray_pitch(ray, level)
    if knows_attitude:
        steps = _possible_steps(camera)
        pitches = tuple(step * _PITCH_STEP for step in steps)
        nearest = tf.clip_by_value(tf.round(pitch / _PITCH_STEP), float(steps[0]), float(steps[-1]))
        pitch = tf.stop_gradient(nearest * _PITCH_STEP)
        expectation = Expectation(pitch, fill(_EXACT), fill(0.0), fill(_EXACT))
    else:
        pitches = _grid(camera)
        unknown = camera.pitch is None
        expectation = Expectation(
            pitch + (expected.MEAN_PITCH if unknown else 0.0),
            fill(expected.PITCH_STDDEV if unknown else _KNOWN),
            fill(0.0),
            fill(expected.ROLL_STDDEV if camera.roll is None else _KNOWN),
        )
    rotation, angle = recentring.recentring_rotation(ray, level, pitch)
    turned = recentring.rotate_rays(rays, rotation)
    in_front = tf.reduce_all(tf.math.is_finite(turned), -1)
    valid &= tf.reduce_all(in_front | ~visible, -1)
    shown = (visible & in_front & valid[:, tf.newaxis])[..., tf.newaxis]
    focal_length = math.sqrt(camera.focal_length[0] * camera.focal_length[1])
    batch |= expectation._asdict()
    batch["landmarks"] = focal_length * tf.where(shown, turned, 0)
    batch["focal_length"] = fill(focal_length)
    tables = build_attitude_tables(prior, pitches, turn_stddev, dtype)
    result = outputs.flatten(attitude_lift.lift_rows(tables, read_out, rolls, batch))
    back = tf.linalg.matrix_transpose(rotation)
    for name in {"joints_3d", "hypotheses_joints_3d"} & result.keys():
        turn = back if result[name].shape.rank == 3 else back[:, tf.newaxis]
        result[name] = recentring.rotate_points(result[name], turn)
    for name in ("root_position", "up"):
        result[name] = tf.linalg.matvec(back, result[name])
    result["rotation_angle"] = tf.math.floormod(result["rotation_angle"] + angle, 2 * np.pi)
    placed = result["scale"] > 0
    joints = result["joints_3d"] + result["root_position"][:, tf.newaxis]
    joints = tf.where((valid & placed)[:, tf.newaxis, tf.newaxis], joints, [0.0, 0.0, 1.0])
    result["landmarks"] = _where_valid(placed, camera.project(joints))
    result["root_position"] = _where_valid(placed, result["root_position"])
    result = {name: _where_valid(valid, value) for name, value in result.items()}
    return _name_angles(outputs.nest(result), camera)


def _name_angles(result, camera):
    """Returns results with `pitch` and `roll` in place of `up`: those known, or of the pose."""
    result = dict(result)
    up = result.pop("up")
    x, y, z = tf.unstack(up, axis=-1)
    across = tf.sqrt(tf.maximum(x**2 + y**2, 1e-12))
    nothing = tf.zeros_like(x) * x  # NaN where the pose is.
    for name, found in (("pitch", tf.atan2(-z, across)), ("roll", tf.atan2(x, -y))):
        known = getattr(camera, name)
        result[name] = found if known is None else known + nothing
    return result


def _possible_steps(camera):
    """Returns the pitches, in steps, of the rays of an image of a camera of known attitude."""
    largest = round(math.pi / 2 / _PITCH_STEP)
    if camera.image_size is None:
        return range(-largest, largest + 1)
    first, last = _ray_pitches(camera)
    return range(round(first / _PITCH_STEP), round(last / _PITCH_STEP) + 1)


def _grid(camera):
    """Returns the pitches to search, rad, of a camera whose pitch or roll is unknown."""
    first, last = (-_HALF_VIEW, _HALF_VIEW)
    if camera.image_size is not None:
        first, last = _ray_pitches(camera)
    if camera.pitch is None:
        first, last = first + expected.PITCHES[0], last + expected.PITCHES[-1]
    step = expected.PITCHES[1] - expected.PITCHES[0]
    count = max(1, math.ceil((last - first) / step))
    margin = (last - first - (count - 1) * step) / 2
    return tuple(first + margin + step * index for index in range(count))


@functools.lru_cache(maxsize=64)
def _ray_pitches(camera):
    """Returns the lowest and the highest pitch of the rays of a camera's image, rad."""
    width, height = camera.image_size
    pixels = np.stack(
        np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9)), -1
    ).reshape(-1, 2)
    with tf.init_scope():
        rays = camera.to_rays(tf.constant(pixels))
        rays = tf.boolean_mask(rays, tf.reduce_all(tf.math.is_finite(rays), -1))
        rays = tf.concat([rays, tf.ones_like(rays[:, :1])], -1)
        level = recentring.level_rotation(
            tf.constant(camera.pitch or 0.0, rays.dtype),
            tf.constant(camera.roll or 0.0, rays.dtype),
        )
        pitches = recentring.ray_pitch(rays, level).numpy()
    return float(pitches.min()), float(pitches.max())


def estimate_attitude(landmarks, prior, camera=None, visibility=None, options=None) -> Camera:
    """Estimates the pitch and roll of a camera that took many poses.

    Args:
        landmarks: `[N, L, 2]`, px.
        prior: `PosePrior` of L joints.
        camera: `Camera`; what it does not know of pitch and roll is estimated. `None` for one
            that nothing is known of.
        visibility: `[N, L]`, as in `tf_lift.lift`.
        options: `tf_lift.LiftOptions`; `None` for the defaults.

    Returns:
        The camera with the median of each unknown angle over the poses.

    Raises:
        ValueError: If no pose has enough landmarks.

    >>> prior = tf_lift.PosePrior.load()
    >>> joints = prior.sample(4, seed=0)[:, :, [0, 2, 1]] * [1, -1, 1] + [0, 0, 4000]
    >>> camera = tf_lift.Camera(1000.0, (320.0, 240.0), image_size=(641, 481))
    >>> abs(estimate_attitude(camera.project(joints), prior, camera).pitch) < 0.2
    True
    """
    camera = Camera() if camera is None else camera
    options = LiftOptions() if options is None else options
    lifted = lift_seen(landmarks, prior, camera, visibility, options, False)
    usable = np.isfinite(lifted["pitch"]) & (lifted["scale"].numpy() > 0)
    if not usable.any():
        raise ValueError(
            "`landmarks` must hold a pose with enough landmarks to determine a pitch. "
            "Received: none"
        )
    median = {name: float(np.median(lifted[name].numpy()[usable])) for name in ("pitch", "roll")}
    return dataclasses.replace(camera, **median)


def _where_valid(valid, tensor):
    valid = tf.reshape(valid, tf.concat([tf.shape(valid), [1] * (tensor.shape.rank - 1)], 0))
    return tf.where(valid, tensor, -1 if tensor.dtype.is_integer else float("nan"))
