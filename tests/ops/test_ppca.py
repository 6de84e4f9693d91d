"""The weighted least-squares fit against NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops import ppca


@pytest.fixture
def model(rng):
    """Directions [L, 3, J + 1] in mm, weights with two of nine missing, noise in mm."""
    directions = rng.normal(0, 100, [9, 3, 5])
    weights = rng.uniform(0.5, 2, 9)
    weights[[2, 5]] = 0
    return directions, weights, np.float64(13.0)


def normal_equations(model, free_scale):
    """Rows, square-root weights and penalty of the full problem; unknowns (b, t) or z."""
    directions, weights, noise = model
    rows = directions[:, :2].reshape(18, 5)
    root = np.sqrt(np.repeat(weights, 2))[:, None]
    if not free_scale:
        return rows[:, :4], root, np.diag([noise**2] * 4)
    shift = np.tile(np.eye(2), [9, 1])
    return np.concatenate([rows, shift], 1), root, np.diag([noise**2] * 4 + [0] * 3)


@pytest.mark.parametrize("free_scale", [True, False])
def test_coefficients_and_covariance(model, rng, free_scale):
    directions, weights, noise = map(tf.constant, model)
    fit = ppca.fit(directions, weights, noise, free_scale)
    rows, root, penalty = normal_equations(model, free_scale)
    normal = (root * rows).T @ (root * rows) + penalty
    landmarks = rng.normal(0, 300, [9, 2])
    target = landmarks if free_scale else landmarks - model[0][:, :2, -1]
    solution = np.linalg.solve(normal, (root * rows).T @ (root[:, 0] * target.ravel()))
    expected = solution[:5] if free_scale else np.append(solution, 1)
    coefficients = np.einsum("jlc,lc->j", fit.matrix, landmarks) + fit.offset
    np.testing.assert_allclose(coefficients, expected, rtol=1e-8)
    size = 5 if free_scale else 4
    expected = np.linalg.inv(normal)[:size, :size]
    np.testing.assert_allclose(fit.covariance.numpy()[:size, :size], expected, rtol=1e-8)


def test_batch_dimensions_are_independent(model, rng):
    directions, weights, noise = model
    many = np.stack([directions, rng.normal(0, 100, directions.shape)])
    fits = ppca.fit(
        tf.constant(many), tf.constant(weights), tf.constant(np.array([noise, 2 * noise])), True
    )
    alone = ppca.fit(tf.constant(many[1]), tf.constant(weights), tf.constant(2 * noise), True)
    for together, single in zip(fits, alone, strict=True):
        np.testing.assert_allclose(together[1], single)


@pytest.mark.parametrize("free_scale", [True, False])
def test_energy_is_the_quadratic_form(model, rng, free_scale):
    """The sum of squares equals y' (C - H) y, here from the projection I - H of the rows."""
    directions, weights, noise = map(tf.constant, model)
    fit = ppca.fit(directions, weights, noise, free_scale)
    landmarks = rng.normal(0, 30, [9, 2]) + model[0][:, :2, -1]
    coefficients, _, energy = ppca.exact_energy(
        landmarks, directions, weights, noise, fit.matrix, fit.offset, free_scale
    )
    rows, root, penalty = normal_equations(model, free_scale)
    design = root * rows
    project = np.eye(18) - design @ np.linalg.solve(design.T @ design + penalty, design.T)
    target = landmarks if free_scale else landmarks - model[0][:, :2, -1]
    target = root[:, 0] * target.ravel()
    scale = coefficients[-1].numpy()
    assert scale > 0
    np.testing.assert_allclose(energy, target @ project @ target / scale**2, rtol=1e-9)


def test_undetermined_scale_has_no_row(model):
    """A mean pose that projects to one point says nothing of the scale."""
    directions, weights, noise = model
    directions[:, :2, -1] = 0
    fit = ppca.fit(*map(tf.constant, (directions, weights, noise)), True)
    assert np.all(fit.matrix.numpy()[-1] == 0)
    assert all(np.all(np.isfinite(part)) for part in fit)
