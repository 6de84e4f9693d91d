"""`tf_lift.lift_sequence`: noise, gaps, one frame, graphs, gradients, bad input."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift import skeletons
from tf_lift.ops.lift import bone_lengths as limbs
from tf_lift.ops.lift import calibration
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.sequences import landmark_smoothing, shape
from tf_lift.sequences import landmarks as sequence_landmarks

PARENTS = np.array(skeletons.H36M_17.parents)
FPS = 20


def make_walk(prior):
    """Returns joints `[T, 17, 3]`, camera frame, that go slowly between poses of a prior."""
    keys = prior.sample(4, seed=1)[..., [0, 2, 1]] * [1, -1, 1]
    time = np.linspace(0, 3, 30)
    first = np.minimum(time.astype(int), 2)
    share = (time - first)[:, np.newaxis, np.newaxis]
    share = (1 - np.cos(np.pi * share)) / 2
    joints = (1 - share) * keys[first] + share * keys[first + 1]
    return joints - joints[:, :1]


@pytest.fixture(scope="module")
def walk(tiny_prior):
    return make_walk(tiny_prior)


@pytest.fixture
def lift_sequence(tiny_prior):
    options = {"fps": FPS, "camera": "level", "num_rotations": 8}
    return functools.partial(tf_lift.lift_sequence, prior=tiny_prior, **options)


def project(joints):
    return 0.2 * joints[..., :2] + [320, 240]


def bone_lengths(joints):
    return np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)


def test_weights_of_one_frame_are_those_of_a_lift(walk, tiny_prior, rng):
    seen = project(walk[:1]).astype(np.float32)
    weights = np.append(rng.uniform(0.01, 1, [1, 16]), [[2.0]], -1).astype(np.float32)
    single = tf_lift.lift(seen, tiny_prior, weights, camera="level", num_rotations=8)
    lift = tf.function(
        lambda points, weights: tf_lift.lift_sequence(
            points, tiny_prior, weights, fps=FPS, camera="level", num_rotations=8
        )["joints_3d"],
        input_signature=[tf.TensorSpec([None, 17, 2]), tf.TensorSpec([None, 17])],
    )
    np.testing.assert_allclose(lift(seen, weights), single["joints_3d"], atol=1e-2)


def test_noise_is_smoothed_and_bones_are_constant(rng):
    prior = tf_lift.PosePrior.load("cmu")
    walk = make_walk(prior)
    lengths = bone_lengths(walk).mean(0)
    walk = shape.restore(tf.constant(walk), tf.constant(lengths), tuple(PARENTS)).numpy()
    seen = project(walk) + 6 * rng.standard_normal([30, 17, 2])
    lifted = tf_lift.lift_sequence(seen, prior, fps=FPS, num_rotations=20)
    single = tf_lift.lift(seen, prior, num_rotations=20)
    error, before = (
        np.linalg.norm(each["joints_3d"] - walk, axis=-1).mean() for each in (lifted, single)
    )
    assert error < before
    tremble, before = (
        float(tf_lift.ops.errors.acceleration_error(each["joints_3d"], walk, FPS))
        for each in (lifted, single)
    )
    assert tremble < 0.5 * before
    lengths = bone_lengths(lifted["joints_3d"].numpy())
    np.testing.assert_allclose(lengths, np.tile(lifted["bone_lengths"], [30, 1]), atol=1e-6)
    # The landmarks are those of the pose that is returned.
    flat = lifted["joints_3d"][..., :2] * lifted["scale"][:, np.newaxis, np.newaxis]
    offset = lifted["landmarks"] - flat
    np.testing.assert_allclose(offset, np.tile(offset[:, :1], [1, 17, 1]), atol=1e-6)
    assert np.abs(lifted["landmarks"] - project(walk)).mean() < 6
    names = {"joints_3d", "joints_3d_stddev", "landmarks", "mixture_index", "rotation_angle"}
    assert names | {"pitch", "scale", "energy", "bone_lengths"} <= lifted.keys()


@pytest.mark.parametrize("gap", [2, 12])
@pytest.mark.usefixtures("untraced_lifts")
def test_gaps_are_filled(walk, lift_sequence, gap, monkeypatch):
    # Deviations as the model has them: the walk fits this prior badly, some frames more so.
    monkeypatch.setattr(calibration, "GROWTH", 0.0)
    seen = project(walk)
    seen[10 : 10 + gap] = np.nan
    seen[25, 16] = np.nan
    lifted = lift_sequence(seen)
    # A frame without a landmark is bridged; one that lacks some is lifted.
    is_bridged = np.isinf(lifted["energy"])
    np.testing.assert_array_equal(np.flatnonzero(is_bridged), np.arange(10, 10 + gap))
    for name, value in lifted.items():
        shown = value[~is_bridged] if name in ("energy", "misfit") else value
        assert np.isfinite(shown).all(), name
    stddev = lifted["joints_3d_stddev"].numpy()[:, 1:].mean(-1)
    assert stddev[10 + gap // 2] > stddev[5]
    visible = np.ones([30, 17], bool)
    visible[10 : 10 + gap] = False
    hidden = np.where(visible[..., np.newaxis], project(walk), 1e9)
    visible[25, 16] = False
    other = lift_sequence(hidden, visibility=visible)
    np.testing.assert_allclose(other["joints_3d"], lifted["joints_3d"], atol=1e-6)


@pytest.mark.parametrize("camera", [None, "level"])
def test_one_frame_is_lifted_as_it_is(walk, lift_sequence, tiny_prior, camera):
    seen = project(walk)[:1]
    lift_sequence = functools.partial(lift_sequence, camera=camera)
    expected = tf_lift.lift(seen, tiny_prior, num_rotations=8, camera=camera)
    traced = tf.function(lift_sequence, input_signature=[tf.TensorSpec([None, 17, 2], tf.float64)])
    for lifted in (lift_sequence(seen), traced(seen)):
        for name, value in expected.items():
            np.testing.assert_allclose(lifted[name], value, atol=1e-6, err_msg=name)
        own = bone_lengths(expected["joints_3d"].numpy())[0]
        np.testing.assert_allclose(lifted["bone_lengths"], own, atol=1e-6)


def test_graph_of_any_length_equals_eager_with_gradients(walk, lift_sequence, rng):
    upstream = tf.constant(rng.standard_normal([17, 3]))

    def value_and_gradient(seen):
        with tf.GradientTape() as tape:
            tape.watch(seen)
            lifted = lift_sequence(seen)
            total = tf.reduce_sum(upstream * lifted["joints_3d"])
        return lifted, tape.gradient(total, seen)

    traced = tf.function(
        value_and_gradient, input_signature=[tf.TensorSpec([None, 17, 2], tf.float64)]
    )
    for frames in (5, 9):
        seen = project(walk)[:frames]
        seen[2] = np.nan
        (lifted, gradient), (expected, expected_gradient) = (
            function(tf.constant(seen)) for function in (traced, value_and_gradient)
        )
        for name, value in expected.items():
            np.testing.assert_allclose(lifted[name], value, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(gradient, expected_gradient, atol=1e-8)
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[2], 0)
        assert np.abs(gradient[1]).max() > 0


def test_gradient_at_fixed_levels_and_deviations(walk, lift_sequence, tiny_prior, rng, monkeypatch):
    """Finite differences, with what is held fixed kept from the first call."""
    seen = project(walk)[:6] + rng.standard_normal([6, 17, 2])
    kept = {}

    def keep(module, name, part=None):
        original = getattr(module, name)

        def fixed(*arguments, **keywords):
            result = original(*arguments, **keywords)
            own = result if part is None else part(result)
            kept.setdefault(name, own)
            if part is None:
                return kept[name]
            return (result[0], kept[name])

        monkeypatch.setattr(module, name, fixed)

    keep(landmark_smoothing, "find_levels")
    keep(landmark_smoothing, "smooth", lambda result: result[1])
    keep(limbs, "apply", lambda result: result[1])
    keep(sequence_landmarks, "_millimetres_per_pixel")
    keep(sequence_landmarks, "_mean_place")
    lift = lifting.lift

    def fixed_deviations(*arguments, **keywords):
        result = lift(*arguments, **keywords)
        kept.setdefault("stddev", result["joints_3d_stddev"])
        return result | {"joints_3d_stddev": kept["stddev"]}

    monkeypatch.setattr(lifting, "lift", fixed_deviations)
    variable = tf.constant(seen)
    upstream = rng.standard_normal([6, 17, 3])
    with tf.GradientTape() as tape:
        tape.watch(variable)
        total = tf.reduce_sum(upstream * lift_sequence(variable)["joints_3d"])
    gradient = tape.gradient(total, variable).numpy()
    for _ in range(3):
        direction = rng.standard_normal(seen.shape)
        high, low = (
            np.sum(upstream * lift_sequence(seen + sign * 1e-5 * direction)["joints_3d"])
            for sign in (1, -1)
        )
        np.testing.assert_allclose(np.sum(gradient * direction), (high - low) / 2e-5, rtol=1e-4)


def test_nothing_but_missing_frames(lift_sequence):
    missing = tf.fill([3, 17, 2], tf.constant(np.nan, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(missing)
        lifted = lift_sequence(missing)
    np.testing.assert_array_equal(tape.gradient(lifted["joints_3d"], missing), 0)
    for frames in (1, 3):
        lifted = lift_sequence(missing[:frames])
        assert (lifted.pop("mixture_index").numpy() == -1).all()
        assert all(np.isnan(value).all() for value in lifted.values())


def test_known_lengths_and_noise(walk, lift_sequence):
    known = np.arange(100.0, 260.0, 10.0)
    lifted = lift_sequence(project(walk)[:6], bone_lengths=known)
    np.testing.assert_allclose(lifted["bone_lengths"], known)
    np.testing.assert_allclose(bone_lengths(lifted["joints_3d"].numpy())[3], known, rtol=1e-6)
    told = lift_sequence(project(walk)[:6], landmark_stddev=8.0)
    untold = lift_sequence(project(walk)[:6])
    assert np.abs(told["joints_3d"] - untold["joints_3d"]).max() > 1
    with pytest.raises(ValueError, match="`bone_lengths` must be those of one person"):
        lift_sequence(project(walk)[:2], bone_lengths=np.ones([2, 16]))
    with pytest.raises(ValueError, match="`height` must be those of one person"):
        lift_sequence(project(walk)[:2], height=[1700.0, 1800.0])


def test_other_skeletons(walk, lift_sequence):
    seen = np.concatenate([project(walk)[:6]] * 2, 1)[:, :25]
    lifted = lift_sequence(seen, skeleton="openpose25")
    assert lifted["joints_3d"].shape == (6, 17, 3)
    seen[2:4] = np.nan
    assert np.isfinite(lift_sequence(seen, skeleton="openpose25")["joints_3d"]).all()


def test_camera_places_the_person(walk, lift_sequence):
    camera = tf_lift.Camera(1000.0, (320.0, 240.0), image_size=(640, 480))
    root = np.array([100.0, 0.0, 5000.0]) + np.linspace(0, 300, 8)[:, np.newaxis] * [1, 0, 0]
    joints = walk[:8] + root[:, np.newaxis]
    seen = camera.project(joints).numpy()
    seen[3:5] = np.nan
    lifted = lift_sequence(seen, camera=camera)
    assert lifted["root_position"].shape == (8, 3)
    np.testing.assert_allclose(lifted["root_position"][:, :2], root[:, :2], atol=150)
    assert np.all(np.diff(lifted["root_position"][:, 0]) > 0)
    placed = lifted["joints_3d"] + lifted["root_position"][:, np.newaxis]
    np.testing.assert_allclose(lifted["landmarks"], camera.project(placed), atol=1e-6)


@pytest.mark.parametrize("fps", [None, 0, -1.0, float("nan"), float("inf"), "25", True])
def test_frame_rate_must_be_positive(walk, tiny_prior, fps):
    with pytest.raises(ValueError, match="`fps` must be a positive number of frames per second"):
        tf_lift.lift_sequence(project(walk), tiny_prior, fps=fps)


def test_frame_rate_must_be_given(walk, tiny_prior):
    with pytest.raises(ValueError, match="`fps` must be a positive number.*Received: None"):
        tf_lift.lift_sequence(project(walk), tiny_prior)


@pytest.mark.parametrize("shape", [(17, 2), (2, 3, 17, 2), (3, 16, 2), (3, 17, 3), (0, 17, 2)])
def test_landmarks_must_be_frames_of_one_person(lift_sequence, shape):
    with pytest.raises(ValueError, match="`landmarks` must"):
        lift_sequence(np.zeros(shape))
    with pytest.raises(ValueError, match="`visibility` must have shape"):
        lift_sequence(np.zeros([3, 17, 2]), visibility=np.ones([3, 5]))
