"""The lowest of many costs, by marks of the candidates and by their places."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla import lowest_costs


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("axis", [-2, -1])
@pytest.mark.parametrize("size", [8, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num_parts", [1, 2])
def test_finds_the_lowest(rng, num_parts, dtype, size, axis, shared, compiled):
    """Distinct costs of either sign, and some that are not finite; 400 are too many to mark."""
    total = num_parts * size
    costs = np.stack([rng.permutation(total) - total / 3 for _ in range(9)], 1)
    costs[costs == costs.max()] = np.inf
    indices = rng.permutation(total)
    parts = [tf.constant(part, dtype) for part in np.split(costs, num_parts)]
    places = [tf.constant(part[:, None], tf.int32) for part in np.split(indices, num_parts)]
    if axis == -1:
        parts, places = ([tf.transpose(value) for value in values] for values in (parts, places))
    find = functools.partial(lowest_costs.find, axis=axis, shared=shared)
    find = tf.function(find, jit_compile=compiled)
    found = find(parts, places, 3, tf.constant(1, dtype))
    np.testing.assert_array_equal(found, indices[np.argsort(costs, 0)[:3]])
