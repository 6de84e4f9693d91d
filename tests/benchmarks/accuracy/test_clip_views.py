"""Clips seen by one camera: the same rays as the truth, one body, drift, errors that last."""

import numpy as np
import pytest

from benchmarks.accuracy import clip_views
from tf_lift import skeletons

PARENTS = np.array(skeletons.H36M_17.parents)


@pytest.fixture
def clips(tiny_prior):
    keys = tiny_prior.sample(2, seed=3)
    share = (1 - np.cos(np.linspace(0, 6, 40)))[:, np.newaxis, np.newaxis] / 2
    return [(1 - share) * keys[0] + share * keys[1] + [0, 0, 900]] * 2


@pytest.mark.parametrize("drift", [0.0, 8.0])
def test_a_camera_sees_the_truth_at_its_attitude(clips, rng, drift):
    exact = clip_views.make_clip_views(clips, rng, 10.0, drift_degrees=drift, conventions=["cmu"])
    views = exact.views
    assert np.isfinite(views.landmarks).all(-1).mean() > 0.9
    for rows, camera in zip(exact.rows, views.cameras, strict=True):
        placed = views.joints_3d[rows] + views.root_position[rows, np.newaxis]
        error = views.landmarks[rows] - camera.project(placed)
        assert np.nanmax(np.abs(error)) < 1e-2
        assert np.ptp(exact.pitch[rows]) == 0 or drift
        np.testing.assert_allclose(exact.roll[rows[20]], camera.roll)
    # The bones are those of the clip, whatever the camera does.
    bones = np.linalg.norm(np.diff(views.joints_3d[:, [1, 2, 3]], axis=1), axis=-1)
    expected = np.linalg.norm(np.diff(np.concatenate(clips)[:, [1, 2, 3]], axis=1), axis=-1)
    np.testing.assert_allclose(bones, expected, rtol=1e-6)
    if drift:
        spread = [np.ptp(angle[rows]) for angle in (exact.pitch, exact.roll) for rows in exact.rows]
        assert 2 < np.degrees(np.max(spread)) < 60


def test_marks_stay_those_of_one_person(clips, rng):
    still = [np.tile(clips[0][:1], [30, 1, 1])]
    views = clip_views.make_clip_views(still, rng, 10.0, conventions=["coco17"]).views
    np.testing.assert_allclose(views.joints_3d[0], views.joints_3d[29], atol=1e-6)


def test_errors_last(clips, rng):
    exact = clip_views.make_clip_views(clips, rng, 10.0, conventions=["cmu"])
    seen = clip_views.corrupt(exact, rng, noise=0.0, lasting=True)
    moved = np.linalg.norm(seen.landmarks - exact.views.landmarks, axis=-1) > 20
    assert 0.01 < moved.mean() < 0.2
    # A frame after a wrong one is wrong more often than not.
    again = moved[1:40][moved[:39]].mean()
    assert again > 0.5
    plain = clip_views.corrupt(exact, rng)
    moved = np.linalg.norm(plain.landmarks - exact.views.landmarks, axis=-1) > 20
    assert moved[1:40][moved[:39]].mean() < 0.2


def test_no_clips(rng):
    with pytest.raises(ValueError, match="`clips` must hold clips"):
        clip_views.make_clip_views([], rng, 10.0)
