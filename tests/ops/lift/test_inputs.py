"""The input of a lift: invalid poses blanked, and landmarks centred and scaled."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import inputs


def make_batch(rng, num_poses=3, num_joints=5):
    weights = rng.uniform(0.5, 2, [num_poses, num_joints])
    weights[:, 2] = 0
    return {
        "landmarks": rng.uniform(50, 300, [num_poses, num_joints, 2]),
        "weights": weights,
        "noise": rng.uniform(1, 5, [num_poses, num_joints]),
        "scale": rng.uniform(0.2, 0.5, [num_poses]),
        "bone_lengths": rng.uniform(100, 400, [num_poses, num_joints - 1]),
    }


def as_tensors(batch):
    return {name: tf.constant(value) for name, value in batch.items()}


def test_valid_poses_are_kept_and_missing_landmarks_blanked(rng):
    batch = make_batch(rng)
    expected = batch["landmarks"] * (batch["weights"] > 0)[..., None]
    batch["landmarks"][1, 2] = np.nan
    landmarks, weights, valid = inputs.without_invalid(as_tensors(batch))
    np.testing.assert_array_equal(landmarks, expected)
    np.testing.assert_array_equal(weights, batch["weights"])
    assert np.all(valid)


def test_without_weights_there_are_none(rng):
    batch = as_tensors(make_batch(rng))
    landmarks, weights, valid = inputs.without_invalid({"landmarks": batch["landmarks"]})
    np.testing.assert_array_equal(landmarks, batch["landmarks"])
    assert weights is None and np.all(valid)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("landmarks", (1, 3, 0), np.nan),
        ("landmarks", (1, 3, 1), -np.inf),
        ("weights", (1, 2), np.nan),
        ("weights", (1, 3), np.inf),
        ("weights", (1, 3), -1.0),
        ("noise", (1, 3), np.nan),
        ("noise", (1, 3), -1.0),
        ("scale", 1, 0.0),
        ("scale", 1, np.inf),
        ("bone_lengths", (1, 3), np.nan),
        ("bone_lengths", (1, 3), -1.0),
        ("bone_lengths", 1, 0.0),
    ],
)
def test_an_invalid_value_blanks_its_pose_alone(rng, name, index, value):
    batch = make_batch(rng)
    batch[name][index] = value
    landmarks, weights, valid = inputs.without_invalid(as_tensors(batch))
    np.testing.assert_array_equal(valid, [True, False, True])
    assert np.all(landmarks[1] == 0) and np.all(weights[1] == 0)
    np.testing.assert_array_equal(weights[::2], batch["weights"][::2])


def test_frame_of_a_free_scale_is_centred_and_of_size_one(rng):
    batch = make_batch(rng)
    landmarks, weights = batch["landmarks"], batch["weights"]
    frame = inputs.find_frame(tf.constant(landmarks), tf.constant(weights))
    visible = (weights > 0)[..., None]
    points = np.where(visible, frame.landmarks, 0)
    np.testing.assert_allclose(np.einsum("bl,blc->bc", weights, points), 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(points).max((1, 2)), 1, rtol=1e-12)
    restored = frame.centre + frame.unit[:, None, None] * frame.landmarks
    np.testing.assert_allclose(np.where(visible, restored - landmarks, 0), 0, atol=1e-10)
    assert np.all(frame.usable)


def test_frame_without_weights_is_that_of_equal_ones(rng):
    landmarks = tf.constant(make_batch(rng)["landmarks"])
    expected = inputs.find_frame(landmarks, tf.ones([3, 5], tf.float64))
    for one, other in zip(inputs.find_frame(landmarks, None), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_frame_of_a_given_scale_is_in_millimetres(rng):
    batch = make_batch(rng)
    scale = np.array([0.4, 0.0, np.nan])
    frame = inputs.find_frame(*map(tf.constant, (batch["landmarks"], batch["weights"], scale)))
    np.testing.assert_allclose(frame.landmarks[0], batch["landmarks"][0] / 0.4)
    np.testing.assert_array_equal(frame.unit, [0.4, 1, 1])  # Invalid ones are finite.
    assert np.all(frame.centre == 0) and np.all(frame.usable)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", [0.0, 123.4, 1e6])
def test_coincident_landmarks_are_not_usable_whatever_rounding_does(rng, place, dtype):
    eps = np.finfo(dtype).eps
    landmarks = np.full([2, 5, 2], place, dtype)
    landmarks[0] += place * eps * rng.integers(-2, 3, [5, 2])
    landmarks[1, 0] += max(100 * eps * place, 1e-6)
    frame = inputs.find_frame(tf.constant(landmarks), tf.ones([2, 5], dtype))
    np.testing.assert_array_equal(frame.usable, [False, True])
    assert np.all(frame.landmarks[0] == 0) and frame.unit[0] == 1


def test_the_unit_has_no_gradient_at_a_free_scale(rng):
    landmarks = tf.constant(make_batch(rng)["landmarks"])
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        unit = inputs.find_frame(landmarks, None).unit
    assert tape.gradient(unit, landmarks) is None


def test_where_valid_puts_nan_in_whole_poses(rng):
    values = rng.normal(0, 1, [3, 5, 2])
    result = inputs.where_valid(tf.constant([True, False, True]), tf.constant(values)).numpy()
    assert np.all(np.isnan(result[1]))
    np.testing.assert_array_equal(result[::2], values[::2])
