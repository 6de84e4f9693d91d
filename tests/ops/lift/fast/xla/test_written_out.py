"""Elimination that is written out, against NumPy's solvers."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla import written_out

LANES = 5
PAIRS = [(i, k) for k in range(3) for i in range(k + 1)]


def make_systems(rng, size):
    """Returns positive definite `[R, R, N]`, all pivots above 1, and sides `[3, R, N]`."""
    factor = rng.standard_normal([LANES, size, size])
    block = np.moveaxis(factor @ factor.swapaxes(1, 2) + 2 * np.eye(size), 0, -1)
    sides = rng.normal(0, 3, [3, size, LANES])
    sides[1] = sides[1, :, :1]  # The same in every lane.
    return block, sides


def eliminate(block, sides, start, jit_compile, dtype):
    """Returns the result; the second side broadcasts."""

    @tf.function(jit_compile=jit_compile)
    def call(block, sides):
        rows = [[block[i, k] for k in range(i + 1)] for i in range(block.shape[0])]
        sides = [tf.unstack(sides[0]), tf.unstack(sides[1, :, :1]), tf.unstack(sides[2])]
        gram, log_determinant = written_out.eliminate(rows, sides, start)
        return [gram[i, k] for i, k in PAIRS], log_determinant, len(gram)

    with_mode = call if jit_compile else call.python_function
    return with_mode(tf.constant(block, dtype), tf.constant(sides, dtype))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("unit", "start"), [(1.0, 1.0), (1e5, 2.0**-100), (1e-7, 2.0**100)])
@pytest.mark.parametrize("size", [1, 4, 10])
def test_gram_matrix_and_determinant(rng, size, unit, start, dtype, jit_compile):
    """Of ten pivots far above or below 1, whose product no float32 holds by itself."""
    block, sides = make_systems(rng, size)
    block *= unit
    gram, log_determinant, number = eliminate(block, sides, start, jit_compile, dtype)
    assert number == len(PAIRS)
    matrices = np.moveaxis(block, -1, 0)
    solved = np.linalg.solve(matrices, sides.transpose(2, 1, 0))
    expected = np.einsum("irn,nrk->ikn", sides, solved)
    rtol = 1e-4 if dtype == "float32" else 1e-10
    for (i, k), found in zip(PAIRS, gram, strict=True):
        limit = rtol * np.sqrt(expected[i, i] * expected[k, k]).max()
        np.testing.assert_allclose(found + np.zeros(LANES), expected[i, k], atol=limit)
    determinants = np.linalg.slogdet(matrices)[1]
    np.testing.assert_allclose(log_determinant, determinants, rtol=rtol, atol=rtol)


def test_arguments_stay_the_same():
    block = [[tf.constant(2.0)], [tf.constant(1.0), tf.constant(2.0)]]
    sides = [[tf.constant(1.0), tf.constant(3.0)]]
    before = [list(row) for row in block], [list(side) for side in sides]
    gram, _ = written_out.eliminate(block, sides, 1.0)
    np.testing.assert_allclose(gram[0, 0], 14 / 3, rtol=1e-6)
    for one, other in zip(tf.nest.flatten((block, sides)), tf.nest.flatten(before), strict=True):
        assert one is other
