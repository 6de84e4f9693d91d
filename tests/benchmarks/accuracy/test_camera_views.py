import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import camera_views, marks
from tf_lift import skeletons


@pytest.fixture(scope="module")
def poses():
    return tf_lift.PosePrior.load("cmu").sample(50, seed=1) + [500.0, -900.0, 30.0]


@pytest.fixture(scope="module")
def exact(poses):
    return camera_views.make_views(poses, np.random.default_rng(0), 400, num_cameras=20)


def test_landmarks_are_projections_inside_the_image(exact):
    for number, camera in enumerate(exact.cameras):
        rows = exact.camera_index == number
        assert rows.sum() == 20
        points = exact.joints_3d[rows] + exact.root_position[rows, None]
        known = np.isfinite(points)
        assert (points[..., 2][known[..., 2]] > 0).all()
        projected = camera.project(np.where(known, points, 1000.0)).numpy()
        seen = exact.landmarks[rows]
        np.testing.assert_allclose(seen[known[..., :2]], projected[known[..., :2]], atol=1e-2)
        inside = (seen >= 0) & (seen <= np.array(camera.image_size) - 1)
        assert inside[known[..., :2]].all()


def test_cameras_are_within_their_ranges(exact):
    pitches = np.degrees([camera.pitch for camera in exact.cameras])
    rolls = np.degrees([camera.roll for camera in exact.cameras])
    assert -10 <= pitches.min() < 0 and 30 < pitches.max() <= 40
    assert -25 <= rolls.min() < -15 and 15 < rolls.max() <= 25
    assert 4 <= sum(any(camera.distortion) for camera in exact.cameras) <= 16
    middle = np.nanmean(exact.joints_3d + exact.root_position[:, None], axis=1)
    distance = np.linalg.norm(middle, axis=-1)
    assert 2000 <= distance.min() < 3000 and 7000 < distance.max() <= 8000


def test_cameras_look_down_by_their_pitch_and_people_lean_by_their_roll(poses):
    """People who stand: straight up is the vertical of their camera."""
    rng = np.random.default_rng(0)
    up = np.zeros([1, 17, 3])
    up[0, :, 2] = np.linspace(0, 1700, 17)
    up[0, [1, 4, 11, 14], 0] = [100, -100, -150, 150]
    views = camera_views.make_views(up, rng, 30, num_cameras=30, conventions=["cmu"])
    for camera, joints in zip(views.cameras, views.joints_3d, strict=True):
        x, y, z = (joints[16] - joints[8]) / np.linalg.norm(joints[16] - joints[8])
        np.testing.assert_allclose(z, -np.sin(camera.pitch), atol=1e-9)
        np.testing.assert_allclose(np.arctan2(x, -y), camera.roll, atol=1e-9)


def test_conventions_and_poses_are_used_equally_often(exact):
    names, counts = np.unique(exact.convention, return_counts=True)
    assert set(names) == set(camera_views.CONVENTIONS) and set(counts) == {100}
    is_detector = np.isin(exact.convention, marks.DETECTORS)
    np.testing.assert_array_equal(exact.num_missing, np.where(is_detector, 3, 0))
    np.testing.assert_array_equal(exact.joints_3d[:, 0], 0)


def test_the_same_seed_gives_the_same_views(poses, exact):
    again = camera_views.make_views(poses, np.random.default_rng(0), 400, num_cameras=20)
    np.testing.assert_array_equal(again.landmarks, exact.landmarks)
    assert again.cameras == exact.cameras


def test_nothing_to_corrupt_changes_nothing(exact, rng):
    same = camera_views.corrupt(exact, rng, noise=0, gross_errors=0, max_missing=0)
    np.testing.assert_array_equal(same.visibility, exact.visibility)
    body = exact.visibility.copy()
    body[:, 0] = False  # A detector's pelvis is the middle of the hips in the image.
    np.testing.assert_array_equal(same.landmarks[body], exact.landmarks[body])
    np.testing.assert_allclose(same.landmarks[:, 0], exact.landmarks[:, 0], atol=3.0)


def test_noise_has_its_standard_deviation(exact, rng):
    noisy = camera_views.corrupt(exact, rng, noise=0.02, gross_errors=0, max_missing=0)
    error = (noisy.landmarks - exact.landmarks) / exact.person_px[:, None, None]
    # 400 views of at least 13 landmarks: relative standard error of 0.7 %.
    np.testing.assert_allclose(np.nanstd(error[:, 1:]), 0.02, rtol=0.03)
    is_detector = np.isin(exact.convention, marks.DETECTORS)
    np.testing.assert_allclose(np.nanstd(error[is_detector, 0]), 0.02 / np.sqrt(2), rtol=0.15)
    size = np.nanmax(exact.landmarks, 1) - np.nanmin(exact.landmarks, 1)
    np.testing.assert_allclose(exact.person_px, size.max(-1), rtol=1e-5)


def test_gross_errors_are_as_often_as_they_should_be_and_have_low_scores(exact, rng):
    seen = camera_views.corrupt(exact, rng, noise=0.0, gross_errors=0.1, max_missing=0)
    shift = np.abs(seen.landmarks - exact.landmarks).max(-1)[:, 1:] / exact.person_px[:, None]
    visible = seen.visibility[:, 1:]
    gross = shift > 1e-4
    np.testing.assert_allclose(gross[visible].mean(), 0.1, atol=0.02)
    assert shift[visible].max() <= 0.5 + 1e-4
    scores = seen.scores[:, 1:]
    assert scores[gross & visible].mean() < 0.4 < 0.7 < scores[~gross & visible].mean()


def test_numbers_of_missing_joints(exact, rng):
    seen = camera_views.corrupt(exact, rng, noise=0.0, gross_errors=0.0)
    is_detector = np.isin(exact.convention, marks.DETECTORS)
    missing = seen.num_missing
    assert set(missing[~is_detector]) == set(range(10))
    # With a hip goes a detector's pelvis.
    assert set(missing[is_detector]) <= set(range(3, 11))
    hips = seen.visibility[:, [1, 4]].all(1)
    np.testing.assert_array_equal(seen.visibility[is_detector, 0], hips[is_detector])
    np.testing.assert_array_equal(np.isnan(seen.landmarks).all(-1), ~seen.visibility)
    np.testing.assert_array_equal(seen.scores == 0, ~seen.visibility)


@pytest.mark.parametrize("name", camera_views.CONVENTIONS)
def test_native_landmarks_convert_back(exact, rng, name):
    seen = camera_views.corrupt(exact, rng)
    rows, landmarks, visibility = camera_views.native_landmarks(seen, name)
    assert set(seen.convention[rows]) == {name} and len(rows) == 100
    back = skeletons.convert(landmarks, name, "h36m17", visibility)
    np.testing.assert_array_equal(back.visibility, seen.visibility[rows])
    np.testing.assert_allclose(back.points, seen.landmarks[rows], atol=1e-3)


def test_bad_input(poses, rng):
    with pytest.raises(ValueError, match="`num_views` must be at least 1. Received: 0"):
        camera_views.make_views(poses, rng, 0)
    with pytest.raises(ValueError, match="`poses` must fit into an image"):
        camera_views.make_views(30 * poses[:1], rng, 1, num_cameras=1)
