"""Products of vectors with matrices of a table, in each form."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast.xla import gathered_products


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("max_terms", [6, 5])
@pytest.mark.parametrize("leading", [(4,), (2, 1), (2, 4)])
def test_products(rng, monkeypatch, leading, max_terms, signed, compiled):
    """A sum of rows in turns, or matrices gathered for three vectors."""
    # Two steps, the second of them with rows of padding.
    monkeypatch.setattr(gathered_products, "_TERMS", 4)
    monkeypatch.setattr(gathered_products, "_MAX_TERMS", max_terms)
    monkeypatch.setattr(gathered_products, "_MAX_NUMBERS", 3 * 6 * 5)
    table = rng.standard_normal([7, 6, 5])
    vectors, indices = rng.standard_normal([*leading, 6]), rng.integers(7, size=[2, 4])
    signs = rng.choice([-1.0, 1.0], size=[2, 4]) if signed else None
    changes = np.ones([2, 4, 6])
    if signed:
        changes[..., :3] = signs[..., None]
    expected = np.einsum("nbc,nbcr->nbr", changes * vectors, table[indices])

    @tf.function(jit_compile=compiled)
    def multiply(vectors, indices):
        return gathered_products.multiply(vectors, table, indices, compiled, signs)

    table = tf.constant(table)
    signs = None if signs is None else tf.constant(signs)
    found = multiply(tf.constant(vectors), tf.constant(indices))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
