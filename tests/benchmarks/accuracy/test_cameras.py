import json

import numpy as np
import pytest

import tf_lift


@pytest.fixture
def benchmark(monkeypatch):
    """Reduces the benchmark to two distances and one pitch, with methods of known errors."""
    from benchmarks.accuracy import cameras

    truth = {}
    real_views = cameras._views

    def views(poses, camera, rng):
        truth["views"] = real_views(poses, camera, rng)
        return truth["views"]

    def lifts(landmarks, prior, camera, estimated):
        joints, root, _ = truth["views"]
        assert estimated is camera
        np.testing.assert_allclose(camera.project(joints + root[:, None]), landmarks, atol=0.05)
        # Off by 10 mm a rank in x, and by 1 % of the depth.
        return {
            method: (joints + [10.0 * rank, 0, 0], root[:, 2] * (1 + 0.01 * rank))
            for rank, method in enumerate(cameras.METHODS)
        }

    monkeypatch.setattr(cameras, "DISTANCES_M", (2, 8))
    monkeypatch.setattr(cameras, "PITCHES_DEGREES", (30,))
    monkeypatch.setattr(cameras, "_views", views)
    monkeypatch.setattr(cameras, "_lifts", lifts)
    monkeypatch.setattr(
        cameras.camera_lifting, "estimate_pitch", lambda landmarks, prior, camera: camera
    )
    return cameras


def test_figures_tables_and_drawing(benchmark, poses_file, tmp_path, capsys):
    arguments = ["--poses", str(poses_file), "--num-poses", "3", "--json", str(tmp_path / "c.json")]
    prior = tmp_path / "prior.npz"
    tf_lift.PosePrior.load().save(prior)
    benchmark.main([*arguments, "--prior", str(prior), "--figure", str(tmp_path / "c.png")])
    results = json.loads((tmp_path / "c.json").read_text())["results"]
    for rank, (method, errors) in enumerate(results["errors"].items()):
        assert method in benchmark.METHODS
        assert {key: list(value) for key, value in errors.items() if key != "all"} == {
            "distance_m": ["2", "8"],
            "pitch_degrees": ["30"],
            "roll_degrees": ["0", "20"],
            "place": ["centred", "off-centre"],
        }
        for cell in [errors["all"], *errors["distance_m"].values(), *errors["place"].values()]:
            np.testing.assert_allclose(cell["mpjpe_mm"], 10 * rank, atol=1e-9)
            np.testing.assert_allclose(cell["root_depth_percent"], rank, atol=1e-9)
    np.testing.assert_allclose(results["estimated_pitch_degrees"]["30, 20"], 30)
    assert "| + roll undone | 30.0 | 30.0 |" in capsys.readouterr().out
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_views_are_where_they_are_said_to_be(benchmark, rng):
    poses = tf_lift.PosePrior.load().sample(4, seed=1)
    camera = tf_lift.Camera(1000.0, (500.0, 500.0), pitch=0.5, roll=0.2)
    joints, root, seen = benchmark._views(poses, camera, rng)
    assert len(seen) == len(joints) == len(root) == 4 * 2 * 2
    middle = (joints + root[:, None]).mean(1)
    for (distance, place), at in zip(seen, middle, strict=True):
        np.testing.assert_allclose(np.linalg.norm(at), 1000 * distance)
        angles = np.degrees(np.arctan(np.abs(at[:2]) / at[2]))
        np.testing.assert_allclose(angles, (0, 0) if place == "centred" else (20, 8), atol=1e-9)
    np.testing.assert_array_equal(joints[:, 0], 0)


def test_bad_options_are_named(benchmark, poses_file):
    with pytest.raises(ValueError, match="`num_poses` must be at least 1"):
        benchmark.main(["--num-poses", "0"])
    with pytest.raises(ValueError, match="there are no poses"):
        benchmark.main(["--poses", "nowhere.npz"])
