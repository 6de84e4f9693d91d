"""Products of profiles: their values, and the memory that they save."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import belief_maps
from tf_lift.ops.belief_maps import separable

DECODERS = [
    belief_maps.to_landmarks,
    belief_maps.refine_peaks,
    belief_maps.soft_argmax,
    belief_maps.peak_values,
]


def test_outer_multiplies_columns_and_rows(rng):
    over_columns, over_rows = rng.standard_normal([2, 7, 3]), rng.standard_normal([2, 5, 3])
    expected = np.einsum("bwc,bhc->bhwc", over_columns, over_rows)
    np.testing.assert_allclose(separable.outer(over_columns, over_rows), expected)


def draw_maps(landmarks):
    return belief_maps.from_landmarks(landmarks, 9, 11)


@pytest.mark.parametrize("function", [draw_maps, *DECODERS])
def test_no_tensor_of_value_or_gradient_is_larger_than_the_maps(function):
    """No tensor has shape [batch, height, width, channels, 2]: each axis has its own profile."""
    maps = tf.TensorSpec([2, 9, 11, 5], tf.float32)
    landmarks = tf.TensorSpec([2, 4, 2], tf.float32)

    @tf.function
    def value_and_gradient(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = function(inputs)
        return value, tape.gradient(value, inputs)

    graph = value_and_gradient.get_concrete_function(
        landmarks if function is draw_maps else maps
    ).graph
    # The check sees the whole graph: no part of it is a separate function.
    assert not graph.as_graph_def().library.function
    shapes = [tensor.shape for node in graph.get_operations() for tensor in node.outputs]
    assert all(shape.is_fully_defined() for shape in shapes)
    assert max(shape.num_elements() for shape in shapes) == maps.shape.num_elements()
    assert max(shape.rank for shape in shapes) == 4
