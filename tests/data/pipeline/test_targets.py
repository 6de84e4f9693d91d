import numpy as np
import pytest
import tensorflow as tf
from reference import targets as oracle

from tf_lift.data.pipeline import targets


# 7 px at 368 px in proportion; for 64 px and cells of 8, half a cell.
@pytest.mark.parametrize(
    ("size", "stride", "stddev_px"), [(368, 8, 7.0), (184, 4, 3.5), (64, 8, 4.0)]
)
def test_targets_equal_the_oracle(rng, size, stride, stddev_px):
    landmarks = rng.uniform(-10, size + 10, [2, 3, 2])
    maps = targets.belief_map_targets(landmarks, size, stride).numpy()
    for person, actual in zip(landmarks, maps, strict=True):
        expected = oracle.belief_map_targets([person], size, stride, stddev_px)
        np.testing.assert_allclose(actual, expected, atol=2e-6)


def test_several_people_add_up_to_one_at_most(rng):
    people = rng.uniform(0, 64, [2, 4, 3, 2])
    people[:, 1] = people[:, 0] + 1.0
    maps = targets.belief_map_targets(people, 64, 4, stddev_px=5.0).numpy()
    assert maps[..., :-1].max() == 1.0
    for image, actual in zip(people, maps, strict=True):
        expected = oracle.belief_map_targets(image, 64, 4, 5.0)
        np.testing.assert_allclose(actual, expected, atol=2e-6)


def test_a_landmark_without_label_has_no_target_and_no_background(rng):
    landmarks = rng.uniform(10, 50, [2, 3, 2]).astype(np.float32)
    complete = targets.belief_map_targets(landmarks, 64, 8).numpy()
    landmarks[0, 1] = np.nan
    maps = targets.belief_map_targets(landmarks, 64, 8).numpy()
    assert np.isnan(maps[0, ..., [1, 3]]).all()
    np.testing.assert_array_equal(maps[0, ..., [0, 2]], complete[0, ..., [0, 2]])
    np.testing.assert_array_equal(maps[1], complete[1])


def test_of_several_people_one_without_label_is_left_out(rng):
    people = rng.uniform(10, 50, [1, 2, 3, 2]).astype(np.float32)
    people[0, 1, 0] = np.nan
    people[0, :, 2] = np.nan
    maps = targets.belief_map_targets(people, 64, 8).numpy()
    alone = targets.belief_map_targets(people[:, 0], 64, 8).numpy()
    np.testing.assert_array_equal(maps[..., 0], alone[..., 0])
    assert np.isnan(maps[..., [2, 3]]).all()


def test_a_landmark_far_outside_has_a_label_without_a_peak():
    maps = targets.belief_map_targets([[[-40.0, 20.0], [200.0, 20.0]]], 64, 8).numpy()
    assert (maps[..., :2] == 0).all() and (maps[..., 2] == 1).all()


def test_unknown_batch_and_graph():
    function = tf.function(
        lambda x: targets.belief_map_targets(x, 32, 8),
        input_signature=[tf.TensorSpec([None, 17, 2], tf.float32)],
    )
    landmarks = np.random.default_rng(3).uniform(0, 32, [3, 17, 2]).astype(np.float32)
    expected = targets.belief_map_targets(landmarks, 32, 8)
    np.testing.assert_allclose(function(landmarks), expected, atol=1e-6)


def test_centre_maps():
    maps = targets.centre_maps([[20.0, 30.0]], 46).numpy()
    stddev = 21 * 46 / 368
    assert maps.shape == (1, 46, 46, 1)
    assert maps[0, 30, 20, 0] == 1.0
    np.testing.assert_allclose(maps[0, 30, 23, 0], np.exp(-9 / (2 * stddev**2)), rtol=1e-5)
    np.testing.assert_allclose(maps[0, 28, 20, 0], np.exp(-4 / (2 * stddev**2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("landmarks", "size", "stride", "message"),
    [
        (np.zeros([2, 17, 3]), 64, 8, r"`landmarks` must have shape \[..., any, 2\]"),
        (np.zeros([17, 2]), 64, 8, r"`landmarks` must have shape .*Received.*\(17, 2\)"),
        (np.zeros([0, 17, 2]), 64, 8, "`landmarks` must not be empty"),
        (np.zeros([1, 17, 2]), 60, 8, "`image_size` must be a positive multiple of `stride`"),
        (np.zeros([1, 17, 2]), 64, 0, "`image_size` must be a positive multiple of `stride`"),
    ],
)
def test_bad_arguments(landmarks, size, stride, message):
    with pytest.raises(ValueError, match=message):
        targets.belief_map_targets(landmarks, size, stride)


def test_bad_stddev_and_centres():
    with pytest.raises(ValueError, match="`stddev_px` must be positive"):
        targets.belief_map_targets(np.zeros([1, 17, 2]), 64, 8, stddev_px=0.0)
    with pytest.raises(ValueError, match=r"`centres` must have shape \[batch, 2\]"):
        targets.centre_maps(np.zeros([1, 1, 2]), 64)
