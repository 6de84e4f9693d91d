"""The large tables keep half of the angles: the rest are these, turned."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import visible_forms
from tf_lift.prior import build_tables

# So little a camera looks down that it is level, but its tables are not halved.
ALMOST_LEVEL = (1e-13,)


def make(prior, free_scale, rotations=6):
    """Returns the tables of half the angles, and of all."""
    halved, whole = (
        build_tables(prior, rotations, pitches, free_scale, "float64")
        for pitches in ((0.0,), ALMOST_LEVEL)
    )
    assert halved.uses_half_turn_symmetry and not whole.uses_half_turn_symmetry
    return halved, whole


def multiply(table, rows, points):
    return tf.linalg.matvec(tf.gather(table, rows), points, transpose_a=True).numpy()


@pytest.mark.parametrize("free_scale", [True, False])
def test_candidates_half_a_turn_later(small_prior, rng, free_scale):
    halved, whole = make(small_prior, free_scale)
    indices = rng.permutation(whole.num_candidates)
    halves, signs = halved.fold_half_turn(tf.constant(indices))
    points = tf.constant(rng.standard_normal([len(indices), 2 * whole.num_axes]))
    turned = halved.turn_landmarks(points, signs)
    assert np.all(np.sort(np.unique(signs)) == [-1, 1])

    def products(tables, rows, points):
        """Whitened landmarks may be turned in any way, but keep their scalar products."""
        whitened = multiply(tables.poses.whitening, rows, points)
        both = whitened, tf.gather(tables.poses.whitened_mean, rows).numpy()
        return np.stack([np.sum(both[i] * both[j], 1) for i, j in ((0, 0), (0, 1), (1, 1))])

    expected = products(whole, indices, points)
    np.testing.assert_allclose(products(halved, halves, turned), expected, rtol=1e-9, atol=1e-9)

    def pose(tables, rows, points):
        offset = tf.gather(tables.poses.pose_offset, rows)
        return offset + multiply(tables.poses.landmarks_to_pose, rows, points)

    expected = pose(whole, indices, points)
    np.testing.assert_allclose(
        halved.turn_pose(pose(halved, halves, turned), signs),
        expected,
        atol=1e-9 * np.abs(expected).max(),
    )
    forms = multiply(halved.axes_form, halves, turned)
    np.testing.assert_allclose(
        halved.turn_landmarks(tf.constant(forms), signs),
        multiply(whole.axes_form, indices, points),
        atol=1e-9,
    )


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_indices_of_any_shape(small_prior, rng, shape):
    halved, whole = make(small_prior, True)
    indices = tf.constant(rng.integers(12, size=shape))
    halves, signs = halved.fold_half_turn(indices)
    angle, component = indices.numpy() % 6, indices.numpy() // 6
    np.testing.assert_array_equal(halves, 3 * component + angle % 3)
    np.testing.assert_array_equal(signs, np.where(angle < 3, 1, -1))
    found, no_signs = whole.fold_half_turn(indices)
    assert found is indices and no_signs is None
    points = tf.constant(rng.standard_normal([*shape, 12]))
    assert whole.turn_landmarks(points, None) is points and whole.turn_pose(points, None) is points


@pytest.mark.parametrize("free_scale", [True, False])
def test_forms_of_all_landmarks(small_prior, free_scale):
    halved, whole = make(small_prior, free_scale)
    first_half = [0, 1, 2, 6, 7, 8]
    for name in ("form", "linear"):
        expected = getattr(whole, name).numpy()
        assert expected.shape[-1] == 12
        expected, found = expected[..., first_half], getattr(halved, name)
        tolerance = 1e-9 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=tolerance, err_msg=name)
    for name in ("mean_pose", "mean_pose_stddev"):
        np.testing.assert_allclose(getattr(halved, name), getattr(whole, name), atol=1e-9)


@pytest.mark.parametrize("rotations", [6, 5])
@pytest.mark.parametrize("free_scale", [True, False])
def test_tables_made_of_others(small_prior, rng, free_scale, rotations):
    tables = build_tables(small_prior, rotations, free_scale=free_scale, dtype="float64")
    half, size = 1, 2 * tables.num_axes
    assert size == (12 if free_scale else 14)
    noise_variance = tables.noise_stddev.numpy()[half] ** 2
    poses = tables.poses
    whitening, to_pose = poses.whitening[half].numpy(), poses.landmarks_to_pose[half].numpy()
    form = noise_variance * whitening @ whitening.T
    mean = noise_variance * whitening @ poses.whitened_mean[half].numpy()
    np.testing.assert_allclose(tables.axes_form[half], form, rtol=1e-12, atol=1e-12)
    both = np.concatenate([whitening, to_pose], 1).T
    np.testing.assert_allclose(poses.gradient[half], both, rtol=1e-12)
    # M of all landmarks is that of coordinates that no translation changes.
    landmarks = rng.standard_normal([7, 2])
    points = visible_forms.coordinates(tf.constant(landmarks[None]), tables)[0].numpy()
    flat = landmarks.T.ravel()
    np.testing.assert_allclose(
        flat @ tables.form.numpy()[..., half] @ flat, points @ form @ points, rtol=1e-10
    )
    np.testing.assert_allclose(flat @ tables.linear.numpy()[:, half], points @ mean, rtol=1e-10)


def test_pose_of_landmarks_that_determine_nothing(small_prior):
    """The mean pose of the heaviest component at angle 0, and the prior's own deviation."""
    tables = build_tables(small_prior, 6, (0.2, 0.4), dtype="float64")
    assert tables.heaviest == 0 and tables.heaviest.dtype == tf.int32
    loadings = small_prior.basis[0] * small_prior.stddev[0][:, None, None]
    variance = np.sum((loadings - loadings[:, :1]) ** 2, (0, 2))
    stddev = np.sqrt(variance + 3 * small_prior.noise_stddev[0] ** 2)
    np.testing.assert_allclose(tables.mean_pose_stddev[1:], stddev[1:], rtol=1e-9)
    assert tables.mean_pose_stddev[0] == 0
    view = tables.components.view[0].numpy()
    mean = small_prior.mean_pose[0] - small_prior.mean_pose[0, :1]
    np.testing.assert_allclose(tables.mean_pose, mean * [1, 1, -1] @ view.T, atol=1e-9)
