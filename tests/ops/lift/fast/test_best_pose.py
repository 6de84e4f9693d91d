"""The exact ranking of two candidates and the pose of the better one: against brute force."""

import helpers
import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import best_pose, missing_rows, visible_forms
from tf_lift.prior import build_tables

WEIGHTS = np.array([[1, 0, 1, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1.0]])

CASES = pytest.mark.parametrize(
    ("scale", "estimator", "rotations", "pitches"),
    [
        (None, "map", 6, (0.0,)),
        (1.0, "map", 6, (0.0,)),
        (None, "min_energy", 6, (0.0,)),
        (None, "map", 5, (0.0, 0.3)),
        (1.0, "min_energy", 5, (0.0,)),
    ],
)


def find(tables, landmarks, indices, estimator, weights=None, compiled=False):
    """Returns the `BestPose` of candidates `[N, B]`."""
    points, rows = visible_forms.coordinates(tf.constant(landmarks), tables), None
    if weights is not None:
        rows, weights = missing_rows.find(tf.constant(weights), 3), tf.constant(weights)
    return best_pose.best_pose(
        points, tables, tf.constant(indices), estimator, compiled, weights, rows
    )


@CASES
@pytest.mark.parametrize("missing", [False, True])
def test_the_better_of_two(small_prior, missing, scale, estimator, rotations, pitches):
    weights = WEIGHTS if missing else None
    tables = build_tables(small_prior, rotations, pitches, scale is None, "float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, weights, scale)
    names = "cost", "energy", "joints_3d", "scale", "variance"
    options = {"scale": scale, "num_rotations": rotations, "pitches": pitches}
    numbers = lift_ranking.every(landmarks, small_prior, names, weights, **options)
    costs, energies, joints, scales, variances = numbers
    compared = energies if estimator == "min_energy" else costs
    # The third and the second best, so that the first given is not the better one.
    indices = np.argsort(compared, 1)[:, 2:0:-1].T.astype(np.int32)
    found = find(tables, landmarks, indices, estimator, weights)
    np.testing.assert_array_equal(found.index, indices[1])
    # In the other order, and in the form that XLA compiles.
    for compiled in (False, True):
        again = find(tables, landmarks, indices[::-1], estimator, weights, compiled)
        tf.nest.map_structure(
            lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-9), again, found
        )
    every = np.arange(3), indices[1]
    pose = np.reshape(found.pose, [3, 3, -1]).swapaxes(1, 2)
    if scale is None:
        pose = np.pad(pose, [[0, 0], [1, 0], [0, 0]])
    np.testing.assert_allclose(pose - pose[:, :1], joints[every], atol=1e-6)
    np.testing.assert_allclose(found.energy, energies[every], rtol=1e-8)
    np.testing.assert_allclose(found.inverse_scale, 1 / scales[every], rtol=1e-9)

    # Both share the missing landmarks' variance of the better one: exact with none missing.
    share = np.take_along_axis(compared, indices.T[:, ::-1], 1)
    share = np.exp(-(share - share[:, :1]) / 2)
    share /= share.sum(1, keepdims=True)
    both = indices.T[:, ::-1]
    between = np.sum((joints[np.arange(3)[:, None], both] - joints[every][:, None]) ** 2, -1)
    within = variances[np.arange(3)[:, None], both]
    stddev = np.sqrt(np.einsum("bn,bnl->bl", share, within + between))
    stddev[:, 0] = 0
    np.testing.assert_allclose(found.stddev, stddev, rtol=0.1 if missing else 1e-8, atol=1e-9)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_deviation_of_one_candidate_is_exact(small_prior, scale, missing):
    weights = WEIGHTS if missing else None
    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, weights, scale)
    options = {"scale": scale, "num_rotations": 6}
    (variances,) = lift_ranking.every(landmarks, small_prior, ["variance"], weights, **options)
    for indices in ([0, 4, 8], [11, 1, 7]):
        expected = np.sqrt(variances[np.arange(3), indices])
        for compiled in (False, True):
            found = find(tables, landmarks, np.int32([indices]), "map", weights, compiled)
            np.testing.assert_allclose(found.stddev[:, 1:], expected[:, 1:], rtol=1e-8)


@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("rotations", [6, 5])
def test_gradient_equals_finite_differences(small_prior, rng, scale, rotations):
    """The winner, of either half of the angles, is held fixed; its scale is not."""
    tables = build_tables(small_prior, rotations, free_scale=scale is None, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, scale=scale)
    costs = lift_ranking.rank(landmarks, small_prior, scale=scale, num_rotations=rotations)
    indices = tf.constant(np.argsort(costs, 1)[:, 1::-1].T.astype(np.int32))
    if rotations == 6:
        assert set(np.argmin(costs, 1) % 6 // 3) == {0, 1}

    def call(landmarks):
        points = visible_forms.coordinates(landmarks, tables)
        found = best_pose.best_pose(points, tables, indices, "map", False)
        numbers = tf.stack([100 * found.inverse_scale, found.energy], 1)
        return tf.concat([found.pose, numbers], 1)

    delta = 1e-6 if scale is None else 1e-3
    helpers.check_gradient(call, [landmarks], rng, delta=delta, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_read_out_is_relative_to_joint_and_centre(small_prior, scale):
    """`lift` searches, and gives results in pixels, or the mean pose where nothing is known."""
    from tf_lift.ops.lift import inputs

    tables = build_tables(small_prior, 6, free_scale=scale is None, dtype="float64")
    landmarks = lift_ranking.make_landmarks(small_prior, 3, WEIGHTS, scale)
    landmarks = landmarks * (200 if scale is None else 1) + (50 if scale is None else 0)
    weights = tf.constant(WEIGHTS)
    frame = inputs.find_frame(
        tf.constant(landmarks), weights, None if scale is None else tf.ones([3], tf.float64)
    )
    frame = frame._replace(usable=tf.constant([True, True, False]))
    found = best_pose.lift(tables, "map", frame, None, True, weights, 3)
    options = {"scale": scale, "num_rotations": 6}
    names = "cost", "joints_3d", "landmarks", "scale", "energy"
    costs, *expected = lift_ranking.every(landmarks, small_prior, names, WEIGHTS, **options)
    best = np.argmin(costs, 1)
    np.testing.assert_array_equal(found["winner"][:2], best[:2])
    for name, values in zip(names[1:], expected, strict=True):
        values = values[np.arange(3), best]
        np.testing.assert_allclose(found[name][:2], values[:2], rtol=1e-8, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["rotation_angle"][:2], best[:2] % 6 * np.pi / 3)
    np.testing.assert_array_equal(found["joints_3d"][2], tables.mean_pose)
    assert found["scale"][2] == 0 and found["energy"][2] == np.inf
    known = best_pose.lift(tables, "map", frame, found["winner"], True, weights, 3)
    for name in ("joints_3d", "landmarks", "scale", "energy"):
        np.testing.assert_allclose(known[name], found[name], rtol=1e-9, atol=1e-9)
