"""The one form of message for shapes."""

import pytest
import tensorflow as tf

from tf_lift.ops import shapes


@pytest.mark.parametrize("shape", [[17, 2], [8, 17, 2], [None, 17, 2], [3, None, 2], None])
def test_fitting_and_unknown_shapes_pass(shape):
    checked = []

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
    def trace(tensor):
        shapes.check_shape(tensor, "landmarks", 17, 2)
        shapes.check_not_empty(tensor, "landmarks")
        checked.append(tensor.shape)
        return tensor

    trace.get_concrete_function()
    assert len(checked) == 1


@pytest.mark.parametrize("shape", [[17, 3], [8, 16, 2], [2], []])
def test_other_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[..., 17, 2\]. Received"):
        shapes.check_shape(tf.zeros(shape), "landmarks", 17, 2)


def test_any_size():
    shapes.check_shape(tf.zeros([4, 9, 2]), "landmarks", None, 2)
    with pytest.raises(ValueError, match=r"must have shape \[..., any, 2\]"):
        shapes.check_shape(tf.zeros([2]), "landmarks", None, 2)


def test_empty_is_named():
    with pytest.raises(ValueError, match="`landmarks` must not be empty"):
        shapes.check_not_empty(tf.zeros([0, 17, 2]), "landmarks")
