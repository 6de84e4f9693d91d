import json
import types

import numpy as np
import pytest
from pose2sim_files import make_folder

import tf_lift
from benchmarks.accuracy import knowledge, pose2sim, real, real_figure
from tf_lift import skeletons


@pytest.fixture
def folder(tmp_path):
    make_folder(tmp_path, num_frames=4)
    return tmp_path


@pytest.fixture
def known_errors(monkeypatch):
    """Replaces the lifts: the truth, moved by known distances, one frame of it failed."""
    recording = {}
    read = pose2sim.read

    def reading(folder):
        recording["view"] = read(folder).views[0]
        return read(folder)

    def lift_file(path, prior, output, *, camera, fps, options, **_):
        with np.load(path) as content:
            count = len(content["landmarks"])
        joints = skeletons.convert(
            recording["view"].joints_3d, skeletons.OPENPOSE_25B, prior.skeleton
        ).points
        joints = np.nan_to_num(joints[:: len(joints) // count])
        joints[:, 13, 0] += 8.0 * (1 + _rank(camera))
        joints[:, 16, 1] += 60.0 * options.add_residuals
        return types.SimpleNamespace(
            joints_3d=joints, joints_3d_stddev=np.full(joints.shape[:2], 30.0)
        )

    monkeypatch.setattr(real.pose2sim, "read", reading)
    monkeypatch.setattr(real.inference, "lift_file", lift_file)


def _rank(camera):
    """Returns which of `knowledge.KNOWLEDGE` a camera stands for."""
    if not isinstance(camera, tf_lift.Camera):
        return [None, "level"].index(camera)
    known = (camera.focal_length is not None, camera.pitch is not None)
    guessed = camera.focal_length == (1920.0, 1920.0)
    return 2 if guessed else {(True, False): 3, (False, True): 4, (True, True): 5}[known]


def test_figures_and_table(folder, known_errors, tmp_path, capsys):
    path = tmp_path / "real.json"
    real.main(["--data", str(folder), "--prior", "cmu", "--json", str(path)])
    record = json.loads(path.read_text())
    results = record["results"]
    assert record["benchmark"] == "real" and results["num_frames"] == 4
    assert list(results["views"]) == ["cam_07"]
    np.testing.assert_allclose(results["views"]["cam_07"]["pitch_degrees"], np.degrees(0.3))
    rows = {
        (row["source"], row["knowledge"], row["method"]): row["errors"]["cam_07"]
        for row in results["rows"]
        if row["frames"] == "each"
    }
    for source in ("detections", "exact"):
        for rank, known in enumerate(knowledge.KNOWLEDGE):
            its = rows[source, known, "lift"]
            np.testing.assert_allclose(its["mpjpe_mm"], 8 * (1 + rank) / 12, atol=1e-6)
            shares = [its["within_1"], its["within_2"]]
            np.testing.assert_allclose(shares, [1 if rank < 3 else 11 / 12, 1])
            its = rows[source, known, "lift_options"]
            np.testing.assert_allclose(its["mpjpe_mm"], 5 + 8 * (1 + rank) / 12, atol=1e-6)
            assert not any("_all" in name for name in its)
    best, facing = (rows["none", "attitude", f"mean_pose{end}"] for end in ("_best_yaw", ""))
    assert best["mpjpe_mm"] <= facing["mpjpe_mm"]
    np.testing.assert_allclose(best["pa_mpjpe_mm"], facing["pa_mpjpe_mm"], rtol=1e-3)
    out = capsys.readouterr().out
    assert "| detections | said to be level | each | lift | 1 / " in out


def test_frames_can_be_thinned(folder, known_errors):
    prior = tf_lift.PosePrior.load("cmu")
    results = real.evaluate(real.pose2sim.read(folder), prior, step=2)
    assert results["num_frames"] == 2 and results["fps"] == 25.0
    rows = [row for row in results["rows"] if row["frames"] == "each"]
    assert {row["errors"]["mean"]["mpjpe_mm"] > 0 for row in rows} == {True}


def test_bad_options():
    with pytest.raises(ValueError, match="must hold one .trc file"):
        real.main(["--data", "nowhere"])
    with pytest.raises(ValueError, match="must be a positive integer"):
        real.main(["--step", "0"])


def test_the_recording_at_hand_if_there_is_one(monkeypatch):
    """The detections are near the projections of the triangulated joints."""
    folder = real.default_data()
    if not folder.is_dir():
        pytest.skip(f"there is no recording at {folder}")
    for view in pose2sim.read(folder).views:
        distance = np.linalg.norm(view.landmarks - view.exact, axis=-1)
        # The detector's error on a person of some 800 px.
        assert np.nanmedian(distance) < 30
        bones = np.linalg.norm(view.joints_3d[:, 11] - view.joints_3d[:, 13], axis=-1)
        assert 350 < np.median(bones) < 500


def test_figure_of_a_recording_at_hand(tiny_prior, tmp_path):
    folder = real.default_data()
    if not folder.is_dir():
        pytest.skip(f"there is no recording at {folder}")
    figure = real_figure.draw(pose2sim.read(folder), tiny_prior, step=50)
    assert len(figure.axes) == 3 * len(pose2sim.read(folder).views)
