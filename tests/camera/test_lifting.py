"""`lift_with_camera`: where it must agree with the plain lift, with itself and with the truth."""

import dataclasses

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import cameras as reference

import tf_lift
from tf_lift import Camera
from tf_lift.camera import lifting as camera_lifting

pytestmark = pytest.mark.usefixtures("untraced_lifts")

LENS = (-0.2, 0.24, -0.0009, -0.0014, -0.002)
ROTATIONS = 12
OPTIONS = {"estimator": "map", "num_rotations": ROTATIONS}


def make_scene(prior, rng, num_poses, camera, beside=0.3, above=0.15, distance=4000.0):
    """Returns joints `[N, L, 3]` and roots `[N, 3]` in the camera frame, and landmarks."""
    poses = prior.sample(num_poses, seed=int(rng.integers(1 << 30)))
    poses -= poses[:, :1]
    yaws = rng.uniform(0, 2 * np.pi, num_poses)
    pitch = 0.0 if camera.pitch is None else camera.pitch
    turns = np.stack([reference.world_to_camera(yaw, pitch, camera.roll) for yaw in yaws])
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
def test_far_away_and_centred_it_is_the_plain_lift(tiny_prior, rng, estimator):
    options = tf_lift.LiftOptions(estimator, ROTATIONS)
    camera = Camera(1e6, (300.0, 200.0), pitch=np.radians(30.0))
    _, _, landmarks = make_scene(tiny_prior, rng, 4, camera, 0, 0, distance=4e6)
    plain = tf_lift.lift(landmarks, tiny_prior, options=options, pitches=(camera.pitch,))
    lifted = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, options=options)
    assert lifted.keys() == plain.keys() | {"root_position"}
    turn = lifted["rotation_angle"] - plain["rotation_angle"]
    np.testing.assert_allclose(np.exp(1j * turn.numpy()), 1, atol=1e-4)
    for name in plain.keys() - {"rotation_angle"}:
        np.testing.assert_allclose(lifted[name], plain[name], rtol=2e-3, atol=2.0, err_msg=name)
    np.testing.assert_array_equal(lifted["mixture_index"], plain["mixture_index"])
    np.testing.assert_allclose(lifted["root_position"][:, 2], 1e6 / plain["scale"], rtol=1e-3)


@pytest.mark.parametrize(("pitch", "roll"), [(0.0, 0.0), (0.5, 0.35), (-0.3, -2.0)])
def test_recovers_pose_and_place(tiny_prior, rng, pitch, roll):
    """Landmarks without noise of poses that the prior knows, close to the camera."""
    camera = Camera((1145.0, 1131.0), (512.5, 515.4), LENS, pitch=pitch, roll=roll)
    joints, roots, landmarks = make_scene(tiny_prior, rng, 12, camera, distance=3000.0)
    options = {"estimator": "map"}
    lifted = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, **options)
    plain = tf_lift.lift(landmarks, tiny_prior, pitches=(pitch,), **options)
    assert mean_error(lifted, joints) < 40
    assert mean_error(lifted, joints) < 0.5 * mean_error(plain, joints)
    depth_error = np.abs(lifted["root_position"][:, 2] / roots[:, 2] - 1)
    assert np.median(depth_error) < 0.03
    sideways = np.abs(lifted["root_position"] - roots)[:, :2]
    assert np.median(sideways) < 40
    # The pose in perspective and with distortion is where the landmarks are.
    assert np.median(np.linalg.norm(lifted["landmarks"] - landmarks, axis=-1)) < 6
    projected = camera.project(lifted["joints_3d"] + lifted["root_position"][:, None])
    np.testing.assert_allclose(lifted["landmarks"], projected, rtol=1e-9)
    np.testing.assert_allclose(lifted["pitch"], pitch)


def test_rotation_angle_is_that_of_the_camera(tiny_prior, rng):
    """joints_3d is a pose of the prior, turned by the angle and seen by camera and roll."""
    camera = Camera(1000.0, (500.0, 500.0), pitch=0.4, roll=0.3)
    _, _, landmarks = make_scene(tiny_prior, rng, 6, camera)
    lifted = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, **OPTIONS)
    assert np.all((lifted["rotation_angle"] >= 0) & (lifted["rotation_angle"] < 2 * np.pi))
    for i in range(6):
        turn = reference.world_to_camera(float(lifted["rotation_angle"][i]), 0.4, 0.3)
        pose = lifted["joints_3d"][i].numpy() @ turn
        k = int(lifted["mixture_index"][i])
        basis = tiny_prior.basis[k].reshape(tiny_prior.num_bases, -1)
        offset = (pose - tiny_prior.mean_pose[k]).reshape(-1)
        np.testing.assert_allclose(basis.T @ (basis @ offset), offset, atol=1e-6)


def test_perspective_steps_pay_close_to_the_camera(tiny_prior, rng):
    camera = Camera(1000.0, (500.0, 500.0), pitch=0.5)
    joints, _, landmarks = make_scene(tiny_prior, rng, 20, camera, distance=2000.0)
    errors = [
        mean_error(
            tf_lift.lift_with_camera(
                landmarks,
                tiny_prior,
                camera,
                num_perspective_steps=steps,
                estimator="map",
                num_rotations=40,
            ),
            joints,
        )
        for steps in (0, 2)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_steps_of_the_tables_change_little(tiny_prior, rng, monkeypatch):
    camera = Camera(1000.0, (500.0, 500.0), pitch=0.2)
    joints, _, landmarks = make_scene(tiny_prior, rng, 10, camera, above=0.35)
    coarse = tf_lift.lift_with_camera(
        landmarks, tiny_prior, camera, estimator="map", num_rotations=40
    )
    monkeypatch.setattr(camera_lifting, "_PITCH_STEP", np.radians(6.0))
    fine = tf_lift.lift_with_camera(
        landmarks, tiny_prior, camera, estimator="map", num_rotations=40
    )
    difference = np.linalg.norm(coarse["joints_3d"] - fine["joints_3d"], axis=-1)
    assert 0 < np.median(difference) < 8


@pytest.mark.parametrize("pitch", [0.0, 0.35])
def test_unknown_pitch_is_searched(tiny_prior, rng, pitch):
    camera = Camera(1000.0, (500.0, 500.0), pitch=pitch, roll=0.2)
    joints, _, landmarks = make_scene(tiny_prior, rng, 12, camera)
    unknown = dataclasses.replace(camera, pitch=None)
    pitches = (-0.35, 0.0, 0.35)
    lifted = tf_lift.lift_with_camera(landmarks, tiny_prior, unknown, pitches=pitches, **OPTIONS)
    found = lifted["pitch"].numpy()
    assert set(found.round(6)) <= set(pitches) and np.mean(np.isclose(found, pitch)) > 0.7
    # What it says of a pose is what that pitch gives.
    i = int(np.flatnonzero(np.isclose(found, pitch))[0])
    given = tf_lift.lift_with_camera(landmarks[i], tiny_prior, camera, **OPTIONS)
    for name in given:
        np.testing.assert_allclose(lifted[name][i], given[name], rtol=1e-7, atol=1e-6)
    estimated = camera_lifting.estimate_pitch(
        landmarks, tiny_prior, unknown, pitches=pitches, **OPTIONS
    )
    assert abs(estimated.pitch - pitch) < 0.1
    assert dataclasses.replace(estimated, pitch=pitch) == camera


def test_missing_landmarks_change_nothing(tiny_prior, rng):
    camera = Camera(1000.0, (500.0, 500.0), LENS, pitch=0.3)
    joints, _, landmarks = make_scene(tiny_prior, rng, 6, camera)
    visible = rng.uniform(size=[6, 17]) > 0.2
    lifted = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, visible, **OPTIONS)
    landmarks[~visible] = np.nan
    value, (gradient,) = helpers.upstream_gradients(
        lambda x: tf_lift.lift_with_camera(x, tiny_prior, camera, visible, **OPTIONS)["joints_3d"],
        [landmarks],
        rng.normal(size=[6, 17, 3]),
    )
    np.testing.assert_array_equal(value, lifted["joints_3d"])
    assert np.isfinite(lifted["landmarks"]).all()
    assert np.all(gradient.numpy()[~visible] == 0) and np.all(gradient.numpy()[visible] != 0)
    assert mean_error(lifted, joints) < 150


@pytest.fixture(scope="module")
def three_poses(small_prior):
    """A camera with a lens, landmarks of three poses, and the lift of the outer two."""
    camera = Camera(1000.0, (500.0, 500.0), (-0.4, 0, 0, 0, 0), pitch=0.3)
    _, _, landmarks = make_scene(small_prior, np.random.default_rng(0), 3, camera)
    good = tf_lift.lift_with_camera(landmarks[::2], small_prior, camera, np.ones([7]), **OPTIONS)
    return camera, landmarks, good


@pytest.mark.parametrize(
    "case", ["none visible", "one visible", "not finite", "no ray", "negative weight"]
)
def test_degenerate_poses_are_defined_and_alone(small_prior, three_poses, case):
    camera, landmarks, good = three_poses
    landmarks = landmarks.copy()
    visible = np.ones([3, 7])
    if case == "none visible":
        visible[1] = 0
    elif case == "one visible":
        visible[1, 1:] = 0
    elif case == "not finite":
        landmarks[1, 3] = np.nan
    elif case == "no ray":
        landmarks[1, 3] = [2000, 500]  # The lens shows nothing beyond 609 px from its axis.
    else:
        visible[1, 3] = -1

    landmarks = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        lifted = tf_lift.lift_with_camera(landmarks, small_prior, camera, visible, **OPTIONS)
        parts = [lifted[name] for name in ("joints_3d", "root_position", "landmarks")]
        total = tf.add_n([tf.reduce_sum(tf.where(tf.math.is_finite(x), x, 0)) for x in parts])
    for name in good:
        np.testing.assert_allclose(lifted[name][::2], good[name], rtol=1e-9, atol=1e-7)
    assert np.isnan(lifted["root_position"][1]).all() and np.isnan(lifted["landmarks"][1]).all()
    if "visible" in case:  # The mean pose, without a place.
        assert np.isfinite(lifted["joints_3d"]).all() and lifted["mixture_index"][1] >= 0
        assert lifted["scale"][1] == 0 and np.isinf(lifted["energy"][1])
    else:
        assert lifted["mixture_index"][1] == -1
        assert all(np.isnan(lifted[name][1]).all() for name in ("joints_3d", "scale", "pitch"))
    gradient = tape.gradient(total, landmarks)
    assert np.isfinite(gradient).all()
    # One landmark does tell where the mean pose faces.
    assert case == "one visible" or np.all(gradient[1] == 0)
    assert np.abs(gradient[0]).max() > 0


@pytest.mark.parametrize("output", ["joints_3d", "root_position", "landmarks", "scale"])
def test_gradient_equals_finite_differences(tiny_prior, rng, output):
    camera = Camera(1000.0, (500.0, 500.0), LENS, pitch=0.3, roll=0.2)
    _, _, landmarks = make_scene(tiny_prior, rng, 2, camera)

    def value(landmarks):
        lifted = tf_lift.lift_with_camera(
            landmarks, tiny_prior, camera, num_perspective_steps=1, **OPTIONS
        )
        return lifted[output]

    upstream = rng.standard_normal(value(landmarks).shape)
    _, (gradient,) = helpers.upstream_gradients(value, [landmarks], upstream)
    for _ in range(3):
        direction = rng.standard_normal(landmarks.shape)
        difference = value(landmarks + 1e-5 * direction) - value(landmarks - 1e-5 * direction)
        expected = np.sum(upstream * difference.numpy()) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("image_size", [None, (1000, 1000)])
def test_graph_equals_eager(small_prior, rng, monkeypatch, image_size):
    monkeypatch.setattr(camera_lifting, "_PITCH_STEP", np.radians(30.0))
    camera = Camera(1000.0, (500.0, 500.0), LENS, pitch=0.3, image_size=image_size)
    _, _, landmarks = make_scene(small_prior, rng, 5, camera, above=0.4)
    steps = {"num_perspective_steps": int(image_size is not None)}

    @tf.function(input_signature=[tf.TensorSpec([None, 7, 2], tf.float64)])
    def graph(landmarks):
        return tf_lift.lift_with_camera(landmarks, small_prior, camera, **steps, **OPTIONS)

    eager = tf_lift.lift_with_camera(landmarks, small_prior, camera, **steps, **OPTIONS)
    for size in (5, 1):
        found = graph(landmarks[:size])
        for name in eager:
            np.testing.assert_allclose(found[name], eager[name][:size], rtol=1e-9, atol=1e-7)


def test_leading_dimensions_and_types(small_prior, rng):
    camera = Camera(1000.0, (500.0, 500.0), pitch=0.3)
    _, _, landmarks = make_scene(small_prior, rng, 6, camera, above=0.4)
    landmarks = landmarks.astype(np.float32)
    flat = tf_lift.lift_with_camera(landmarks, small_prior, camera, np.arange(7) != 5, **OPTIONS)
    nested = tf_lift.lift_with_camera(
        landmarks.reshape(2, 3, 7, 2), small_prior, camera, np.arange(7) != 5, **OPTIONS
    )
    single = tf_lift.lift_with_camera(
        landmarks[4], small_prior, camera, np.arange(7) != 5, **OPTIONS
    )
    for name in flat:
        assert flat[name].dtype == (tf.int32 if name == "mixture_index" else tf.float32)
        np.testing.assert_array_equal(np.reshape(nested[name], flat[name].shape), flat[name])
        np.testing.assert_allclose(single[name], flat[name][4], rtol=1e-3, atol=0.05)


def test_options_of_each_pose_and_hypotheses(tiny_prior, rng):
    """Poses of different tables keep their own options, and hypotheses are the camera's too."""
    camera = Camera(1000.0, (500.0, 500.0), pitch=0.3, roll=0.2)
    _, _, landmarks = make_scene(tiny_prior, rng, 4, camera, above=0.4)
    height = rng.uniform(1500, 1900, [4])
    options = {"num_hypotheses": 2, "num_perspective_steps": 1, **OPTIONS}
    together = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, height=height, **options)
    assert together["hypotheses"]["joints_3d"].shape == (4, 2, 17, 3)
    for i in range(4):
        alone = tf_lift.lift_with_camera(
            landmarks[i], tiny_prior, camera, height=height[i], **options
        )
        np.testing.assert_allclose(together["joints_3d"][i], alone["joints_3d"], atol=1e-5)
        for name, value in alone["hypotheses"].items():
            np.testing.assert_allclose(together["hypotheses"][name][i], value, atol=1e-5)
    first = tf_lift.lift_with_camera(landmarks, tiny_prior, camera, **options)
    nearest = np.linalg.norm(
        first["hypotheses"]["joints_3d"] - first["joints_3d"][:, None], axis=-1
    ).mean(-1)
    assert np.median(nearest.min(-1)) < 20


def test_bad_arguments_are_named(tiny_prior):
    camera = Camera(1000.0, (500.0, 500.0), pitch=None)
    lift = tf_lift.lift_with_camera
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[\.\.\., 17, 2\]"):
        lift(np.zeros([16, 2]), tiny_prior, camera)
    with pytest.raises(ValueError, match=r"`visibility` must have shape \[\.\.\., 17\]"):
        lift(np.zeros([17, 2]), tiny_prior, camera, np.ones(16))
    with pytest.raises(ValueError, match="`camera` must be a Camera"):
        lift(np.zeros([17, 2]), tiny_prior, 1000.0)
    with pytest.raises(ValueError, match="`scale` must be left out"):
        lift(np.zeros([17, 2]), tiny_prior, camera, scale=1.0)
    with pytest.raises(ValueError, match=r"among \['estimator', .*'selection'"):
        lift(np.zeros([17, 2]), tiny_prior, camera, selection="energy")
    with pytest.raises(ValueError, match="`num_perspective_steps` must not be negative"):
        lift(np.zeros([17, 2]), tiny_prior, camera, num_perspective_steps=-1)
    for pitches in ((), (15.0,), (np.nan,)):
        with pytest.raises(ValueError, match="`pitches` must be angles in radians"):
            lift(np.zeros([17, 2]), tiny_prior, camera, pitches=pitches)
    with pytest.raises(ValueError, match="`landmarks` must hold a pose with enough landmarks"):
        camera_lifting.estimate_pitch(
            np.zeros([1, 17, 2]), tiny_prior, camera, pitches=(0.0,), **OPTIONS
        )
