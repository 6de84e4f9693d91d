"""The fit of chosen candidates in the space of landmarks against that by latents."""

import lift_contract
import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import weighted_fit, weighted_search
from tf_lift.prior import build_tables

WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0.3, 2, 1, 4, 0.2, 1.5, 0.7],
        [0, 3, 1, 0.4, 0, 1, 0.1],
        [1, 0, 1, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 2.5, 0],
        [0, 0, 0, 3, 0, 0, 0],
    ]
)

CASES = pytest.mark.parametrize(
    ("free_scale", "rotations", "pitches", "size"),
    [
        (True, 6, (0.0,), None),
        (False, 6, (0.0,), None),
        (True, 6, (0.0,), 5),
        (False, 5, (0.0, 0.3), None),
        (True, 5, (0.0, 0.3), 5),
        (False, 6, (-0.2,), 5),
    ],
)


def make(prior, free_scale, rotations, pitches, size):
    """Returns tables, landmarks, weights and candidates `[4, B]`, two of both components."""
    tables = build_tables(prior, rotations, pitches, free_scale, "float64")
    # At a free scale one visible landmark determines nothing.
    weights = WEIGHTS[0 if size is None else 2 : -1 if free_scale else None]
    landmarks = lift_ranking.make_landmarks(prior, len(weights), weights, None if free_scale else 1)
    indices = np.random.default_rng(2).integers(tables.num_candidates, size=[4, len(weights)])
    indices[1] = (indices[0] + tables.per_component) % tables.num_candidates
    return tables, *map(tf.constant, (landmarks, weights, np.int32(indices)))


def fit(tables, landmarks, weights, indices, size):
    solved = weighted_fit.fit(landmarks, weights, tables, indices, False, size)
    return solved, weighted_fit.lift_pose(landmarks, solved, tables)


def fit_by_latents(tables, landmarks, weights, indices):
    """Returns `PPCAFit` and `PPCAPose` of the same candidates, `[B, 4, ...]`."""
    indices = tf.transpose(indices)
    directions = tables.components.directions(indices, tables.per_component)
    noise_stddev = tf.gather(tables.noise_stddev, indices)
    model = directions, tf.repeat(weights[:, tf.newaxis], 4, 1), noise_stddev
    fitted = component.fit(*model, tables.free_scale)
    points = tf.repeat(landmarks[:, tf.newaxis], 4, 1)
    poses = component.lift_pose(points, *model, fitted.regression, tables.free_scale)
    return fitted, poses


@CASES
def test_poses_are_those_of_the_fit_by_latents(small_prior, free_scale, rotations, pitches, size):
    tables, *batch = make(small_prior, free_scale, rotations, pitches, size)
    solved, poses = fit(tables, *batch, size)
    expected, expected_poses = fit_by_latents(tables, *batch)
    for name, found, other in zip(poses._fields, poses, expected_poses, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-8, atol=1e-7, err_msg=name)
    normaliser = tf.transpose(expected.log_determinant) + tf.gather(tables.mixture_cost, batch[2])
    np.testing.assert_allclose(solved.normaliser, normaliser, rtol=1e-9, atol=1e-9)
    found = weighted_fit.variance(solved, tables, False)
    np.testing.assert_allclose(found, expected.variance, rtol=1e-8)
    dimensions = np.tile(component.dimensions(batch[1], free_scale), [4, 1])
    np.testing.assert_array_equal(solved.dimensions, dimensions)


@pytest.mark.parametrize("pitches", [(0.0,), (0.0, 0.3)])
@pytest.mark.parametrize("free_scale", [True, False])
def test_inverse_covariance_of_both_image_axes(small_prior, free_scale, pitches):
    """K of the landmarks, scaled and centred: K_hh, and K_hv by the transfer."""
    tables, landmarks, weights, indices = make(small_prior, free_scale, 6, pitches, None)
    solved, _ = fit(tables, landmarks, weights, indices, None)
    directions = tables.components.directions(indices, tables.per_component).numpy()
    noise_variance = solved.noise_variance.numpy().ravel()
    for lane, (place, pose) in enumerate(np.ndindex(*indices.shape)):
        weight = weights[pose].numpy()
        mean = np.outer(np.ones(7), weight / weight.sum()) if free_scale else 0
        centre = np.diag(np.sqrt(weight)) @ (np.eye(7) - mean)
        loadings = directions[place, pose, :, :2, :-1]
        rows = np.concatenate([centre @ loadings[:, axis] for axis in range(2)])
        inverse = np.linalg.inv(rows @ rows.T + noise_variance[lane] * np.eye(14))
        found_h = solved.inverse_h.numpy()[..., lane]
        np.testing.assert_allclose(found_h, inverse[:7, :7], atol=1e-10)
        transfer = solved.transfer.numpy()[..., lane]
        np.testing.assert_allclose(-found_h @ transfer.T, inverse[:7, 7:], atol=1e-10)


@pytest.mark.parametrize(("free_scale", "size"), [(True, None), (True, 5), (False, 5)])
def test_compiled_in_float32(small_prior, free_scale, size):
    """The best candidates: the poses of those that fit badly lose digits to large residuals."""
    tables, landmarks, weights, _ = make(small_prior, free_scale, 6, (0.0,), size)
    found = weighted_search.shortlist(landmarks, weights, tables, 2, "map", False, size)
    batch = landmarks, weights, tf.transpose(found)
    solved, poses = fit(tables, *batch, size)
    expected = [solved.normaliser, weighted_fit.variance(solved, tables, False), *poses]
    tables = build_tables(small_prior, 6, free_scale=free_scale)

    @tf.function(jit_compile=True)
    def call(landmarks, weights, indices):
        solved = weighted_fit.fit(landmarks, weights, tables, indices, True, size)
        poses = weighted_fit.lift_pose(landmarks, solved, tables)
        return [solved.normaliser, weighted_fit.variance(solved, tables, True), *poses]

    found = call(*(tf.cast(part, tf.float32) for part in batch[:2]), batch[2])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-3, atol=0.05)


@pytest.mark.parametrize("size", [None, 5])
@pytest.mark.parametrize("free_scale", [True, False])
def test_gradient_equals_finite_differences(small_prior, rng, free_scale, size):
    tables, landmarks, weights, indices = make(small_prior, free_scale, 6, (0.0,), size)

    def call(landmarks):
        poses = fit(tables, landmarks, weights, indices, size)[1]
        joints = tf.reshape(poses.joints_3d, [tf.shape(landmarks)[0], -1])
        return tf.concat([joints, poses.energy, 100 * poses.inverse_scale], 1)

    lift_contract.check_gradient(call, landmarks, rng, 1e-6 if free_scale else 1e-3)
    result = fit(tables, landmarks, weights, indices, size)[1]
    if free_scale:  # A given one does not depend on the landmarks.
        assert np.ptp(result.inverse_scale) > 1


def test_missing_landmarks_have_no_gradient(small_prior):
    tables, landmarks, weights, indices = make(small_prior, True, 6, (0.0,), 5)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        joints = fit(tables, landmarks, weights, indices, 5)[1].joints_3d
    gradient = tape.gradient(joints, landmarks).numpy()
    missing = weights.numpy() == 0
    assert np.all(gradient[missing] == 0) and np.all(np.abs(gradient[~missing]).sum(-1) > 0)
