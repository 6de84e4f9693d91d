"""Whether a traced function is known to be compiled: nested, in loops, in Keras models."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla import tracing

X = tf.constant([1.0, 2.0])


@pytest.fixture
def record():
    """A function of a tensor that notes at each trace whether it is compiled."""

    @tf.autograph.experimental.do_not_convert
    def note(x):
        note.found.append(tracing.is_compiled_as_a_whole())
        return x + 1.0

    note.found = []
    return note


# Functions that call `record` from within, by what encloses it.
ENCLOSED = {
    "the function": lambda record: record,
    "a nested function": lambda record: lambda x: tf.function(record)(x),
    "a loop": lambda record: lambda x: tf.map_fn(record, x),
    "a branch": lambda record: lambda x: tf.cond(x[0] > 0, lambda: record(x), lambda: x),
}


@pytest.mark.parametrize("jit_compile", [True, False, None])
@pytest.mark.parametrize("enclosed", ENCLOSED.values(), ids=ENCLOSED)
def test_enclosing_function_decides(record, enclosed, jit_compile):
    function = tf.function(enclosed(record), jit_compile=jit_compile)
    function(X)
    function.get_concrete_function(tf.TensorSpec([3]))
    assert set(record.found) == {jit_compile is True}


def test_eager_code_is_not_compiled(record):
    record(X)
    assert record.found == [False]


def test_compiled_part_of_a_plain_function(record):
    part = tf.function(record, jit_compile=True)
    tf.function(lambda x: record(part(x)))(X)
    assert record.found == [True, False]


@pytest.mark.parametrize("jit_compile", [True, False])
def test_keras_model(record, jit_compile):
    class Layer(tf.keras.layers.Layer):
        def call(self, x):
            return record(x)

    model = tf.keras.Sequential([tf.keras.Input([2]), Layer(), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    record.found.clear()
    model.fit(np.ones([2, 2]), np.ones([2, 1]), verbose=0)
    assert record.found[-1] is jit_compile
    model.predict(np.ones([2, 2]), verbose=0)
    assert record.found[-1] is jit_compile
