"""The lowest of many costs, by marks of the candidates and by their places."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla import k_lowest


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("axis", [-2, -1])
@pytest.mark.parametrize(("size", "number"), [(8, 5), (200, 3), (200, 5)])
@pytest.mark.parametrize(("num_parts", "dtype"), [(1, "float32"), (2, "float32"), (2, "float64")])
def test_lowest_of_parts(rng, num_parts, dtype, size, axis, shared, compiled, number):
    """Distinct costs of either sign, and some that are not finite; 400 are too many to mark."""
    total = num_parts * size
    costs = np.stack([rng.permutation(total) - total / 3 for _ in range(9)], 1)
    costs[costs == costs.max()] = np.inf
    indices = rng.permutation(total)
    parts = [tf.constant(part, dtype) for part in np.split(costs, num_parts)]
    places = [tf.constant(part[:, None], tf.int32) for part in np.split(indices, num_parts)]
    if axis == -1:
        parts, places = ([tf.transpose(value) for value in values] for values in (parts, places))
    find = functools.partial(k_lowest.k_lowest, number=number, axis=axis, shared=shared)
    found = tf.function(find, jit_compile=compiled)(parts, places)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, indices[np.argsort(costs, 0)[:number]])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", [8, 200, 300])
def test_lowest_of_one_table(rng, size, compiled):
    """`find` numbers the candidates itself."""
    costs = np.stack([rng.permutation(size) - size / 3 for _ in range(9)], 1)
    costs[:-3, 2] = np.inf
    find = tf.function(lambda x: k_lowest.find(x, 3, compiled), jit_compile=compiled)
    found = find(tf.constant(costs, tf.float32))
    assert found.shape == (3, 9) and found.dtype == tf.int32
    np.testing.assert_array_equal(found, np.argsort(costs, 0)[:3])


@pytest.mark.parametrize("compiled", [False, True])
def test_no_more_than_there_are(compiled):
    costs = tf.constant([[3.0], [1.0], [2.0]])
    np.testing.assert_array_equal(k_lowest.find(costs, 5, compiled), [[1], [2], [0]])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", [8, 300])
def test_of_equal_costs_the_first_is_found(size, compiled):
    found = k_lowest.find(tf.ones([size, 2]), 3, compiled)
    np.testing.assert_array_equal(found, [[0, 0], [1, 1], [2, 2]])
