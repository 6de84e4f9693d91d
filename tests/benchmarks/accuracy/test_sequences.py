"""The benchmark of sequences: clips, errors, tables and the constants of motion."""

import json

import numpy as np
import pytest

import tf_lift


@pytest.fixture
def clips_file(tmp_path):
    """Writes clips of one held-out subject and of another, at 10 frames per second."""
    prior = tf_lift.PosePrior.load("cmu")
    keys = prior.sample(2, seed=3)
    share = (1 - np.cos(np.linspace(0, 6, 70)))[:, np.newaxis, np.newaxis] / 2
    motion = (1 - share) * keys[0] + share * keys[1]
    poses = np.concatenate([motion[:40], motion[:35], motion[:20]]).astype(np.float32)
    clip = np.repeat(["05_01", "14_01", "05_02"], [40, 35, 20])
    subject = np.repeat([5, 14, 5], [40, 35, 20])
    frame = np.concatenate([np.arange(40), np.arange(35), np.arange(20)])
    path = tmp_path / "clips.npz"
    np.savez(path, poses=poses, clip=clip, subject=subject, frame=frame, fps=np.full(95, 10.0))
    prior.save(tmp_path / "prior.npz")
    return path


def test_figures_and_tables(clips_file, tmp_path, capsys, monkeypatch):
    from benchmarks.accuracy import sequences

    monkeypatch.setattr(sequences, "NOISES_PX", (0.0, 6.0))
    monkeypatch.setattr(sequences, "WIDTHS", (1.0, 2.0))
    monkeypatch.setattr(sequences, "GAPS", (5, 40))
    output = tmp_path / "sequences.json"
    arguments = ["--poses", str(clips_file), "--prior", str(tmp_path / "prior.npz")]
    sequences.main([*arguments, "--splits", "0", "--json", str(output)])
    results = json.loads(output.read_text())["results"]["0"]
    # The clip of 20 frames is too short, the other subject is not of the split.
    assert "1 clips, 40 frames" in (printed := capsys.readouterr().out)
    assert list(results["gaps"]) == ["5"]
    assert set(results["noise"]) == {"0", "6"}
    noisy = results["noise"]["6"]
    assert (
        noisy["sequence"]["acceleration_mm_per_s2"]
        < (noisy["frame by frame"]["acceleration_mm_per_s2"])
    )
    assert noisy["sequence"]["bones_mm"] < 1
    assert "noise told" in noisy and "noise told" not in results["noise"]["0"]
    assert "| 6 | sequence |" in printed and "| 5 | " in printed


def test_cameras_that_stand_and_move(clips_file, tmp_path, capsys, monkeypatch):
    from benchmarks.accuracy import sequence_cameras, sequences

    monkeypatch.setattr(sequence_cameras, "KNOWLEDGE", ("unknown", "calibrated"))
    monkeypatch.setattr(sequence_cameras, "DETECTORS", {"gross": {}})
    output = tmp_path / "cameras.json"
    arguments = ["--poses", str(clips_file), "--prior", str(tmp_path / "prior.npz"), "--cameras"]
    sequences.main([*arguments, "--splits", "0", "--json", str(output)])
    rows = json.loads(output.read_text())["results"]["cameras"]
    assert "1 clips, 40 frames" in (printed := capsys.readouterr().out)
    errors = {(row["camera"], row["knowledge"], row["method"]): row["pa_mpjpe_mm"] for row in rows}
    assert len(errors) == len(rows) == 4 + 2 * 4
    for camera in ("still", "held", "moving"):
        key = camera, "unknown"
        assert errors[*key, "sequence"] < errors[*key, "frame by frame"]
    assert "| moving | 1 %, 3 % gross errors | camera unknown | sequence |" in printed


def test_constants_of_motion(clips_file, capsys):
    from benchmarks.accuracy import sequences

    sequences.main(["--poses", str(clips_file), "--motion"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[0].startswith('    "pelvis": (')


def test_power_of_white_acceleration(rng):
    from benchmarks.accuracy import sequences
    from tf_lift.data.formats import mocap

    fine, power = 20, 4e5
    force = np.sqrt(power * 10 * fine) * rng.standard_normal([4000 * fine, 17, 3])
    places = np.cumsum(np.cumsum(force / (10 * fine), 0) / (10 * fine), 0)[::fine]
    places[:, 0] = 0
    data = mocap.MocapPoses(places, clip=np.zeros(4000, int), fps=10.0)
    constants = sequences.motion_constants(data, np.arange(4000))
    np.testing.assert_allclose(constants["wrist"][:2], np.sqrt(power), rtol=0.05)


def test_too_short_clips(clips_file):
    from benchmarks.accuracy import protocol, sequences

    data = protocol.load(clips_file)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="`poses` must hold clips of 99 frames"):
        sequences.select(data, sequences._frames(clips_file), 0, 3, 120, rng, shortest=99)
