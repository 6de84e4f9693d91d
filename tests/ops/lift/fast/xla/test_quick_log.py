"""The quick logarithm, over all normal numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla.quick_log import quick_log

LIMITS = np.finfo(np.float32)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_is_the_logarithm_of_every_normal_number(rng, jit_compile):
    """To 2e-7, and relative to it where it is above 1: of any exponent, and densely near 1."""
    bits = rng.integers(LIMITS.tiny.view(np.int32), LIMITS.max.view(np.int32), 200_000)
    powers = np.ldexp(np.float32(1), np.arange(-126, 128))
    values = np.concatenate(
        [np.int32(bits).view(np.float32), np.linspace(0.5, 2, 200_001, dtype=np.float32)]
        + [powers, np.nextafter(2 / 3 * powers, 0), [LIMITS.tiny, LIMITS.max]]
    )
    values = np.float32(np.maximum(values, LIMITS.tiny))
    found = tf.function(quick_log, jit_compile=jit_compile)(tf.constant(values))
    expected = np.log(np.float64(values))
    error = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    assert error.max() < 2e-7, values[error.argmax()]


def test_of_one_is_zero():
    assert quick_log(tf.ones([])).numpy() == 0


def test_shape_and_type_are_kept(rng):
    assert quick_log(tf.ones([2, 0, 3])).shape == (2, 0, 3)
    values = tf.constant(rng.uniform(1e-300, 1e300, [2, 3]))
    found = quick_log(values)
    assert found.dtype == tf.float64
    np.testing.assert_array_equal(found, tf.math.log(values))
