"""The lift forward and its gradient as a computation of its own."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import directions

SPECS = {
    "joints_3d": tf.TensorSpec([None, 2]),
    "hypotheses": {"probability": tf.TensorSpec([None])},
    "mixture_index": tf.TensorSpec([None], tf.int32),
}


class Recorder:
    """A lift whose gradient is a known function of what it is given."""

    def __init__(self):
        self.calls = []

    def forward(self, batch):
        self.calls.append("forward")
        landmarks = batch["landmarks"]
        return {
            "joints_3d": 2 * landmarks,
            "hypotheses": {"probability": landmarks[:, 0]},
            "mixture_index": tf.ones([landmarks.shape[0] or 1], tf.int32),
            "winner": tf.constant([4, 6]),
        }

    def backward(self, batch, winner, upstream):
        self.calls.append("backward")
        self.upstream = upstream
        scale = tf.cast(winner, tf.float32)
        return {
            "landmarks": scale[:, tf.newaxis] * upstream["joints_3d"] * batch["scale"][:, None],
            "scale": upstream["hypotheses"]["probability"],
        }


def test_gradient_is_that_of_the_other_function():
    lift = Recorder()
    batch = {"scale": tf.constant([3.0, 5.0]), "landmarks": tf.constant([[1.0, 2], [3, 4]])}
    with tf.GradientTape() as tape:
        tape.watch(batch)
        result = directions.lift_with_gradient(lift.forward, lift.backward, SPECS, batch)
        total = tf.reduce_sum(result["joints_3d"] * [[1.0, 0], [0, 2]])
        total += tf.reduce_sum(result["hypotheses"]["probability"] * [7.0, 8])
    assert lift.calls == ["forward"] and "winner" not in result
    np.testing.assert_array_equal(result["joints_3d"], 2 * batch["landmarks"])
    gradient = tape.gradient(total, batch)
    assert lift.calls == ["forward", "backward"]
    np.testing.assert_array_equal(gradient["landmarks"], [[12, 0], [0, 60]])
    np.testing.assert_array_equal(gradient["scale"], [7, 8])
    assert set(lift.upstream) == {"joints_3d", "hypotheses"}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_a_graph(jit_compile):
    lift = Recorder()

    @tf.function(jit_compile=jit_compile)
    def call(landmarks):
        batch = {"landmarks": landmarks, "scale": tf.ones([2])}
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = directions.lift_with_gradient(lift.forward, lift.backward, SPECS, batch)
        return tape.gradient(result["joints_3d"], landmarks)

    np.testing.assert_array_equal(call(tf.ones([2, 2])), [[4, 4], [6, 6]])


def test_results_without_a_gradient_are_left_out():
    result = {"joints_3d": 1, "mixture_index": 2, "winner": 3, "energy": 4}
    assert directions.differentiable(result) == {"joints_3d": 1, "energy": 4}
