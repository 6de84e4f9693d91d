import numpy as np
import pytest

import tf_lift


@pytest.fixture
def exactness():
    from benchmarks.lift import exactness

    return exactness


@pytest.fixture
def truth():
    """Four poses of two joints and four candidates: two components at two angles."""
    from benchmarks.lift import brute_force

    costs = np.array(
        [
            [100.0, 101, 102, 103],
            [300.0, 200, 400, 500],
            [200.0, 200.00001, 500, 500],
            [9.0, 8, 7, 4],
        ]
    )
    return brute_force.Lifted(np.zeros([4, 2, 3]), np.full(4, 1000.0), costs)


def _lifted(candidates, energy=(1000.0,) * 4, offset_mm=(0.0,) * 4):
    joints = np.zeros([4, 2, 3])
    joints[:, 1, 2] = offset_mm
    candidates = np.array(candidates)
    return {
        "joints_3d": joints,
        "energy": np.array(energy),
        "mixture_index": candidates // 2,
        "rotation_angle": np.float32(np.pi) * (candidates % 2),
    }


def test_differences_are_measured_in_their_units(exactness, truth):
    lifted = _lifted([0, 1, 0, 3], (1000, 1000.05, 1000, 1002), (0.05, 0.5, 0.0, 3.0))
    found = exactness.compare(lifted, truth, 2)
    assert found["ties"] == 1 and found["other_candidate"] == 0
    assert found["energy_largest"] == pytest.approx(2e-3)
    assert found["energy_within_1e-4"] == pytest.approx(2 / 3)
    assert found["joints_largest_mm"] == pytest.approx(3.0)
    assert found["joints_within_0.1_mm"] == pytest.approx(1 / 3)
    assert found["joints_within_1_mm"] == pytest.approx(2 / 3)
    assert found["ties_included"]["joints_within_1_mm"] == pytest.approx(3 / 4)


def test_either_candidate_is_right_in_a_tie(exactness, truth):
    lifted = _lifted([0, 1, 1, 3], (1000, 1000, 1500, 1000), (0, 0, 80, 0))
    found = exactness.compare(lifted, truth, 2)
    assert found["ties"] == 1 and found["other_candidate"] == 0
    assert found["joints_largest_mm"] == 0 and found["energy_within_1e-4"] == 1
    assert found["ties_included"]["joints_largest_mm"] == pytest.approx(80)
    assert found["ties_included"]["energy_largest"] == pytest.approx(0.5)


def test_another_candidate_is_counted_with_what_it_costs(exactness, truth):
    found = exactness.compare(_lifted([1, 2, 0, 3]), truth, 2)
    assert found["other_candidate"] == 2
    assert found["other_candidate_worse"] == pytest.approx(1.0)


def test_nothing_but_nan_is_not_exact(exactness, truth):
    lifted = _lifted([0, 1, 0, 3], (np.nan,) * 4, (np.nan,) * 4)
    found = exactness.compare(lifted, truth, 2)
    assert found["energy_within_1e-4"] == 0 and found["joints_within_1_mm"] == 0


@pytest.mark.parametrize("way", ["eager", pytest.param("compiled", marks=pytest.mark.slow)])
def test_the_lift_is_exact_on_poses_of_a_file(exactness, poses_file, monkeypatch, way):
    monkeypatch.setattr(exactness, "_NUM_ROTATIONS", 16)
    shares = []

    def advance(share, text):
        shares.append(share)

    found = exactness.evaluate(poses_file, 24, 20, seed=0, advance=advance, ways=(way,))
    assert found["poses"].startswith("24 poses of poses.npz")
    assert {run: its["num_poses"] for run, its in found["runs"].items()} == {
        "all visible": 24,
        "0 to 14 missing, bool masks": 20,
        "0 to 14 missing, float masks": 20,
        "0 to 14 missing, weights": 4,
    }
    for run, its in found["runs"].items():
        most_mm = 0.1 if run == "all visible" else 1.0
        assert list(its["ways"]) == [way]
        figures = its["ways"][way]
        assert figures["energy_largest"] <= 1e-4, run
        assert figures["joints_largest_mm"] <= most_mm, run
        assert figures["other_candidate"] == 0
    by_missing = found["runs"]["0 to 14 missing, bool masks"]["ways"][way]["by_missing"]
    assert list(by_missing) == [str(number) for number in range(15)]
    assert shares == sorted(shares) and shares[-1] <= 1


def test_without_a_file_poses_are_of_the_prior_and_that_is_said(exactness, rng, tmp_path):
    prior = tf_lift.PosePrior.load("cmu")
    poses, source = exactness.real_poses(tmp_path / "none.npz", 5, prior, rng)
    assert poses.shape == (5, 17, 3)
    assert source == "drawn from the prior: no file none.npz"


def test_clips_are_drawn_alike(exactness, rng, poses_file):
    poses, _ = exactness.real_poses(poses_file, 900, tf_lift.PosePrior.load("cmu"), rng)
    with np.load(poses_file) as data:
        all_poses, clip = data["poses"], data["clip"]
    which = {pose.tobytes(): name for pose, name in zip(all_poses, clip, strict=True)}
    counts = np.unique([which[pose.tobytes()] for pose in poses], return_counts=True)[1]
    # Nine clips of 4 to 40 poses: some 100 each, with a deviation of 9.4.
    assert len(counts) == 9 and counts.min() > 60 and counts.max() < 140
