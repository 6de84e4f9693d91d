"""Elimination of many small systems against NumPy's solvers."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import elimination

LANES = 5


def make_systems(rng, size, sides):
    """Returns positive definite `[N, R, R]`, coupled enough for the order of pivots to matter."""
    factor = rng.standard_normal([LANES, size, size])
    return factor @ factor.swapaxes(1, 2) + 0.1 * np.eye(size), rng.normal(
        0, 3, [LANES, size, sides]
    )


def last(values):
    """Returns `[N, ...]` with lanes last."""
    return tf.constant(np.moveaxis(values, 0, -1))


def in_mode(function, mode):
    """Returns a function of tensors in one of the modes that the lift runs in."""
    if mode == "eager":
        return lambda *tensors: function(*tensors, False)
    compiled = mode == "xla"
    return tf.function(lambda *tensors: function(*tensors, compiled), jit_compile=compiled)


MODES = pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
SIZES = pytest.mark.parametrize(("size", "sides"), [(1, 1), (2, 3), (5, 2), (8, 5)])


def eliminate(block, sides, compiled=False):
    """`elimination.eliminate` of whole matrices `[R, R, N]`."""
    return elimination.eliminate(elimination.pack(block), sides, compiled)


@MODES
@SIZES
def test_eliminate_gives_the_gram_matrix_and_the_determinant(rng, size, sides, mode):
    block, right = make_systems(rng, size, sides)
    gram, log_determinant = in_mode(eliminate, mode)(last(block), last(right))
    assert gram.shape == (sides, sides, LANES) and log_determinant.shape == (LANES,)
    expected = right.swapaxes(1, 2) @ np.linalg.solve(block, right)
    np.testing.assert_allclose(gram, np.moveaxis(expected, 0, -1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(block)[1], atol=1e-11)


def test_upper_triangles_row_after_row(rng):
    blocks = rng.standard_normal([2, 3, 3, LANES])
    found = elimination.pack(tf.constant(blocks), 1)
    expected = [blocks[:, i, j] for i in range(3) for j in range(i, 3)]
    np.testing.assert_array_equal(found, np.stack(expected, 1))


@MODES
@SIZES
def test_invert(rng, size, sides, mode):
    block, _ = make_systems(rng, size, sides)
    inverse, log_determinant = in_mode(elimination.invert, mode)(last(block))
    expected = np.moveaxis(np.linalg.inv(block), 0, -1)
    np.testing.assert_allclose(inverse, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(block)[1], atol=1e-11)


@MODES
@pytest.mark.parametrize(("first", "second"), [(2, 3), (5, 4), (1, 1)])
def test_multiply(rng, first, second, mode):
    """As a sum where the result is small, else as a product of matrices."""
    left, right = rng.standard_normal([LANES, 6, first]), rng.standard_normal([LANES, 6, second])
    found = in_mode(elimination.multiply, mode)(last(left), last(right))
    expected = np.moveaxis(left.swapaxes(1, 2) @ right, 0, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_number_of_lanes_may_be_unknown(rng):
    block, right = map(last, make_systems(rng, 3, 2))
    specs = [tf.TensorSpec([3, 3, None], tf.float64), tf.TensorSpec([3, 2, None], tf.float64)]
    traced = tf.function(eliminate, specs)
    for found, expected in zip(traced(block, right), eliminate(block, right), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_float32_is_within_rounding_for_covariances_with_noise(rng):
    """Eigenvalues from the prior's noise to a thousand times that, as landmarks have them."""
    rotation = np.linalg.qr(rng.standard_normal([LANES, 16, 16]))[0]
    block = np.einsum("nij,j,nkj->nik", rotation, np.geomspace(1, 1e3, 16), rotation)
    right = rng.standard_normal([LANES, 16, 3])
    expected = eliminate(last(block), last(right))
    found = eliminate(*(tf.cast(last(part), tf.float32) for part in (block, right)))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == tf.float32
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
