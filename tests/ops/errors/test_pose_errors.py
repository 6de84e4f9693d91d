"""Pose errors against SciPy, their invariances and their gradients."""

import functools

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import pose_errors as oracle
from scipy.spatial import transform

from tf_lift.ops.errors import pose_errors

ERRORS_3D = [pose_errors.mpjpe, pose_errors.pa_mpjpe, pose_errors.n_mpjpe, pose_errors.pck3d]
SMOOTH = ERRORS_3D[:3] + [pose_errors.landmark_error]


def random_poses(rng, batch=4, joints=7, dimension=3):
    true = 300 * rng.standard_normal([batch, joints, dimension])
    true[:, 0] = 0.0
    predicted = true + 100 * rng.standard_normal(true.shape)
    return predicted, true


def dimension_of(error):
    return 2 if error is pose_errors.landmark_error else 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (pose_errors.mpjpe, oracle.mpjpe),
        (pose_errors.pa_mpjpe, oracle.pa_mpjpe),
        (pose_errors.n_mpjpe, oracle.n_mpjpe),
        (pose_errors.pck3d, functools.partial(oracle.pck3d, threshold=150.0)),
        (pose_errors.landmark_error, oracle.mpjpe),
    ],
)
def test_equals_oracle(rng, error, expected, weighted):
    predicted, true = random_poses(rng, dimension=dimension_of(error))
    weights = np.ones([4, 7])
    if weighted:
        weights = rng.uniform(0.2, 1.0, [4, 7])
        weights[:, 3] = 0.0
    actual = error(predicted, true, weights if weighted else None)
    rows = [expected(p, t, w) for p, t, w in zip(predicted, true, weights, strict=True)]
    assert actual.shape == (4,) and actual.dtype == tf.float64
    np.testing.assert_allclose(actual, rows, rtol=1e-7)


def test_invariances(rng):
    predicted, true = random_poses(rng)
    rotation = transform.Rotation.random(random_state=2).as_matrix()
    moved = 0.3 * true @ rotation.T + [10.0, -20.0, 5.0]
    np.testing.assert_allclose(pose_errors.pa_mpjpe(moved, true), 0.0, atol=1e-9)
    np.testing.assert_allclose(pose_errors.n_mpjpe(0.3 * true, true), 0.0, atol=1e-9)
    assert np.all(pose_errors.n_mpjpe(moved, true) > 10)
    assert np.all(pose_errors.mpjpe(0.3 * true, true) > 10)
    np.testing.assert_allclose(
        pose_errors.n_mpjpe(7.0 * predicted, true), pose_errors.n_mpjpe(predicted, true)
    )
    # Poses are not shifted to the root.
    np.testing.assert_allclose(pose_errors.mpjpe(true + [3.0, 0.0, 4.0], true), 5.0)


def test_a_mirrored_pose_is_wrong(rng):
    _, true = random_poses(rng)
    assert np.all(pose_errors.pa_mpjpe(true * [1, 1, -1], true) > 20)
    # The best scale of the point reflection is negative: it is judged at 0.
    size = np.mean(np.linalg.norm(true, axis=-1), axis=-1)
    np.testing.assert_allclose(pose_errors.n_mpjpe(-true, true), size)


def test_pck3d_counts_below_the_threshold():
    true = np.zeros([1, 4, 3])
    predicted = true.copy()
    predicted[0, :, 2] = [0.0, 149.9, 150.0, 151.0]
    np.testing.assert_allclose(pose_errors.pck3d(predicted, true), [0.5])
    np.testing.assert_allclose(pose_errors.pck3d(predicted, true, threshold=150.5), [0.75])


@pytest.mark.parametrize("error", [*ERRORS_3D, pose_errors.landmark_error])
def test_hidden_joints_change_nothing(rng, error):
    predicted, true = random_poses(rng, dimension=dimension_of(error))
    visibility = np.ones([4, 7], bool)
    visibility[:, [2, 5]] = False
    expected = error(np.delete(predicted, [2, 5], 1), np.delete(true, [2, 5], 1))
    for junk in (1e5, np.nan, np.inf):
        predicted[:, 2] = junk
        true[:, 5] = junk
        value, gradients = helpers.upstream_gradients(
            lambda p, t: error(p, t, visibility), [predicted, true], rng.standard_normal(4)
        )
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        assert not np.any(gradients[0].numpy()[:, [2, 5]])
    # A joint whose truth is NaN is hidden without a mask.
    true[:, [2, 5]] = np.nan
    np.testing.assert_allclose(error(predicted, true), expected, rtol=1e-9)
    np.testing.assert_array_equal(pose_errors.num_visible(true), [5] * 4)
    np.testing.assert_array_equal(pose_errors.num_visible(true, np.eye(4, 7)), [1, 1, 0, 1])


@pytest.mark.parametrize("error", [*ERRORS_3D, pose_errors.landmark_error])
def test_no_visible_joint_gives_zero(rng, error):
    predicted, true = random_poses(rng, dimension=dimension_of(error))
    value, gradients = helpers.upstream_gradients(
        lambda p, t: error(p, t, np.zeros([4, 7])), [predicted, true], 1.0
    )
    assert not np.any(value) and not any(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("error", [*ERRORS_3D, pose_errors.landmark_error])
def test_nan_prediction_of_a_visible_joint_shows(rng, error):
    predicted, true = random_poses(rng, dimension=dimension_of(error))
    predicted[1, 3, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(error(predicted, true)), [0, 1, 0, 0])


@pytest.mark.parametrize("error", SMOOTH)
def test_gradient(rng, error):
    predicted, true = random_poses(rng, batch=2, joints=5, dimension=dimension_of(error))
    weights = rng.uniform(0.2, 1.0, [2, 5])
    weights[:, 2] = 0.0
    helpers.check_gradient(
        lambda p, t: error(p, t, weights), [predicted, true], rng, delta=1e-4, rtol=1e-6
    )


@pytest.mark.parametrize("error", SMOOTH)
@pytest.mark.parametrize("pose", ["equal", "zero", "collinear", "planar"])
def test_gradient_is_finite_at_degenerate_poses(rng, error, pose):
    _, true = random_poses(rng, dimension=dimension_of(error))
    predicted = {
        "equal": true,
        "zero": np.zeros_like(true),
        "collinear": true[..., :1] * np.ones(true.shape[-1]),
        "planar": true * np.eye(true.shape[-1])[:2].sum(0),
    }[pose]
    for truth in (true, np.zeros_like(true), predicted):
        value, gradients = helpers.upstream_gradients(
            error, [np.float32(predicted), np.float32(truth)], rng.standard_normal(4)
        )
        assert np.isfinite(value).all()
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_gradient_of_exact_joints_is_zero_under_xla(rng):
    """Eager TensorFlow's derivative of the square root hides a 0 / 0 that XLA shows."""
    predicted, true = (x.astype(np.float32) for x in random_poses(rng))
    predicted[:, :3] = true[:, :3]
    _, (gradient, _) = tf.function(
        lambda p, t: helpers.upstream_gradients(pose_errors.mpjpe, [p, t], 1.0), jit_compile=True
    )(predicted, true)
    assert np.isfinite(gradient).all()
    assert not np.any(gradient[:, :3]) and np.all(np.any(gradient[:, 3:], axis=-1))


# XLA takes seconds for the decomposition in pa_mpjpe, which test_procrustes.py compiles.
@pytest.mark.parametrize("error", [error for error in SMOOTH if error != pose_errors.pa_mpjpe])
def test_modes(rng, error):
    predicted, true = random_poses(rng, joints=17, dimension=dimension_of(error))
    arrays = [predicted.astype(np.float32), true.astype(np.float32)]
    helpers.check_modes(error, arrays, rng, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("error", [*ERRORS_3D, pose_errors.landmark_error])
def test_types_and_leading_dimensions(rng, error):
    predicted, true = random_poses(rng, dimension=dimension_of(error))
    expected = error(predicted, true)
    np.testing.assert_allclose(error(predicted[1], true[1]), expected[1])
    np.testing.assert_allclose(error(predicted[None], true[None]), expected[None])
    assert error(predicted.astype(np.float16), true.astype(np.float16)).dtype == tf.float32
    assert error(predicted.astype(np.float32), true).dtype == tf.float64


def test_errors_of_arguments():
    pose = np.zeros([2, 17, 3])
    for error in ERRORS_3D:
        with pytest.raises(ValueError, match=r"`predicted` must have shape.*\(2, 17, 2\)"):
            error(pose[..., :2], pose)
        with pytest.raises(ValueError, match=r"`true` must have shape \[..., 17, 3\].*16"):
            error(pose, pose[:, :16])
        with pytest.raises(ValueError, match=r"`predicted` must not be empty"):
            error(pose[:0], pose[:0])
    with pytest.raises(ValueError, match=r"`predicted` must have shape \[..., any, 2\]"):
        pose_errors.landmark_error(pose, pose)
    with pytest.raises(ValueError, match="`threshold` must be positive.*-1"):
        pose_errors.pck3d(pose, pose, threshold=-1)
