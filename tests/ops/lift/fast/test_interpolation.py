"""Interpolation between angles: exact for functions that the samples determine."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import interpolation

# Half a turn leaves even harmonics of the angle as they are, and changes the sign of odd ones.
SIGNS = pytest.mark.parametrize("sign", [1, -1])


def angles_of(number):
    return np.arange(number) * np.pi / number


def harmonics(size, sign):
    """Returns the harmonics below `size` that half a turn multiplies by `sign`."""
    return np.arange(0 if sign == 1 else 1, size, 2)


@SIGNS
@pytest.mark.parametrize(("size", "num_angles"), [(8, 40), (5, 15), (4, 8), (1, 3), (2, 6)])
def test_is_exact_for_band_limited_functions(rng, size, num_angles, sign):
    kinds = harmonics(size, sign)
    cosines, sines = rng.standard_normal([2, len(kinds)])

    def evaluate(angles):
        phases = np.outer(kinds, angles)
        return cosines @ np.cos(phases) + sines @ np.sin(phases)

    found = evaluate(angles_of(size)) @ interpolation.matrix(size, num_angles, sign)
    np.testing.assert_allclose(found, evaluate(angles_of(num_angles)), atol=1e-12)


@pytest.mark.parametrize(("size", "sign"), [(8, 1), (6, 1), (5, -1), (1, -1)])
def test_keeps_the_highest_cosine(size, sign):
    """The sine of the same harmonic is zero at all samples."""
    found = np.cos(size * angles_of(size)) @ interpolation.matrix(size, 3 * size, sign)
    np.testing.assert_allclose(found, np.cos(size * angles_of(3 * size)), atol=1e-12)


@SIGNS
def test_keeps_the_samples(sign):
    matrix = interpolation.matrix(8, 40, sign)
    assert matrix.shape == (8, 40)
    np.testing.assert_allclose(matrix[:, ::5], np.eye(8), atol=1e-12)


def test_weights_sum_to_one_at_each_angle():
    matrix = interpolation.matrix(8, 40, 1)
    np.testing.assert_allclose(matrix.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(matrix.sum(1), 40 / 8, rtol=1e-12)


@SIGNS
@pytest.mark.parametrize("size", [8, 5])
def test_a_step_of_the_samples_is_a_step_of_the_result(rng, size, sign):
    """The sample after the last is the first, times the sign."""
    samples = rng.standard_normal(size)
    matrix = interpolation.matrix(size, 4 * size, sign)
    found = samples @ matrix
    moved = np.append(samples[1:], sign * samples[0]) @ matrix
    np.testing.assert_allclose(moved, np.append(found[4:], sign * found[:4]), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forms_are_even_or_odd(rng, dtype):
    signs = interpolation.Forms(1, -1, 1, -1, 1, 1)
    coarse, exact = [], []
    for sign in signs:
        kinds = harmonics(8, sign)
        factors = rng.standard_normal([2, len(kinds), 3])
        for parts, number in ((coarse, 8), (exact, 24)):
            phases = np.outer(angles_of(number), kinds)
            parts.append(np.cos(phases) @ factors + np.sin(phases) @ factors**2)
    forms = interpolation.Forms(*(tf.constant(part, dtype) for part in coarse))
    found = interpolation.interpolate(forms, 24)
    for name, part, expected in zip(found._fields, found, exact, strict=True):
        assert part.dtype == dtype
        np.testing.assert_allclose(
            part, expected, atol=1e-5 if dtype == "float32" else 1e-12, err_msg=name
        )


def test_forms_at_all_angles_are_returned_as_they_are(rng):
    forms = interpolation.Forms(*tf.unstack(tf.constant(rng.standard_normal([6, 2, 8, 3]))))
    assert interpolation.interpolate(forms, 8) is forms


def test_number_of_poses_may_be_unknown(rng):
    values = tf.constant(rng.standard_normal([6, 2, 4, 3]))

    def call(values):
        return interpolation.interpolate(interpolation.Forms(*tf.unstack(values)), 8)

    traced = tf.function(call, [tf.TensorSpec([6, 2, 4, None], tf.float64)])
    for found, expected in zip(traced(values), call(values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
