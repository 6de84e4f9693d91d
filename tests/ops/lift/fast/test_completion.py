"""Landmarks completed by those that each candidate expects."""

import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import completion, missing_rows, visible_forms
from tf_lift.prior import build_tables

WEIGHTS = np.array([[1, 0, 1, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1.0]])


@pytest.mark.parametrize(("rotations", "pitches"), [(6, (0.0,)), (5, (0.0, 0.3))])
@pytest.mark.parametrize("free_scale", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_completed_landmarks_make_the_energy_least(
    small_prior, free_scale, rotations, pitches, compiled
):
    """For u y completed to x, x'Mx - 2 p'Mx is least over the missing rows of x."""
    tables = build_tables(small_prior, rotations, pitches, free_scale, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, WEIGHTS, None if free_scale else 1.0)
    rows = missing_rows.find(tf.constant(WEIGHTS), 3)
    # One of each half of the angles, where there are halves, and of each component.
    indices = np.int32([[0, 8, 4], [11, 3, 7]])
    points = visible_forms.coordinates(tf.constant(landmarks), tables)
    found = completion.complete(points, tables, tf.constant(indices), rows, compiled)
    halves, signs = tables.fold_half_turn(indices)
    signs = np.ones([2, 3]) if signs is None else signs.numpy()
    axes = np.kron(np.eye(2), tables.search.axes.numpy())
    for place, pose in np.ndindex(2, 3):
        half, turn = np.asarray(halves)[place, pose], np.repeat([signs[place, pose], 1], 7)
        form = turn[:, None] * tables.form.numpy()[..., half] * turn
        linear = turn * tables.linear.numpy()[:, half]
        missing = np.flatnonzero(np.tile(WEIGHTS[pose] == 0, 2))
        inverse = np.linalg.inv(form[np.ix_(missing, missing)])
        flat = landmarks[pose].T.ravel()
        slope, offset = np.zeros([2, 14])
        slope[missing] = -inverse @ (form @ flat)[missing]
        offset[missing] = inverse @ linear[missing]
        where = place, pose
        np.testing.assert_allclose(found.slope[where], slope @ axes, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(found.offset[where], offset @ axes, rtol=1e-8, atol=1e-9)
        determinant = np.linalg.slogdet(form[np.ix_(missing, missing)])[1]
        np.testing.assert_allclose(found.log_determinant[where], determinant, atol=1e-9)
        # The inverse is that of the first half of the angles, the spare rows a unit matrix.
        used = np.isin(rows[pose], missing)
        expected = turn[missing, None] * inverse * turn[missing]
        order = np.argsort(np.asarray(rows[pose])[used])
        block = found.inverse.numpy()[..., place, pose]
        np.testing.assert_allclose(
            block[np.ix_(used, used)][np.ix_(order, order)], expected, rtol=1e-8, atol=1e-9
        )
        np.testing.assert_allclose(
            block[np.ix_(~used, ~used)], np.eye(6 - len(missing)), atol=1e-12
        )


@pytest.mark.parametrize("free_scale", [True, False])
def test_image_axes_stand_apart(small_prior, free_scale):
    tables = build_tables(small_prior, 6, free_scale=free_scale, dtype="float64")
    found = completion.image_axes(tables, 3)
    axes = np.kron(np.eye(2), tables.search.axes.numpy())
    np.testing.assert_array_equal(found, np.concatenate([axes, np.zeros([3, axes.shape[1]])]))


@pytest.mark.parametrize("rotations", [6, 5])
@pytest.mark.parametrize("free_scale", [True, False])
def test_rows_move_the_pose_as_the_fit_does(small_prior, free_scale, rotations):
    """Each coordinate by 1 mm, joint 0 at the origin; rows to spare move nothing."""
    tables = build_tables(small_prior, rotations, free_scale=free_scale, dtype="float64")
    found = completion.rows_to_pose(tables, 3)
    size = tables.form.shape[-1]
    assert found.shape == (size * 17, 18)
    found = found.numpy().reshape(size, 17, 3, 6)
    np.testing.assert_array_equal(found[:, 14:], 0)
    # The last candidate of the second component, in the half of the angles that there is.
    half = size - 1
    index = half if size == 2 * rotations else rotations + half % (rotations // 2)
    assert tables.fold_half_turn(tf.constant(index))[0] == half
    directions = tables.components.directions(tf.constant(index), tables.per_component)
    model = directions, tf.ones([7], tf.float64), tables.noise_stddev[index]
    fitted = component.fit(*model, free_scale)
    landmarks = np.zeros([15, 7, 2])
    for row in range(14):
        landmarks[row, row % 7, row // 7] = 1  # Horizontal ones first; the last of zero.
    poses = component.lift_pose(tf.constant(landmarks), *model, fitted.regression, free_scale)
    if free_scale:
        moved = poses.pose_per_inverse_scale.numpy()[:14]
    else:
        moved = (poses.joints_3d[:14] - poses.joints_3d[14]).numpy()
    expected = np.swapaxes(moved[:, 1:] - moved[:, :1], 1, 2)
    np.testing.assert_allclose(found[half, :14], expected, rtol=1e-8, atol=1e-9)
