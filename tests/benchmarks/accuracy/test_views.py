import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import views


@pytest.fixture(scope="module")
def poses():
    return tf_lift.PosePrior.load().sample(2000, seed=1) + [100.0, -300.0, 1000.0]


def test_views_are_turned_about_the_vertical(poses, rng):
    joints_3d = views.make_views(poses, rng).joints_3d
    centred = poses - poses[:, :1]
    np.testing.assert_array_equal(joints_3d[:, 0], 0.0)
    # y points down: the camera's y is minus the world's z, in every view.
    np.testing.assert_allclose(joints_3d[..., 1], -centred[..., 2], atol=1e-3)
    # The map from world to camera is a rotation, not a reflection.
    for before, after in zip(centred[:20], joints_3d[:20], strict=True):
        matrix = np.linalg.lstsq(before, after, rcond=None)[0]
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-4)
        assert np.linalg.det(matrix) > 0


def test_yaws_are_uniform(poses, rng):
    joints_3d = views.make_views(np.repeat(poses[:1], 4000, axis=0), rng).joints_3d
    hips = joints_3d[:, 4] - joints_3d[:, 1]
    yaw = np.arctan2(hips[:, 2], hips[:, 0])
    counts = np.histogram(yaw, bins=8, range=(-np.pi, np.pi))[0]
    # 500 each, standard deviation 21.
    np.testing.assert_allclose(counts, 500, atol=100)


def test_projection_is_orthographic_at_random_scales(poses, rng):
    seen = views.make_views(poses, rng)
    landmarks = seen.landmarks - seen.landmarks[:, :1]
    flat = seen.joints_3d[..., :2]
    scale = (landmarks * flat).sum((1, 2)) / (flat**2).sum((1, 2))
    np.testing.assert_allclose(landmarks, scale[:, None, None] * flat, atol=0.01)
    assert 0.5 <= scale.min() < 0.51
    assert 1.99 < scale.max() <= 2.0
    assert seen.visibility.all() and not seen.noise_px.any()


@pytest.mark.parametrize("num_missing", [0, 1, 6])
def test_the_number_of_missing_landmarks_is_exact_and_spares_the_pelvis(poses, rng, num_missing):
    seen = views.corrupt(views.make_views(poses, rng), num_missing, 0.0, rng)
    np.testing.assert_array_equal((~seen.visibility).sum(axis=1), num_missing)
    assert seen.visibility[:, 0].all()
    np.testing.assert_array_equal(np.isnan(seen.landmarks).all(axis=-1), ~seen.visibility)
    np.testing.assert_array_equal(np.isnan(seen.landmarks).any(axis=-1), ~seen.visibility)
    # Every other joint as often: n p = 2000 m / 16, standard deviation below 22.
    counts = (~seen.visibility[:, 1:]).sum(axis=0)
    np.testing.assert_allclose(counts, 2000 * num_missing / 16, atol=110)


def test_number_of_missing_landmarks_can_differ_by_pose(poses, rng):
    numbers = np.arange(2000) % 7
    seen = views.corrupt(views.make_views(poses, rng), numbers, 0.0, rng)
    np.testing.assert_array_equal((~seen.visibility).sum(axis=1), numbers)


@pytest.mark.parametrize("noise_px", [2.0, 10.0])
def test_noise_has_its_stddev_on_a_person_of_300_px(poses, rng, noise_px):
    exact = views.make_views(poses, rng)
    noisy = views.corrupt(exact, 0, noise_px, rng)
    height = np.ptp(exact.landmarks, axis=1).max(axis=-1)
    # Every person enlarged to 300 px.
    noise = (noisy.landmarks - exact.landmarks) * (300.0 / height)[:, None, None]
    # Of 68,000 numbers: the standard deviation is known to 0.3 %, the mean as well.
    assert noise.std() == pytest.approx(noise_px, rel=0.015)
    assert abs(noise.mean()) < 0.02 * noise_px
    assert noise[:, 0].std() == pytest.approx(noise_px, rel=0.06)
    np.testing.assert_allclose(noisy.noise_px, noise_px / 300.0 * height, rtol=1e-5)
    np.testing.assert_array_equal(noisy.joints_3d, exact.joints_3d)


def test_too_many_missing_landmarks_are_an_error(poses, rng):
    with pytest.raises(ValueError, match="`num_missing` must be less than 17. Received: 17"):
        views.corrupt(views.make_views(poses[:2], rng), 17, 0.0, rng)


def test_mirror_exchanges_left_and_right(poses):
    mirrored = views.mirror(poses, "h36m17")
    np.testing.assert_array_equal(views.mirror(mirrored, "h36m17"), poses)
    # The right wrist is now where the left one was, on the other side.
    np.testing.assert_array_equal(mirrored[:, 16], poses[:, 13] * [-1, 1, 1])
    np.testing.assert_array_equal(mirrored[:, 10], poses[:, 10] * [-1, 1, 1])


def test_conditions_are_named_after_what_is_done():
    for condition in views.CONDITIONS:
        kind, _, amount = condition.name.partition("_")
        assert condition.num_missing == (int(amount) if kind == "missing" else 0)
        assert condition.noise_px == (int(amount) if kind == "noise" else 0)
    assert [condition.num_missing for condition in views.CONDITIONS] == [0, 1, 2, 4, 6, 0, 0, 0]
    assert [condition.noise_px for condition in views.CONDITIONS] == [0] * 5 + [2, 5, 10]
