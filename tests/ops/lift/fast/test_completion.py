"""What completes landmarks, alone."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import completion
from tf_lift.prior import build_tables


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("number", "sides"), [(2, 1), (6, 2), (12, 3)])
def test_sweep_inverts(rng, number, sides, compiled):
    factor = rng.standard_normal([4, 5, number, number])
    block = factor @ factor.swapaxes(-1, -2) + 0.1 * np.eye(number)
    side = rng.standard_normal([4, 5, number, sides])
    last = [tf.constant(np.moveaxis(values, [2, 3], [0, 1])) for values in (block, side)]
    sweep = tf.function(completion.sweep, jit_compile=compiled)
    inverse, solved, log_determinant = sweep(*last)
    expected = np.linalg.inv(block)
    np.testing.assert_allclose(np.moveaxis(inverse, [0, 1], [2, 3]), expected, atol=1e-9)
    np.testing.assert_allclose(np.moveaxis(solved, [0, 1], [2, 3]), expected @ side, atol=1e-9)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(block)[1], atol=1e-9)


def test_forms_of_missing_rows(small_prior):
    """Where fewer are missing the other rows are those of a unit matrix."""
    tables = build_tables(small_prior, 6, dtype="float64")
    weights = tf.constant([[1, 0, 1, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1, 0.0]], tf.float64)
    rows = completion.missing_rows(weights, 2)
    np.testing.assert_array_equal(rows, [[1, 5, 8, 12], [6, 15, 13, 17]])
    block, mean = completion.missing_forms(tables, rows)
    form, linear = tables.form.numpy(), tables.linear.numpy()
    np.testing.assert_array_equal(block[:, :, 0], form[np.ix_([1, 5, 8, 12], [1, 5, 8, 12])])
    np.testing.assert_array_equal(mean[:, 0], linear[[1, 5, 8, 12]])
    expected = np.tile(np.eye(4)[..., None], form.shape[2])
    expected[np.ix_([0, 2], [0, 2])] = form[np.ix_([6, 13], [6, 13])]
    np.testing.assert_array_equal(block[:, :, 1], expected)
    np.testing.assert_array_equal(mean[:, 1], [linear[6], 0 * linear[6], linear[13], 0 * linear[6]])
