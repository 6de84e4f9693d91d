"""The large tables keep half of the angles: the rest are these, turned."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import rotation_search
from tf_lift.ops.lift.fast import masked_tables
from tf_lift.prior import build_tables

# So little a camera looks down that it is level, but its tables are not halved.
ALMOST_LEVEL = (1e-13,)


def make(prior, free_scale, masked=False, rotations=6):
    """Returns the tables of half the angles, and of all."""
    tables = [
        build_tables(prior, rotations, pitches, free_scale, "float64")
        for pitches in ((0.0,), ALMOST_LEVEL)
    ]
    if masked:
        masks = tf.constant([[1, 0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1, 1.0]], tf.float64)
        tables = [masked_tables.build(each, masks, 2) for each in tables]
    assert tables[0].is_halved and not tables[1].is_halved
    return tables


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("free_scale", [True, False])
def test_candidates_half_a_turn_later(small_prior, rng, free_scale, masked):
    halved, whole = make(small_prior, free_scale, masked)
    indices = rng.permutation(whole.num_candidates)
    halves, signs = halved.find_half(tf.constant(indices))
    points = tf.constant(rng.standard_normal([len(indices), whole.whitening.shape[1]]))
    turned = halved.turn_landmarks(points, signs)
    assert np.all(np.sort(np.unique(signs)) == [-1, 1])

    def multiply(tables, name, rows, points):
        table = tf.gather(getattr(tables, name), rows)
        return tf.linalg.matvec(table, points, transpose_a=True).numpy()

    def rest(tables, name, rows):
        return tf.gather(getattr(tables, name), rows).numpy()

    def complete(tables, rows, points):
        """Returns completed landmarks, and where the tables of all masks have the candidates."""
        if not masked:
            return rows, points
        size = tables.rest.shape[0]
        places = tf.gather(tables.places, tf.cast(rows >= size // 2, tf.int32))
        slope = tf.matmul(multiply(tables, "completion", rows, points)[:, tf.newaxis], places)
        return rows % (size // 2), points + slope[:, 0]

    def products(tables, rows, points):
        """Whitened landmarks may be turned in any way: but not what they are to each other."""
        whitened = multiply(tables, "whitening", *complete(tables, rows, points))
        both = whitened, rest(tables, "whitened_mean", rows)
        return np.stack([np.sum(both[i] * both[j], 1) for i, j in ((0, 0), (0, 1), (1, 1))])

    expected = products(whole, indices, points)
    np.testing.assert_allclose(products(halved, halves, turned), expected, rtol=1e-9, atol=1e-9)
    grown = multiply(halved, "growth", *complete(halved, halves, turned))
    pose = rest(halved, "rest", halves) + grown
    grown = multiply(whole, "growth", *complete(whole, indices, points))
    expected = rest(whole, "rest", indices) + grown
    np.testing.assert_allclose(
        halved.turn_pose(tf.constant(pose), signs), expected, atol=1e-9 * np.abs(expected).max()
    )
    if masked:
        return
    forms = multiply(halved, "axes_form", halves, turned)
    np.testing.assert_allclose(
        halved.turn_landmarks(tf.constant(forms), signs),
        multiply(whole, "axes_form", indices, points),
        atol=1e-9,
    )


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_indices_of_any_shape(small_prior, rng, shape):
    halved, whole = make(small_prior, True)
    indices = tf.constant(rng.integers(12, size=shape))
    halves, signs = halved.find_half(indices)
    angle, component = indices.numpy() % 6, indices.numpy() // 6
    np.testing.assert_array_equal(halves, 3 * component + angle % 3)
    np.testing.assert_array_equal(signs, np.where(angle < 3, 1, -1))
    found, no_signs = whole.find_half(indices)
    assert found is indices and no_signs is None
    points = tf.constant(rng.standard_normal([*shape, 12]))
    assert whole.turn_landmarks(points, None) is points and whole.turn_pose(points, None) is points


@pytest.mark.parametrize("free_scale", [True, False])
def test_forms_of_all_candidates_and_landmarks(small_prior, free_scale):
    halved, whole = make(small_prior, free_scale)
    first_half = [0, 1, 2, 6, 7, 8]
    for name in ("form", "linear", "directions", "constant", "normaliser", "regression"):
        expected = getattr(whole, name).numpy()
        assert expected.shape[-1] == 12 or expected.shape[0] == 12
        if name in ("form", "linear"):
            expected = expected[..., first_half]
        np.testing.assert_allclose(
            getattr(halved, name), expected, atol=1e-9 * np.abs(expected).max(), err_msg=name
        )


@pytest.mark.parametrize("rotations", [6, 5])
@pytest.mark.parametrize("free_scale", [True, False])
def test_tables_abreast(small_prior, rng, free_scale, rotations):
    """What completes landmarks, and what gradients are multiplied by, in one product each."""
    tables = build_tables(small_prior, rotations, free_scale=free_scale, dtype="float64")
    size, half = tables.whitening.shape[1], 1
    noise_variance = tables.noise_stddev.numpy()[half] ** 2
    whitening, growth = tables.whitening[half].numpy(), tables.growth[half].numpy()
    form = noise_variance * whitening @ whitening.T
    mean = noise_variance * whitening @ tables.whitened_mean[half].numpy()
    expected = np.concatenate([form, growth], 1)
    np.testing.assert_allclose(tables.stacked[:, half], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tables.axes_form[half], form, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tables.axes_linear[half], mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        tables.gradient[half], np.concatenate([whitening, growth], 1).T, rtol=1e-12
    )
    # M of all landmarks is that of coordinates that no translation changes.
    landmarks = rng.standard_normal([7, 2])
    points = rotation_search.coordinates(tf.constant(landmarks[None]), tables)[0].numpy()
    flat = landmarks.T.ravel()
    np.testing.assert_allclose(
        flat @ tables.form.numpy()[..., half] @ flat, points @ form @ points, rtol=1e-10
    )
    np.testing.assert_allclose(flat @ tables.linear.numpy()[:, half], points @ mean, rtol=1e-10)
    assert size == (12 if free_scale else 14)
