"""The weighted least-squares fit against NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component as ppca


@pytest.fixture
def model(rng):
    """Directions [L, 3, J + 1] in mm, weights with two of nine missing, noise in mm."""
    directions = rng.normal(0, 100, [9, 3, 5])
    weights = rng.uniform(0.5, 2, 9)
    weights[[2, 5]] = 0
    return directions, weights, np.float64(13.0)


def normal_equations(model, free_scale):
    """Rows, square-root weights and penalty of the full problem; unknowns (z, t) or z."""
    directions, weights, noise = model
    rows = directions[:, :2, :4].reshape(18, 4)
    root = np.sqrt(np.repeat(weights, 2))[:, None]
    if not free_scale:
        return rows, root, np.diag([noise**2] * 4)
    shift = np.tile(np.eye(2), [9, 1])
    return np.concatenate([rows, shift], 1), root, np.diag([noise**2] * 4 + [0] * 2)


@pytest.mark.parametrize("free_scale", [True, False])
def test_latents_and_variance(model, rng, free_scale):
    directions, _, noise = model
    fit = ppca.fit(*map(tf.constant, model), free_scale)
    rows, root, penalty = normal_equations(model, free_scale)
    normal = (root * rows).T @ (root * rows) + penalty
    landmarks = rng.normal(0, 300, 18)
    solution = np.linalg.solve(normal, (root * rows).T @ (root[:, 0] * landmarks))
    np.testing.assert_allclose(fit.regression.numpy() @ landmarks, solution[:4], rtol=1e-8)
    covariance = noise**2 * np.linalg.inv(normal)[:4, :4]
    rooted = directions[..., :4] - directions[:1, :, :4]
    expected = np.einsum("lcj,ji,lci->l", rooted, covariance, rooted) + 3 * noise**2
    np.testing.assert_allclose(fit.variance, expected, rtol=1e-8)


@pytest.mark.parametrize(("free_scale", "expected"), [(True, 12.0), (False, 14.0)])
def test_dimensions_count_what_is_seen(model, free_scale, expected):
    assert ppca.dimensions(tf.constant(model[1]), free_scale) == expected
    assert ppca.dimensions(tf.zeros([3]), free_scale) == 0


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
def test_pose_minimises_the_energy(model, rng, free_scale):
    """No latents and no position near those found have less, at the scale found."""
    directions, weights, noise = model
    fit = ppca.fit(*map(tf.constant, model), free_scale)
    landmarks = 0.01 * rng.normal(0, 30, [9, 2]) + 0.01 * directions[:, :2, -1]
    if free_scale:
        landmarks -= weights @ landmarks / np.sum(weights)
    pose = ppca.lift_pose(
        tf.constant(landmarks), *map(tf.constant, model), fit.regression, free_scale
    )
    if not free_scale:
        assert pose.inverse_scale == 1 and pose.inverse_scale_variance == 0
    rows, root, penalty = normal_equations(model, free_scale)
    target = float(pose.inverse_scale) * landmarks - directions[:, :2, -1]
    system = np.concatenate([root * rows, np.sqrt(penalty)])
    right = np.concatenate([root[:, 0] * target.ravel(), np.zeros(len(penalty))])
    solution = np.linalg.lstsq(system, right, rcond=None)[0]
    np.testing.assert_allclose(pose.energy, np.sum((system @ solution - right) ** 2), rtol=1e-9)
    expected = directions[..., -1] + directions[..., :4] @ solution[:4]
    np.testing.assert_allclose(pose.joints_3d, expected, rtol=1e-9, atol=1e-7)


def test_derivative_by_and_variance_of_the_inverse_scale(model, rng):
    """The pose's derivative by the inverse scale, and the curvature of the cost along it."""
    directions, weights, noise = model
    fit = ppca.fit(*map(tf.constant, model), True)
    landmarks = 0.01 * directions[:, :2, -1] + rng.normal(0, 0.3, [9, 2])
    landmarks -= weights @ landmarks / np.sum(weights)
    pose = ppca.lift_pose(tf.constant(landmarks), *map(tf.constant, model), fit.regression, True)
    rows, root, penalty = normal_equations(model, True)
    design = root * rows
    project = np.eye(18) - design @ np.linalg.solve(design.T @ design + penalty, design.T)

    def energy(inverse_scale):
        target = root[:, 0] * (inverse_scale * landmarks - directions[:, :2, -1]).ravel()
        return target @ project @ target

    found = float(pose.inverse_scale)
    step = 1e-3 * found
    second = (energy(found + step) - 2 * energy(found) + energy(found - step)) / step**2
    curvature = second / noise**2 + 2 * 12 / found**2
    np.testing.assert_allclose(pose.inverse_scale_variance, 2 / curvature, rtol=1e-5)
    latents = fit.regression.numpy() @ landmarks.ravel()
    expected = directions[..., :4] @ latents
    np.testing.assert_allclose(pose.pose_per_inverse_scale, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("free_scale", [True, False])
def test_nothing_seen_is_the_mean_pose(model, free_scale):
    directions, weights, noise = (tf.constant(part) for part in model)
    weights = tf.zeros_like(weights)
    fit = ppca.fit(directions, weights, noise, free_scale)
    pose = ppca.lift_pose(
        tf.zeros([9, 2], tf.float64), directions, weights, noise, fit.regression, free_scale
    )
    np.testing.assert_array_equal(pose.joints_3d, directions[..., -1])
    assert pose.energy == 0 and pose.inverse_scale == 1
