"""The tables of the lift: exact, shared, read-only, the same inside a traced graph."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops import rotation_search
from tf_lift.prior import build_tables


@pytest.mark.parametrize("scale", [None, 1.0])
def test_search_tables_give_the_energy(tiny_prior, rng, scale):
    tables = build_tables(tiny_prior, 5, (0.0, 0.3), scale is None, "float64")
    landmarks = 0.5 * tiny_prior.sample(1, seed=2)[0][:, [0, 2]] * [1, -1]
    centred = landmarks - (landmarks.mean(0) if scale is None else 0)
    square = (rotation_search.quadratic_features(centred[None]) @ tables.quadratic)[0]
    product = centred.reshape(-1) @ tables.linear
    index = 0
    for k in range(2):
        for pitch in (0.0, 0.3):
            for n in range(5):
                matrix = reference.rotation(2 * np.pi * n / 5, pitch)
                found = reference.candidate(landmarks, tiny_prior, k, matrix, scale=scale)
                u = 1 / found["scale"]
                energy = u**2 * square[index] - 2 * u * product[index] + tables.constant[index]
                np.testing.assert_allclose(energy, found["energy"], rtol=1e-7)
                index += 1
    assert index == len(square)


def test_tables_are_built_once_and_read_only(tiny_prior):
    tables = build_tables(tiny_prior, 6)
    assert build_tables(tiny_prior, 6) is tables
    assert build_tables(tiny_prior, 7) is not tables
    with pytest.raises(ValueError, match="read-only"):
        tables.directions[0] = 0


def test_first_use_inside_a_graph(tiny_prior):
    shapes = []

    @tf.function
    def trace():
        tables = build_tables(tiny_prior, 9, (0.01,))
        shapes.append(tables.regression.shape)
        return tf.constant(tables.regression)

    np.testing.assert_array_equal(trace(), build_tables(tiny_prior, 9, (0.01,)).regression)
    assert shapes == [(18, 4, 34)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_rotations": 0}, "`num_rotations` must be a positive integer"),
        ({"num_rotations": 2.5}, "`num_rotations` must be a positive integer"),
        ({"pitches": ()}, "`pitches` must be finite angles"),
        ({"pitches": (np.nan,)}, "`pitches` must be finite angles"),
    ],
)
def test_bad_arguments_are_named(tiny_prior, arguments, message):
    with pytest.raises(ValueError, match=message):
        build_tables(tiny_prior, **arguments)
