"""Rows of missing landmarks, and the determinant that they leave."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import missing_rows
from tf_lift.prior import build_tables

WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0, 1, 1],
        [1, 0, 1, 0, 1, 0, 1],
        [0, 0, 1, 0, 0, 1, 0.0],
    ]
)


def test_rows_of_missing_landmarks():
    rows = missing_rows.find(tf.constant(WEIGHTS), 5).numpy()
    assert rows.dtype == np.int32 and rows.shape == (4, 10)
    for pose, weights in zip(rows, WEIGHTS, strict=True):
        missing = np.flatnonzero(weights == 0)
        np.testing.assert_array_equal(pose[: len(missing)], missing)
        np.testing.assert_array_equal(pose[5 : 5 + len(missing)], 7 + missing)
        spare = np.delete(pose, [*range(len(missing)), *range(5, 5 + len(missing))])
        assert np.all((spare >= 14) & (spare < 24)) and len(set(spare)) == len(spare)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_determinant_of_the_visible_from_that_of_all(small_prior, scale):
    """log |visible| = log |all| + log |missing rows of M| + this."""
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    candidates = np.array([0, 4, 7, 11])
    directions = tables.components.directions(tf.constant(candidates), tables.per_component)
    noise_stddev = tf.gather(tables.noise_stddev, candidates)
    whole, visible = (
        component.fit(directions, tf.constant(weights), noise_stddev, scale is None).log_determinant
        for weights in (np.ones([4, 7]), WEIGHTS)
    )
    form, halves = tables.form.numpy(), tables.fold_half_turn(candidates)[0]
    rows = [np.flatnonzero(np.tile(weights == 0, 2)) for weights in WEIGHTS]
    # Half a turn later the determinant is the same.
    missing = [
        np.linalg.slogdet(form[np.ix_(places, places, [half])][..., 0])[1]
        for places, half in zip(rows, np.asarray(halves), strict=True)
    ]
    weights, variance = tf.constant(WEIGHTS), noise_stddev**2
    every = missing_rows.log_determinant_of_others(weights, variance, tables)
    assert every.shape == (4, 4)  # Of all poses and all candidates.
    others = tf.linalg.diag_part(every)
    np.testing.assert_allclose(whole + missing + others, visible, rtol=1e-9)
    of_two = missing_rows.log_determinant_of_others(weights, tf.stack([variance] * 2), tables)
    np.testing.assert_allclose(of_two, [others, others])


def test_spare_rows_are_those_of_a_unit_matrix(small_prior):
    tables = build_tables(small_prior, 6, dtype="float64")
    form, linear = missing_rows.spare_form(tables, 4)
    expected = np.zeros([18, 18, 6])
    expected[:14, :14] = tables.form
    expected[14:, 14:] = np.eye(4)[..., None]
    np.testing.assert_array_equal(form, expected)
    np.testing.assert_array_equal(linear, np.concatenate([tables.linear, np.zeros([4, 6])]))
    first = missing_rows.spare_form(tables, 4, candidates_first=True)
    np.testing.assert_array_equal(first[0], np.moveaxis(expected, 2, 0))
    np.testing.assert_array_equal(first[1], np.transpose(linear))
