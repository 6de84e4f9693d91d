"""What candidates are compared by, all landmarks visible: against brute force."""

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift.fast import visible_forms
from tf_lift.prior import build_tables


@pytest.mark.parametrize(
    ("rotations", "pitches", "scale", "halved", "compressed"),
    [
        (6, (0.0,), None, True, False),
        (6, (0.0,), 1.0, True, False),
        (5, (0.0, 0.3), None, False, False),
        (6, (0.2,), 1.0, False, False),
        (72, (0.0,), None, True, True),
    ],
)
def test_forms_equal_brute_force(small_prior, rotations, pitches, scale, halved, compressed):
    tables = build_tables(small_prior, rotations, pitches, scale is None, "float64")
    assert tables.uses_half_turn_symmetry == halved
    assert (
        tables.search.encode_same_axis is not None or tables.search.encode_cross_axis is not None
    ) == compressed
    landmarks = small_prior.sample(3, seed=1)[..., [0, 2]] * [1, -1]
    parts = visible_forms.evaluate(tf.constant(landmarks), tables)
    assert len(parts) == 1 + halved
    square, product = (visible_forms.join(part, tables) for part in zip(*parts, strict=True))
    for i in range(3):
        found = reference.every(landmarks[i], small_prior, None, scale, rotations, pitches)
        expected = np.array([[each["square"], each["product"]] for each in found])
        np.testing.assert_allclose(square[:, i], expected[:, 0], rtol=1e-8, atol=1e-5)
        np.testing.assert_allclose(product[:, i], expected[:, 1], rtol=1e-8, atol=1e-5)


def test_coordinates_are_horizontal_and_vertical(small_prior, rng):
    tables = build_tables(small_prior, 6, dtype="float64")
    landmarks = rng.standard_normal([5, 7, 2])
    found = visible_forms.coordinates(tf.constant(landmarks), tables)
    expected = np.einsum("blc,ln->bcn", landmarks, tables.search.axes).reshape(5, -1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_products_hold_each_pair_once(rng):
    horizontal, vertical = rng.standard_normal([2, 2, 3])
    same, cross = visible_forms.products(tf.constant(horizontal), tf.constant(vertical))
    for i in range(3):
        x, y = horizontal[:, i], vertical[:, i]
        np.testing.assert_allclose(
            same[:, i], [x[0] * x[0], x[0] * x[1], x[1] ** 2, y[0] * y[0], y[0] * y[1], y[1] ** 2]
        )
        np.testing.assert_allclose(cross[:, i], np.outer(x, y).ravel())


@pytest.mark.parametrize("leading", [(), (3,)])
def test_coefficients_of_products_make_the_form(rng, leading):
    forms = rng.standard_normal([*leading, 8, 8])
    forms += np.swapaxes(forms, -1, -2)
    points = rng.standard_normal([8, 5])
    horizontal, vertical = tf.split(tf.constant(points), 2)
    found = sum(
        np.einsum("...f,fb->...b", coefficients, products)
        for coefficients, products in zip(
            visible_forms.coefficients(tf.constant(forms)),
            visible_forms.products(horizontal, vertical),
            strict=True,
        )
    )
    expected = np.einsum("ib,...ij,jb->...b", points, forms, points)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_parts_are_halves_of_the_angles_and_join_again(small_prior):
    tables = build_tables(small_prior, 6)
    table = np.arange(24).reshape(2, 12)
    parts = [visible_forms.part(tf.constant(table), number, tables) for number in range(2)]
    np.testing.assert_array_equal(parts[0][1, :, 0], [12, 13, 14, 18, 19, 20])
    np.testing.assert_array_equal(parts[1][0, :, 0], [3, 4, 5, 9, 10, 11])
    two_poses = [tf.concat([part[0], part[1]], 1) for part in parts]
    np.testing.assert_array_equal(visible_forms.join(two_poses, tables), table.T)


def test_the_one_part_of_what_is_not_halved_is_all(small_prior):
    tables = build_tables(small_prior, 5)
    part = visible_forms.part(tf.range(10), 0, tables)
    np.testing.assert_array_equal(part[:, 0], np.arange(10))
    assert visible_forms.join([part], tables) is part
