import numpy as np
import pytest
import tensorflow as tf

import tf_lift

BATCH = 30


@pytest.fixture
def missing(monkeypatch):
    from benchmarks.lift import missing

    monkeypatch.setattr(missing, "PRIORS", ("cmu",))
    return missing


@pytest.fixture
def measured(missing, monkeypatch):
    """Keeps the candidates and their inputs instead of timing them."""
    from benchmarks.harness import timing
    from benchmarks.lift import programs

    kept = []

    def measure(candidates, rounds, seconds, seed, advance):
        rng = np.random.default_rng(seed)
        advance(0.5, "half")
        made = {name: candidate.make_inputs(rng) for name, candidate in candidates.items()}
        kept.append((candidates, made))
        return {
            name: timing.Timing(9.0, np.full(3, index + 1.0), candidate.size)
            for index, (name, candidate) in enumerate(candidates.items())
        }

    monkeypatch.setattr(missing, "measure", measure)
    monkeypatch.setattr(programs, "synchronised", lambda function: function)
    return kept


def test_rows_are_shares_of_all_visible_of_the_same_run(missing, measured):
    told = []
    report = missing.missing(BATCH, 2, 1.0, 0, lambda share, text: told.append((share, text)))
    assert report["batch"] == BATCH and list(report["rows"]) == ["cmu"]
    assert told == [(0.25, "cmu, compiled: half"), (0.75, "cmu, plain: half")]
    for kind in ("compiled", "plain"):
        shares = [its["share_of_all_visible"] for its in report["rows"]["cmu"][kind].values()]
        # The candidates here take 1, 2, 3 ... seconds.
        assert shares == pytest.approx([1 / n for n in range(1, len(missing.ROWS) + 1)])
    (compiled, _), (plain, _) = measured
    assert list(compiled) == list(plain) == [row.name for row in missing.ROWS]
    assert {candidate.size for candidate in compiled.values()} == {BATCH}
    slow = [name for name, candidate in compiled.items() if candidate.rounds is not None]
    assert slow == ["real-valued weights", "landmark_stddev of each joint"]


def test_batches_are_what_their_names_say(missing, measured):
    missing.missing(BATCH, 2, 1.0, 0, lambda share, text: None)
    for _, made in measured:
        finite = {name: np.isfinite(its[0]).all((1, 2)) for name, its in made.items()}
        assert [name for name, its in finite.items() if not its.all()] == ["one pose is NaN"]
        assert (~finite["one pose is NaN"]).sum() == 1
        visibility = {name: its[1] for name, its in made.items() if len(its) > 1}
        assert set(made) - set(visibility) == {
            "all visible", "one pose is NaN", "landmark_stddev of each joint",
        }  # fmt: skip
        for name, its in visibility.items():
            is_float = "float" in name or "weights" in name
            assert its.dtype == (tf.float32 if is_float else tf.bool)
        counts = {name: np.sum(its.numpy() == 0, 1) for name, its in visibility.items()}
        for name in ("0 to 6 missing", "0 to 6 missing, float masks", "8 masks"):
            assert counts[name].max() <= 6 and len(set(counts[name])) > 3
        for name in ("0 to 14 missing", "0 to 14 missing, float masks"):
            assert 10 < counts[name].max() <= 14
        upper = counts["upper bodies, 8 to 12 missing"]
        assert upper.min() >= 8 and upper.max() <= 12
        assert len(np.unique(visibility["8 masks"], axis=0)) <= 8
        assert sorted(counts["nine missing in one pose"])[-2:] == [0, 9]
        assert sorted(counts["no landmark in one pose"])[-2:] == [0, 17]
        assert len(np.unique(visibility["real-valued weights"])) > 100


def test_plain_candidates_are_the_lift_of_their_inputs(missing, measured):
    prior = tf_lift.PosePrior.load("cmu")
    missing.missing(BATCH, 2, 1.0, 0, lambda share, text: None)
    candidates, made = measured[1]
    for name in ("all visible", "0 to 6 missing", "real-valued weights"):
        lifted = candidates[name].call(*made[name])
        expected = tf_lift.lift(
            made[name][0], prior, *made[name][1:], estimator="map", camera="level"
        )
        np.testing.assert_allclose(lifted["joints_3d"], expected["joints_3d"], atol=0.5)
    name = "landmark_stddev of each joint"
    stddev = np.linspace(2, 8, 17)
    expected = tf_lift.lift(
        made[name][0], prior, landmark_stddev=stddev, estimator="map", camera="level"
    )
    lifted = candidates[name].call(*made[name])
    np.testing.assert_allclose(lifted["joints_3d"], expected["joints_3d"], atol=0.5)
