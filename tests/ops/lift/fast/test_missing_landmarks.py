"""What the search is made of where landmarks are missing, in the form that XLA is fast at."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift.fast import completion, missing_landmarks, visible_forms
from tf_lift.prior import build_tables


# An odd number of angles has no candidates half a turn apart.
@pytest.mark.parametrize("angles", [6, 5])
@pytest.mark.parametrize("written_out", [3, 1])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_elimination_equals_brute_force(small_prior, monkeypatch, scale, written_out, angles):
    monkeypatch.setattr(missing_landmarks, "MAX_WRITTEN_OUT", written_out)
    tables = build_tables(small_prior, angles, free_scale=scale is None, dtype="float64")
    assert tables.is_halved == (angles == 6)
    weights = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0, 1.0]])
    landmarks = small_prior.sample(3, seed=1)[..., [0, 2]] * [1, -1]
    if scale is None:
        mean = np.einsum("bl,blc->bc", weights, landmarks)
        landmarks = landmarks - mean[:, None] / weights.sum(1)[:, None, None]
    landmarks *= weights[..., None]
    points = tf.constant(landmarks.swapaxes(1, 2).reshape(3, -1))
    seen = tf.constant(weights)
    rows = completion.missing_rows(seen, 3)
    parts, constant, normaliser = missing_landmarks.eliminate(points, seen, rows, tables)
    parts = [[tf.transpose(value) for value in (*part, constant, normaliser)] for part in parts]
    found = [visible_forms.join(values, tables) for values in zip(*parts, strict=True)]
    found = np.transpose(found, [2, 1, 0])
    for i in range(3):
        every = reference.every(landmarks[i], small_prior, weights[i], scale, angles)
        weight = [small_prior.mixture_weights[each["mixture_index"]] for each in every]
        expected = np.array(
            [[each[name] for name in ("square", "product", "constant")] for each in every]
        )
        normaliser = [each["log_determinant"] for each in every] - 2 * np.log(weight)
        np.testing.assert_allclose(found[i, :, :3], expected, rtol=1e-8, atol=1e-5)
        np.testing.assert_allclose(found[i, :, 3], normaliser, rtol=1e-8)
