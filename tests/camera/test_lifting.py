"""`tf_lift.lift` with a camera: where it agrees with the level lift, with itself and the truth."""

import dataclasses

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import cameras as reference

import tf_lift
from tf_lift import Camera
from tf_lift.camera import lifting as camera_lifting

LENS = (-0.2, 0.24, -0.0009, -0.0014, -0.002)
SIZE = (1024, 1024)


def make_scene(prior, rng, num_poses, camera, beside=0.3, above=0.15, distance=4000.0):
    """Returns joints `[N, L, 3]` and roots `[N, 3]` in the camera frame, and landmarks."""
    poses = prior.sample(num_poses, seed=int(rng.integers(1 << 30)))
    poses -= poses[:, :1]
    yaws = rng.uniform(0, 2 * np.pi, num_poses)
    turns = np.stack([reference.world_to_camera(yaw, camera.pitch, camera.roll) for yaw in yaws])
    joints = np.einsum("nij,nlj->nli", turns, poses)
    slopes = rng.uniform(-1, 1, [num_poses, 2]) * [beside, above]
    rays = np.concatenate([slopes, np.ones([num_poses, 1])], -1)
    roots = distance * rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    landmarks = np.stack(
        [
            reference.project(x, camera.focal_length, camera.principal_point, camera.distortion)
            for x in joints + roots[:, np.newaxis]
        ]
    )
    return joints, roots, landmarks


def mean_error(lifted, joints):
    return np.linalg.norm(lifted["joints_3d"] - joints, axis=-1).mean()


@pytest.mark.parametrize("estimator", ["map", "mean"])
def test_far_away_and_level_it_is_nearly_the_level_lift(tiny_prior, rng, estimator):
    """Twelve angles with a turn of their own do what eighty do."""
    camera = Camera(1e6, (300.0, 200.0), pitch=0.0, roll=0.0, image_size=(600, 400))
    _, _, landmarks = make_scene(tiny_prior, rng, 12, camera, 0, 0, distance=4e6)
    level = tf_lift.lift(landmarks, tiny_prior, camera="level", estimator=estimator)
    lifted = tf_lift.lift(landmarks, tiny_prior, camera=camera, estimator=estimator)
    assert lifted.keys() == level.keys() | {"root_position"}
    assert np.median(np.linalg.norm(lifted["joints_3d"] - level["joints_3d"], axis=-1)) < 8
    np.testing.assert_allclose(lifted["root_position"][:, 2], 1e6 / lifted["scale"], rtol=0.05)
    # Without a focal length nothing but the place is lost.
    attitude = tf_lift.lift(
        landmarks, tiny_prior, camera=Camera(pitch=0.0, roll=0.0), estimator=estimator
    )
    np.testing.assert_allclose(attitude["joints_3d"], lifted["joints_3d"], atol=0.1)


@pytest.mark.parametrize(("pitch", "roll"), [(0.0, 0.0), (0.5, 0.35), (-0.3, -2.0)])
def test_recovers_pose_and_place(tiny_prior, rng, pitch, roll):
    """Landmarks without noise of poses that the prior knows, close to the camera."""
    camera = Camera((1145.0, 1131.0), (512.5, 515.4), LENS, pitch, roll, SIZE)
    joints, roots, landmarks = make_scene(tiny_prior, rng, 12, camera, distance=3000.0)
    lifted = tf_lift.lift(landmarks, tiny_prior, camera=camera)
    attitude = tf_lift.lift(landmarks, tiny_prior, camera=Camera(pitch=pitch, roll=roll))
    assert mean_error(lifted, joints) < 40
    assert mean_error(lifted, joints) < 0.6 * mean_error(attitude, joints)
    depth_error = np.abs(lifted["root_position"][:, 2] / roots[:, 2] - 1)
    assert np.median(depth_error) < 0.03
    sideways = np.abs(lifted["root_position"] - roots)[:, :2]
    assert np.median(sideways) < 40
    # The pose in perspective and with distortion is where the landmarks are.
    assert np.median(np.linalg.norm(lifted["landmarks"] - landmarks, axis=-1)) < 8
    projected = camera.project(lifted["joints_3d"] + lifted["root_position"][:, None])
    np.testing.assert_allclose(lifted["landmarks"], projected, rtol=1e-9)
    np.testing.assert_allclose(lifted["pitch"], pitch)
    np.testing.assert_allclose(lifted["roll"], roll)


@pytest.mark.parametrize(
    "unknown", [{"pitch": None}, {"roll": None}, {"pitch": None, "roll": None}]
)
def test_finds_what_the_camera_does_not_know(tiny_prior, rng, unknown):
    camera = Camera(1000.0, None, LENS, 0.35, 0.2, SIZE)
    joints, roots, landmarks = make_scene(tiny_prior, rng, 20, camera)
    blind = dataclasses.replace(camera, **unknown)
    lifted = tf_lift.lift(landmarks, tiny_prior, camera=blind)
    assert mean_error(lifted, joints) < 60
    for name in ("pitch", "roll"):
        error = np.abs(lifted[name] - getattr(camera, name))
        assert np.median(error) < (0.1 if name in unknown else 1e-9)
    estimated = camera_lifting.estimate_attitude(landmarks, tiny_prior, blind)
    assert abs(estimated.pitch - 0.35) < 0.08 and abs(estimated.roll - 0.2) < 0.05
    assert dataclasses.replace(estimated, pitch=0.35, roll=0.2) == camera
    without_focal_length = tf_lift.lift(
        landmarks, tiny_prior, camera=Camera(pitch=blind.pitch, roll=blind.roll)
    )
    assert "root_position" not in without_focal_length
    assert mean_error(without_focal_length, joints) < 100


def test_missing_landmarks_change_nothing(tiny_prior, rng):
    camera = Camera(1000.0, None, LENS, 0.3, 0.1, SIZE)
    joints, _, landmarks = make_scene(tiny_prior, rng, 6, camera)
    visible = rng.uniform(size=[6, 17]) > 0.2
    lifted = tf_lift.lift(landmarks, tiny_prior, visible, camera=camera)
    landmarks[~visible] = np.nan
    value, (gradient,) = helpers.upstream_gradients(
        lambda x: tf_lift.lift(x, tiny_prior, visible, camera=camera)["joints_3d"],
        [landmarks],
        rng.normal(size=[6, 17, 3]),
    )
    np.testing.assert_array_equal(value, lifted["joints_3d"])
    assert np.isfinite(lifted["landmarks"]).all()
    assert np.all(gradient.numpy()[~visible] == 0) and np.all(gradient.numpy()[visible] != 0)
    assert mean_error(lifted, joints) < 150


def test_degenerate_poses_are_defined_and_alone(tiny_prior):
    camera = Camera(1000.0, (500.0, 500.0), (-0.4, 0, 0, 0, 0), 0.3, 0.0, (1000, 1000))
    _, _, landmarks = make_scene(tiny_prior, np.random.default_rng(0), 7, camera, 0.1, 0.05)
    good = tf_lift.lift(landmarks[::6], tiny_prior, np.ones([17]), camera=camera)
    visible = np.ones([7, 17])
    none_visible, one_visible, not_finite, no_ray, negative_weight = range(1, 6)
    visible[none_visible] = 0
    visible[one_visible, 1:] = 0
    landmarks[not_finite, 3] = np.nan
    landmarks[no_ray, 3] = [2000, 500]  # The lens shows nothing beyond 609 px from its axis.
    visible[negative_weight, 3] = -1

    landmarks = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        lifted = tf_lift.lift(landmarks, tiny_prior, visible, camera=camera)
        parts = [lifted[name] for name in ("joints_3d", "root_position", "landmarks")]
        total = tf.add_n([tf.reduce_sum(tf.where(tf.math.is_finite(x), x, 0)) for x in parts])
    for name in good:
        np.testing.assert_allclose(lifted[name][::6], good[name], rtol=1e-9, atol=1e-7)
    lifted = {name: value.numpy() for name, value in lifted.items()}
    assert np.isnan(lifted["root_position"][1:6]).all() and np.isnan(lifted["landmarks"][1:6]).all()
    # The mean pose, without a place.
    undetermined = [none_visible, one_visible]
    assert np.isfinite(lifted["joints_3d"][undetermined]).all()
    assert np.all(lifted["mixture_index"][undetermined] >= 0)
    assert np.all(lifted["scale"][undetermined] == 0)
    assert np.isinf(lifted["energy"][undetermined]).all()
    invalid = [not_finite, no_ray, negative_weight]
    assert np.all(lifted["mixture_index"][invalid] == -1)
    assert all(np.isnan(lifted[name][invalid]).all() for name in ("joints_3d", "scale", "pitch"))
    gradient = tape.gradient(total, landmarks).numpy()
    assert np.isfinite(gradient).all()
    # One landmark does tell where the mean pose faces.
    assert np.all(gradient[[none_visible, *invalid]] == 0)
    assert np.all(np.abs(gradient[::6]).max((1, 2)) > 0)


@pytest.mark.parametrize("roll", [0.2, None])
def test_gradient_equals_finite_differences(tiny_prior, rng, roll):
    camera = Camera(1000.0, None, LENS, 0.3, 0.2, SIZE)
    _, _, landmarks = make_scene(tiny_prior, rng, 2, camera)
    camera = dataclasses.replace(camera, roll=roll)

    def value(landmarks):
        lifted = tf_lift.lift(landmarks, tiny_prior, camera=camera)
        names = ("joints_3d", "root_position", "landmarks", "roll")
        return tf.concat([tf.reshape(lifted[name], [-1]) for name in names], 0)

    upstream = rng.standard_normal(value(landmarks).shape)
    _, (gradient,) = helpers.upstream_gradients(value, [landmarks], upstream)
    for _ in range(3):
        direction = rng.standard_normal(landmarks.shape)
        difference = value(landmarks + 1e-5 * direction) - value(landmarks - 1e-5 * direction)
        expected = np.sum(upstream * difference.numpy()) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=5e-6, atol=1e-5)


@pytest.mark.parametrize("camera", [None, Camera(1000.0, (512.0, 500.0), LENS, 0.3, 0.1)])
def test_graph_and_compiled_equal_eager(tiny_prior, rng, camera):
    seen = Camera(1000.0, (512.0, 500.0), LENS, 0.3, 0.1)
    _, _, landmarks = make_scene(tiny_prior, rng, 5, seen)
    landmarks = landmarks.astype(np.float32)

    def lift(landmarks):
        return tf_lift.lift(landmarks, tiny_prior, camera=camera)

    spec = tf.TensorSpec([None, 17, 2], tf.float32)
    graph = tf.function(lift, input_signature=[spec], autograph=False)
    eager = lift(landmarks)
    for size in (5, 1):
        found = graph(landmarks[:size])
        for name in eager:
            np.testing.assert_allclose(found[name], eager[name][:size], rtol=1e-3, atol=0.2)
    compiled = tf.function(lift, jit_compile=True, autograph=False)(landmarks)
    for name in eager:
        np.testing.assert_allclose(compiled[name], eager[name], rtol=1e-3, atol=0.3)


def test_leading_dimensions_types_and_own_options(tiny_prior, rng):
    camera = Camera(1000.0, None, (0.0,) * 5, 0.3, 0.0, SIZE)
    _, _, landmarks = make_scene(tiny_prior, rng, 6, camera, above=0.4)
    landmarks, seen = landmarks.astype(np.float32), np.arange(17) != 5
    options = {"height": rng.uniform(1500, 1900, [6]).astype(np.float32), "num_hypotheses": 2}
    flat = tf_lift.lift(landmarks, tiny_prior, seen, camera=camera, **options)
    nested = tf_lift.lift(
        landmarks.reshape(2, 3, 17, 2),
        tiny_prior,
        seen,
        camera=camera,
        height=options["height"].reshape(2, 3),
        num_hypotheses=2,
    )
    single = tf_lift.lift(
        landmarks[4], tiny_prior, seen, camera=camera, height=options["height"][4], num_hypotheses=2
    )
    for each in (flat, nested, single):
        each |= {f"hypotheses {name}": value for name, value in each.pop("hypotheses").items()}
    for name in flat:
        assert flat[name].dtype == (tf.int32 if name == "mixture_index" else tf.float32)
        np.testing.assert_array_equal(np.reshape(nested[name], flat[name].shape), flat[name])
        np.testing.assert_allclose(single[name], flat[name][4], rtol=1e-3, atol=0.05)


def test_bad_arguments_are_named(tiny_prior):
    camera = Camera(1000.0, (500.0, 500.0))
    lift = tf_lift.lift
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[\.\.\., 17, 2\]"):
        lift(np.zeros([16, 2]), tiny_prior, camera=camera)
    with pytest.raises(ValueError, match=r"`visibility` must have shape \[\.\.\., 17\]"):
        lift(np.zeros([17, 2]), tiny_prior, np.ones(16), camera=camera)
    with pytest.raises(ValueError, match='`camera` must be None, "level" or a tf_lift.Camera'):
        lift(np.zeros([17, 2]), tiny_prior, camera=1000.0)
    with pytest.raises(ValueError, match="`scale` must be None where `camera` is a Camera"):
        lift(np.zeros([17, 2]), tiny_prior, camera=camera, scale=1.0)
    with pytest.raises(ValueError, match=r"among \['estimator', .*'selection'"):
        lift(np.zeros([17, 2]), tiny_prior, camera=camera, selection="energy")
    for field in ({"pitches": (0.1,)}, {"refine": True, "estimator": "map"}):
        with pytest.raises(ValueError, match='must be .* unless `camera` is "level"'):
            lift(np.zeros([17, 2]), tiny_prior, **field)
    with pytest.raises(ValueError, match="`focal_length` must be known to project"):
        Camera(pitch=0.0).project(np.ones([1, 3]))
    with pytest.raises(ValueError, match="`landmarks` must hold a pose with enough landmarks"):
        camera_lifting.estimate_attitude(np.zeros([1, 17, 2]), tiny_prior, camera)
