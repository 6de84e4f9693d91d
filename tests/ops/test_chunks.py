"""Large batches in chunks: equal to one call, and never more rows at a time than allowed."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import chunks

SIGNATURE = {"sum": tf.TensorSpec([None], tf.float32), "row": tf.TensorSpec([None, 3], tf.float32)}


def sums(batch):
    return {"sum": tf.reduce_sum(batch["x"], -1) + batch["y"], "row": 2 * batch["x"]}


def random_batch(rng, rows):
    x, y = rng.standard_normal([rows, 3]), rng.standard_normal([rows])
    return {"x": tf.constant(x, tf.float32), "y": tf.constant(y, tf.float32)}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 4, 5, 8, 11])
def test_equals_one_call(rng, rows, known):
    batch = random_batch(rng, rows)
    specs = {"x": tf.TensorSpec([None, 3], tf.float32), "y": tf.TensorSpec([None], tf.float32)}
    mapped = tf.function(
        lambda batch: chunks.map_chunks(sums, batch, SIGNATURE, 4),
        input_signature=None if known else [specs],
    )(batch)
    for name, expected in sums(batch).items():
        np.testing.assert_allclose(mapped[name], expected)


@pytest.mark.parametrize("rows", [5, 8, 9, 100])
def test_chunks_are_of_equal_size_and_not_too_large(rng, rows):
    sizes = []

    def record(batch):
        sizes.append(len(batch["y"]))
        return sums(batch)

    chunks.map_chunks(record, random_batch(rng, rows), SIGNATURE, 4)
    assert max(sizes) <= 4 and min(sizes) == max(sizes)
    # No more calls than needed, and padding for less than one row a chunk.
    assert len(sizes) == -(-rows // 4) and sum(sizes) - rows < len(sizes)


def test_gradient_passes_through_chunks(rng):
    batch = random_batch(rng, 7)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        mapped = chunks.map_chunks(sums, batch, SIGNATURE, 3)
        total = tf.reduce_sum(mapped["sum"] ** 2) + tf.reduce_sum(mapped["row"])
    gradient = tape.gradient(total, batch)
    expected = 2 * sums(batch)["sum"]
    np.testing.assert_allclose(gradient["y"], expected, rtol=1e-6)
    np.testing.assert_allclose(gradient["x"], expected[:, tf.newaxis] + tf.fill([7, 3], 2.0), 1e-6)
