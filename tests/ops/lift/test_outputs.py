"""The description of a lift's results is that of its actual results."""

import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import outputs
from tf_lift.prior import build_tables


@pytest.mark.parametrize("estimator", ["map", "mean"])
@pytest.mark.parametrize("num_hypotheses", [None, 2])
@pytest.mark.parametrize("leading", [(), (3,), (2, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_signature_is_that_of_the_results(tiny_prior, leading, num_hypotheses, estimator, dtype):
    tables = build_tables(tiny_prior, 6, dtype=dtype)
    landmarks = np.random.default_rng(0).standard_normal([*leading, 17, 2])
    result = helpers.lift(landmarks, tables, estimator=estimator, num_hypotheses=num_hypotheses)
    specs = outputs.signature(17, tf.as_dtype(dtype), num_hypotheses, leading)
    actual = tf.nest.map_structure(lambda value: tf.TensorSpec(value.shape, value.dtype), result)
    assert actual == specs
