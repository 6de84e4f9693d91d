"""Sizes of steps on machines with and without an accelerator."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import accelerator, chunks
from tf_lift.ops.lift.fast.xla import gathered_products


def test_a_processor_takes_small_steps_and_an_accelerator_large_ones():
    if not tf.config.get_visible_devices("GPU"):
        assert accelerator.scaled(8) == 8
    with accelerator.assume(True):
        assert accelerator.scaled(8) == 128
        with accelerator.assume(False):
            assert accelerator.scaled(8) == 8
        assert accelerator.scaled(8) == 128


@pytest.mark.parametrize(("has_accelerator", "expected"), [(False, 3), (True, 1)])
def test_chunks_are_larger_on_an_accelerator(has_accelerator, expected):
    seen = []

    def double(batch):
        seen.append(len(batch["x"]))
        return 2 * batch["x"]

    spec = tf.TensorSpec([None], tf.int32)
    with accelerator.assume(has_accelerator):
        found = chunks.map_chunks(double, {"x": tf.range(12)}, spec, 4)
    assert found.numpy().tolist() == list(range(0, 24, 2)) and len(seen) == expected


@pytest.mark.parametrize("has_accelerator", [False, True])
def test_products_for_an_accelerator_have_no_loop(rng, has_accelerator):
    table = tf.constant(rng.standard_normal([7, 32, 5]))
    vectors, indices = tf.constant(rng.standard_normal([2, 32])), tf.constant([3, 6])

    @tf.function
    def multiply(vectors, indices):
        return gathered_products.multiply(vectors, table, indices, True)

    with accelerator.assume(has_accelerator):
        graph = multiply.get_concrete_function(vectors, indices).graph
        kinds = {operation.type for operation in graph.get_operations()}
        assert any("While" in kind for kind in kinds) != has_accelerator
        expected = np.einsum("nc,ncr->nr", vectors, table.numpy()[[3, 6]])
        np.testing.assert_allclose(multiply(vectors, indices), expected, rtol=1e-12)
