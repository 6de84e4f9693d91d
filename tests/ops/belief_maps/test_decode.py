"""Decoders of belief maps against cell-by-cell loops, and their gradients."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import belief_maps as oracle

from tf_lift.ops import belief_maps

NAN = np.nan

DECODERS = [
    belief_maps.to_landmarks,
    belief_maps.refine_peaks,
    belief_maps.soft_argmax,
    belief_maps.peak_values,
]


def test_to_landmarks_equals_oracle(rng):
    maps = rng.standard_normal([3, 5, 7, 4])
    landmarks = belief_maps.to_landmarks(maps)
    assert landmarks.dtype == tf.float64
    np.testing.assert_array_equal(landmarks, oracle.to_landmarks(maps))


@pytest.mark.parametrize("step", [1.0, 0.3])
def test_to_landmarks_gradient_equals_oracle(rng, step):
    maps = rng.standard_normal([3, 5, 7, 6])
    upstream = rng.standard_normal([3, 6, 2])
    upstream[0, 0] = 0.0
    upstream[:, 1, 0] = 0.0
    upstream[:, 2, 1] = 0.0
    _, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.to_landmarks(x, step), [maps], upstream
    )
    expected = oracle.to_landmarks_gradient(maps, upstream, step)
    np.testing.assert_allclose(gradient, expected, atol=1e-14)


def test_to_landmarks_gradient_known_values():
    maps = np.zeros([1, 5, 5, 1])
    maps[0, 2, 2, 0] = 1.0
    # dc/dY = (-3, 4): the landmark should go right (+x) and up (-y), with |g| = 5.
    _, (gradient,) = helpers.upstream_gradients(
        belief_maps.to_landmarks, [maps], np.array([[[-3.0, 4.0]]])
    )
    gradient = gradient[0, :, :, 0].numpy()
    density = 5 / (2 * np.pi)
    np.testing.assert_allclose(gradient[2, 2], 5.0)
    np.testing.assert_allclose(gradient[1, 3], -density * np.exp(-1))
    np.testing.assert_allclose(gradient[1, 2], -density * np.exp(-0.5))
    np.testing.assert_allclose(gradient[2, 4], -density * np.exp(-2))
    assert not np.any(gradient[3:]) and not np.any(gradient[:, :2])


def test_to_landmarks_gradient_along_one_axis_is_a_half_plane():
    maps = np.zeros([1, 5, 5, 1])
    maps[0, 2, 2, 0] = 1.0
    _, (gradient,) = helpers.upstream_gradients(
        belief_maps.to_landmarks, [maps], np.array([[[2.0, 0.0]]])
    )
    gradient = gradient[0, :, :, 0].numpy()
    assert np.all(gradient[:, :2] < 0) and not np.any(gradient[:, 3:])
    assert not np.any(gradient[[0, 1, 3, 4], 2]) and gradient[2, 2] == 2.0
    np.testing.assert_allclose(gradient, gradient[::-1])


def test_descending_moves_the_peak_to_its_target():
    maps = tf.Variable(belief_maps.from_landmarks([[[2.0, 6.0]]], 9, 9)[..., :1])
    for _ in range(100):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((belief_maps.to_landmarks(maps) - [6.0, 3.0]) ** 2)
        maps.assign_sub(0.02 * tape.gradient(loss, maps))
    np.testing.assert_allclose(belief_maps.to_landmarks(maps), [[[6.0, 3.0]]])


def test_flat_map_gives_the_first_cell_and_a_finite_gradient():
    maps = np.zeros([1, 4, 5, 1])
    landmarks, (gradient,) = helpers.upstream_gradients(
        belief_maps.to_landmarks, [maps], np.array([[[-1.0, -1.0]]])
    )
    np.testing.assert_array_equal(landmarks, [[[0.0, 0.0]]])
    expected = oracle.to_landmarks_gradient(maps, np.array([[[-1.0, -1.0]]]))
    np.testing.assert_allclose(gradient, expected, atol=1e-14)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_first_of_equal_maxima_wins(jit_compile):
    maps = np.zeros([1, 40, 40, 1], np.float32)
    for row, column in ((9, 30), (9, 31), (20, 2), (39, 39)):
        maps[0, row, column] = 1.0
    decode = tf.function(belief_maps.to_landmarks, jit_compile=jit_compile)
    np.testing.assert_array_equal(decode(maps), [[[30.0, 9.0]]])


def test_peak_in_a_corner_that_should_leave_the_map_is_only_lowered():
    maps = np.zeros([1, 4, 5, 1])
    maps[0, 0, 4, 0] = 1.0
    _, (gradient,) = helpers.upstream_gradients(
        belief_maps.to_landmarks, [maps], np.array([[[-1.0, 1.0]]])
    )
    assert np.count_nonzero(gradient) == 1
    np.testing.assert_allclose(gradient[0, 0, 4, 0], np.sqrt(2))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("decode", DECODERS)
def test_nan_in_a_channel_gives_nan_for_that_channel_only(rng, decode, jit_compile):
    maps = rng.standard_normal([1, 5, 6, 3])
    broken = maps.copy()
    broken[0, 3, 2, 1] = NAN
    compiled = tf.function(
        lambda x, upstream: helpers.upstream_gradients(decode, [x], upstream),
        jit_compile=jit_compile,
    )
    upstream = rng.standard_normal(decode(maps).shape)
    value, (gradient,) = compiled(broken, upstream)
    expected, (expected_gradient,) = compiled(maps, upstream)
    assert np.isnan(value[0, 1]).all() and not np.any(gradient[..., 1])
    np.testing.assert_allclose(value.numpy()[0, [0, 2]], expected.numpy()[0, [0, 2]])
    np.testing.assert_allclose(
        gradient.numpy()[..., [0, 2]], expected_gradient.numpy()[..., [0, 2]]
    )


@pytest.mark.parametrize("decode", DECODERS)
def test_decoders_modes(rng, decode):
    maps = rng.standard_normal([3, 5, 6, 4]).astype(np.float32)
    helpers.check_modes(decode, [maps], rng)


@pytest.mark.parametrize("decode", DECODERS)
def test_decoders_take_half_precision_and_any_leading_dimensions(rng, decode):
    maps = rng.standard_normal([2, 3, 5, 6, 4])
    expected = decode(maps)
    np.testing.assert_allclose(decode(maps[1, 2]), expected[1, 2])
    half = maps.astype(np.float16)
    assert decode(half).dtype == tf.float32
    np.testing.assert_allclose(decode(half), decode(half.astype(np.float32)))


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("fill", [0.0, -1.0, np.inf, -np.inf, 1e38])
def test_decoders_are_finite_on_flat_maps(decode, fill):
    value, (gradient,) = helpers.upstream_gradients(
        decode, [np.full([1, 4, 5, 2], fill, np.float32)], 1.0
    )
    if decode is not belief_maps.peak_values:
        assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("peak", [1.0, 0.05, 300.0])
def test_refine_peaks_is_exact_for_gaussians(rng, peak):
    landmarks = rng.uniform(1.5, 7.5, [20, 3, 2])
    maps = peak * belief_maps.from_landmarks(landmarks, 10, 10, stddev=0.9)[..., :-1]
    np.testing.assert_allclose(belief_maps.refine_peaks(maps), landmarks, atol=1e-9)


@pytest.mark.parametrize(
    ("decode", "clean", "noisy"),
    # Measured RMS errors in cells 0.00 and 0.16, 0.13 and 0.43; argmax 0.42 and 0.45.
    [(belief_maps.refine_peaks, 1e-3, 0.18), (belief_maps.soft_argmax, 0.15, 0.6)],
)
def test_subpixel_errors_are_as_documented(rng, decode, clean, noisy):
    landmarks = rng.uniform(3, 42, [60, 17, 2])
    maps = belief_maps.from_landmarks(landmarks, 46, 46, stddev=0.875)[..., :-1]
    for noise, limit in ((0.0, clean), (0.1, noisy)):
        decoded = decode(maps + noise * rng.standard_normal(maps.shape))
        error = np.sqrt(np.mean(np.sum((decoded - landmarks) ** 2, axis=-1)))
        assert error < limit


def test_refine_peaks_stays_in_the_cell_of_the_argmax(rng):
    maps = rng.standard_normal([20, 5, 6, 3])
    shift = belief_maps.refine_peaks(maps) - belief_maps.to_landmarks(maps)
    assert 0.1 < np.max(np.abs(shift)) <= 0.5


@pytest.mark.parametrize(
    ("landmark", "expected"),
    [
        ([0.2, 2.3], [0.0, 2.3]),
        ([3.8, 2.3], [4.0, 2.3]),
        ([2.3, 0.2], [2.3, 0.0]),
        ([2.3, 5.8], [2.3, 6.0]),
        ([3.8, 5.8], [4.0, 6.0]),
    ],
)
def test_refine_peaks_on_the_border_leaves_that_axis(landmark, expected):
    maps = belief_maps.from_landmarks([[landmark]], 7, 5)[..., :-1]
    np.testing.assert_allclose(belief_maps.refine_peaks(maps), [[expected]], atol=1e-5)


def test_refine_peaks_between_infinite_beliefs_is_finite():
    maps = np.zeros([1, 5, 6, 1], np.float32)
    maps[0, 2, 2:4] = np.inf
    # Equal beliefs in two cells: the vertex is between them.
    np.testing.assert_allclose(belief_maps.refine_peaks(maps), [[[2.5, 2.0]]], atol=1e-6)


def test_refine_peaks_has_the_gradient_of_the_argmax(rng):
    maps = rng.standard_normal([2, 5, 6, 3])
    upstream = rng.standard_normal([2, 3, 2])
    _, (gradient,) = helpers.upstream_gradients(
        lambda x: belief_maps.refine_peaks(x, 0.3), [maps], upstream
    )
    expected = oracle.to_landmarks_gradient(maps, upstream, 0.3)
    np.testing.assert_allclose(gradient, expected, atol=1e-14)


def test_soft_argmax_known_value_and_scale():
    maps = np.zeros([1, 1, 4, 1])
    maps[0, 0, :, 0] = [0.0, 1.0, 0.5, 0.0]
    # Weights 1 and 0.5**2 at columns 1 and 2: mean 1.2; the floor adds about 1e-6.
    for scale in (1.0, 10.0):
        actual = belief_maps.soft_argmax(scale * maps, power=2.0)
        np.testing.assert_allclose(actual, [[[1.2, 0.0]]], atol=1e-5)


def test_soft_argmax_gradient(rng):
    maps = rng.uniform(0.1, 1.0, [2, 3, 4, 2])
    helpers.check_gradient(lambda x: belief_maps.soft_argmax(x, 3.0), [maps], rng)


def test_peak_values(rng):
    maps = rng.standard_normal([2, 5, 6, 3])
    np.testing.assert_allclose(belief_maps.peak_values(maps), maps.max(axis=(1, 2)))


@pytest.mark.parametrize("decode", [belief_maps.to_landmarks, belief_maps.refine_peaks])
def test_round_trip_through_maps(rng, decode):
    landmarks = rng.uniform(2, 6, [4, 17, 2])
    maps = belief_maps.from_landmarks(landmarks, 9, 9)[..., :-1]
    limit = 0.5 if decode is belief_maps.to_landmarks else 1e-9
    assert np.max(np.abs(decode(maps) - landmarks)) <= limit


@pytest.mark.parametrize("decode", DECODERS)
def test_decoders_reject_bad_maps(decode):
    with pytest.raises(ValueError, match=r"`belief_maps` must have shape .*\(5, 6\)"):
        decode(np.zeros([5, 6]))
    with pytest.raises(ValueError, match=r"`belief_maps` must not be empty.*\(0, 5, 6, 2\)"):
        decode(np.zeros([0, 5, 6, 2]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: belief_maps.to_landmarks(np.zeros([1, 4, 4, 1]), 0.0), "`step`.*step=0.0"),
        (lambda: belief_maps.refine_peaks(np.zeros([1, 4, 4, 1]), np.inf), "`step`.*step=inf"),
        (lambda: belief_maps.soft_argmax(np.zeros([1, 4, 4, 1]), -1.0), "`power`.*power=-1.0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
