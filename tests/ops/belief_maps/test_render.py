"""Belief maps from landmarks against cell-by-cell loops; cells and pixels."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import belief_maps as oracle

from tf_lift.ops import belief_maps

NAN = np.nan


def random_landmarks(rng, batch=3, num_landmarks=4, height=6, width=7):
    return rng.uniform([-1, -1], [width, height], [batch, num_landmarks, 2])


@pytest.mark.parametrize("stddev", [1.0, 0.7])
def test_from_landmarks_equals_oracle(rng, stddev):
    landmarks = random_landmarks(rng)
    maps = belief_maps.from_landmarks(landmarks, 6, 7, stddev)
    assert maps.dtype == tf.float64
    np.testing.assert_allclose(maps, oracle.from_landmarks(landmarks, 6, 7, stddev), atol=1e-14)


def test_from_landmarks_known_values():
    # x is the column: two cells right of the landmark is exp(-2), two below is exp(-2) too.
    maps = belief_maps.from_landmarks([[[1.0, 2.0]]], height=5, width=4)[0, :, :, 0]
    assert maps.shape == (5, 4)
    np.testing.assert_allclose(maps[2, 1], 1.0)
    np.testing.assert_allclose([maps[2, 3], maps[4, 1]], np.exp(-2), rtol=1e-6)
    np.testing.assert_allclose(maps[3, 3], np.exp(-2.5), rtol=1e-6)


@pytest.mark.parametrize("stddev", [1.0, 0.7])
def test_from_landmarks_gradient_equals_oracle(rng, stddev):
    landmarks = random_landmarks(rng)
    upstream = rng.standard_normal([3, 6, 7, 5])
    _, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.from_landmarks(x, 6, 7, stddev), [landmarks], upstream
    )
    expected = oracle.from_landmarks_gradient(landmarks, upstream, stddev)
    np.testing.assert_allclose(gradient, expected, atol=1e-13)


def test_from_landmarks_gradient_is_the_central_difference_of_one_cell(rng):
    """Exact for the landmark channels: S9 is a difference of the maps themselves."""
    landmarks = random_landmarks(rng)
    upstream = rng.standard_normal([3, 6, 7, 5])
    upstream[..., -1] = 0.0

    def total(x):
        return np.sum(upstream * belief_maps.from_landmarks(x, 6, 7).numpy())

    _, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.from_landmarks(x, 6, 7), [landmarks], upstream
    )
    expected = helpers.numerical_gradient(total, landmarks, delta=1.0)
    np.testing.assert_allclose(gradient, expected, atol=1e-13)


def test_descending_moves_a_landmark_to_its_target():
    target = belief_maps.from_landmarks([[[4.0, 2.0]]], 8, 9)
    landmarks = tf.Variable([[[2.5, 3.5]]])
    for _ in range(60):
        with tf.GradientTape() as tape:
            maps = belief_maps.from_landmarks(landmarks, 8, 9)
            loss = tf.reduce_sum((maps - target) ** 2)
        landmarks.assign_sub(0.2 * tape.gradient(loss, landmarks))
    np.testing.assert_allclose(landmarks, [[[4.0, 2.0]]], atol=1e-2)


def test_absent_landmark_has_an_empty_map_and_no_gradient(rng):
    landmarks = random_landmarks(rng, batch=1)
    landmarks[0, 1] = NAN
    landmarks[0, 2, 0] = np.inf
    upstream = rng.standard_normal([1, 6, 7, 5])
    maps, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.from_landmarks(x, 6, 7), [landmarks], upstream
    )
    np.testing.assert_allclose(maps, oracle.from_landmarks(landmarks, 6, 7), atol=1e-14)
    expected = oracle.from_landmarks_gradient(landmarks, upstream)
    np.testing.assert_allclose(gradient, expected, atol=1e-13)
    assert not np.any(maps[..., 1:3]) and not np.any(gradient[0, 1:3])


def test_all_landmarks_absent_leaves_background():
    maps = belief_maps.from_landmarks(np.full([2, 3, 2], NAN, np.float32), 4, 4)
    assert not np.any(maps[..., :-1]) and np.all(maps[..., -1] == 1)


@pytest.mark.parametrize("place", [[1e6, -1e6], [1e30, 0.0]])
def test_landmark_far_outside_is_finite(place):
    maps, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.from_landmarks(x, 4, 4),
        [np.float32([[place]])],
        np.ones([1, 4, 4, 2]),
    )
    assert not np.any(maps[..., 0]) and not np.any(gradient)


def test_coincident_landmarks_share_the_background(rng):
    landmarks = np.array([[[2.3, 1.2], [2.3, 1.2]]])
    upstream = np.zeros([1, 4, 5, 3])
    upstream[..., -1] = rng.standard_normal([1, 4, 5])
    _, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.from_landmarks(x, 4, 5), [landmarks], upstream
    )
    expected = oracle.from_landmarks_gradient(landmarks[:, :1], upstream[..., 1:])
    np.testing.assert_allclose(tf.reduce_sum(gradient, axis=1), expected[:, 0], atol=1e-13)


def test_from_landmarks_modes(rng):
    landmarks = random_landmarks(rng).astype(np.float32)
    helpers.check_modes(lambda x: belief_maps.from_landmarks(x, 6, 7), [landmarks], rng)


@pytest.mark.parametrize("stride", [8, 4, 1])
def test_cells_and_pixels_are_inverse(rng, stride):
    pixels = rng.uniform(0, 100, [3, 17, 2])
    cells = belief_maps.pixels_to_cells(pixels, stride)
    np.testing.assert_allclose(belief_maps.cells_to_pixels(cells, stride), pixels)
    # The first cell's centre is the centre of its stride x stride pixels.
    centre = belief_maps.cells_to_pixels([0.0, 0.0], stride)
    np.testing.assert_allclose(centre, np.mean(np.arange(stride)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: belief_maps.from_landmarks(np.zeros([2, 3]), 4, 4), r"`landmarks`.*\(2, 3\)"),
        (lambda: belief_maps.from_landmarks(np.zeros([0, 3, 2]), 4, 4), "`landmarks`.*empty"),
        (lambda: belief_maps.from_landmarks(np.zeros([1, 3, 2]), 0, 4), "`height`.*height=0"),
        (lambda: belief_maps.from_landmarks(np.zeros([1, 3, 2]), 4, -1), "`width`.*width=-1"),
        (lambda: belief_maps.from_landmarks(np.zeros([1, 3, 2]), 4, 4, NAN), "`stddev`.*nan"),
        (lambda: belief_maps.cells_to_pixels(np.zeros([3]), 8), r"`cells`.*\(3,\)"),
        (lambda: belief_maps.pixels_to_cells(np.zeros([2]), 0), "`stride`.*stride=0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
