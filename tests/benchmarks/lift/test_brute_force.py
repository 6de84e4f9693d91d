import numpy as np
import pytest
from reference import lifting as reference

import tf_lift


def _views(prior, count, rng):
    from benchmarks.accuracy import views

    poses = prior.sample(count, seed=4, noise=True)
    return views.make_views(poses, rng).landmarks.astype(np.float64)


@pytest.mark.parametrize("kind", ["all", "masks", "weights"])
def test_every_candidate_is_that_of_the_reference(rng, kind):
    from benchmarks.lift import brute_force

    prior = tf_lift.PosePrior.load("cmu")
    landmarks = _views(prior, 3, rng)
    visibility = np.ones([3, 17], bool)
    if kind != "all":
        visibility[0, [3, 9]] = visibility[2, [1, 5, 16]] = False
        landmarks[~visibility] = np.nan
    if kind == "weights":
        visibility = visibility * rng.uniform(0.1, 2.0, [3, 17])
    told = []
    found = brute_force.lift(
        landmarks, prior, 6, visibility if kind != "all" else None, told.append
    )
    for index in range(3):
        weights = visibility[index].astype(float)
        seen = np.where(weights[:, None] > 0, landmarks[index], 0.0)
        solved = [
            reference.candidate(seen, prior, k, reference.rotation(angle), weights)
            for k in range(3)
            for angle in 2 * np.pi * np.arange(6) / 6
        ]
        costs = np.array([one["cost"] for one in solved])
        np.testing.assert_allclose(found.costs[index], costs, rtol=1e-8, atol=1e-6)
        best = solved[costs.argmin()]
        np.testing.assert_allclose(found.energy[index], best["energy"], rtol=1e-8)
        expected = best["joints_3d"] - best["joints_3d"][0]
        np.testing.assert_allclose(found.joints_3d[index], expected, rtol=0, atol=1e-5)
    assert told[-1] == 1.0


def test_gaps_are_relative_to_the_lowest_cost():
    from benchmarks.lift import brute_force

    costs = np.array([[300.0, 200.0, 210.0], [-100.0, -100.0, 5.0]])
    lifted = brute_force.Lifted(np.zeros([2, 5, 3]), np.ones(2), costs)
    np.testing.assert_allclose(lifted.gaps(), [0.05, 0.0])


def test_poses_in_parts_are_the_same(rng, monkeypatch):
    from benchmarks.lift import brute_force

    prior = tf_lift.PosePrior.load("cmu")
    landmarks = _views(prior, 5, rng)
    whole = brute_force.lift(landmarks, prior, 4)
    monkeypatch.setattr(brute_force, "_CHUNK", 2)
    parts = brute_force.lift(landmarks, prior, 4)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
