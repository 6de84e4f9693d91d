"""The precision in which operations compute."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import dtypes


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float16, tf.float32),
        (np.float32, tf.float32),
        (np.float64, tf.float64),
        (np.int32, tf.float32),
        (bool, tf.float32),
    ],
)
def test_all_but_float64_become_float32(dtype, expected):
    converted = dtypes.to_float(np.array([0, 1], dtype))
    assert converted.dtype == expected
    np.testing.assert_array_equal(converted, [0, 1])


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["float16", "int64"], "float32"),
        (["float32", "float64"], "float64"),
        (["float64", "float16", "int32"], "float64"),
    ],
)
def test_one_float64_makes_all_of_them_float64(types, expected):
    converted = dtypes.to_common_float(*(np.ones(2, dtype) for dtype in types))
    assert [tensor.dtype.name for tensor in converted] == [expected] * len(types)
