import numpy as np
import pytest

import tf_lift


@pytest.fixture
def measured(small_prior, monkeypatch):
    """Runs each plain candidate once instead of timing it; keeps what they returned."""
    from benchmarks.harness import timing
    from benchmarks.lift import attitude, programs

    kept = []

    def measure(candidates, rounds, seconds, seed, advance):
        rng = np.random.default_rng(seed)
        advance(0.5, "half")
        inputs = {name: candidate.make_inputs(rng) for name, candidate in candidates.items()}
        lifted = {}
        if kept:
            lifted = {name: its.call(*inputs[name]) for name, its in candidates.items()}
        kept.append((inputs, lifted))
        return {
            name: timing.Timing(9.0, np.full(3, index + 1.0), candidate.size)
            for index, (name, candidate) in enumerate(candidates.items())
        }

    monkeypatch.setattr(attitude, "measure", measure)
    monkeypatch.setattr(tf_lift.PosePrior, "load", lambda name: small_prior)
    monkeypatch.setattr(programs, "synchronised", lambda function: function)
    return kept


def test_times_are_those_of_a_level_camera_with_the_same_masks(small_prior, measured):
    from benchmarks.lift import attitude

    told = []
    report = attitude.attitude(4, 2, 1.0, 0, lambda share, text: told.append((share, text)))
    assert report["batch"] == 4 and tuple(report["rows"]) == attitude.KINDS
    assert told == [(0.25, "compiled: half"), (0.75, "plain: half")]
    for rows in report["rows"].values():
        # The candidates here take 1, 2, 3 ... seconds.
        times = [its["times_level"] for its in rows.values()]
        assert times == pytest.approx([1, 2, 3, 1, 5 / 4, 6 / 4])
    inputs, lifted = measured[1]
    names = [
        f"{visibility}, {camera}"
        for visibility in attitude.VISIBILITIES
        for camera in ("level", "unknown", "unknown, focal length")
    ]
    assert list(lifted) == list(report["rows"]["plain"]) == names
    for name, result in lifted.items():
        assert len(inputs[name]) == 2 - name.startswith("all visible")
        assert ("root_position" in result) == name.endswith("focal length")
        assert np.any(result["pitch"]) != name.endswith("level")
        if name.endswith(" unknown"):
            expected = tf_lift.lift(inputs[name][0], small_prior, *inputs[name][1:])
            np.testing.assert_allclose(result["joints_3d"], expected["joints_3d"], atol=0.1)
