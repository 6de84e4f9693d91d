"""Values that XLA stores before they are read."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla.materialize import materialize


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex64"])
def test_values_stay_the_same(rng, dtype, compiled):
    values = np.append(rng.normal(0, 1e4, [3, 4]), [[0, -1, 7, 2**24]], 0).astype(dtype)
    function = tf.function(lambda x: materialize(x, compiled), jit_compile=compiled)
    for found in (function(tf.constant(values)), materialize(tf.constant(values), compiled)):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values)


def test_xla_cannot_tell_that_it_does_nothing():
    """The division that makes XLA store the values is part of the program that runs."""
    function = tf.function(lambda x: materialize(x * 3.0) + 1.0, jit_compile=True)
    program = function.experimental_get_compiler_ir(tf.ones([8]))(stage="optimized_hlo")
    assert "divide" in program


def test_without_xla_nothing_is_done():
    values = tf.ones([2])
    assert materialize(values, compiled=False) is values
