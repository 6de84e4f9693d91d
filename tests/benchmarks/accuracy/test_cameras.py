import json

import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import cameras, knowledge, protocol


@pytest.fixture
def known_errors(monkeypatch):
    """Replaces the lifts: 12 mm off at one of 12 limbs, and again for every knowledge."""
    seen = {}
    make_views = cameras.camera_views.make_views

    def making(*arguments, **named):
        seen["views"] = make_views(*arguments, **named)
        return seen["views"]

    def lift(known, landmarks, visibility, prior, its_cameras, camera_index):
        joints = np.nan_to_num(seen["views"].joints_3d)
        joints[:, 13, 0] += 12.0 * (1 + list(knowledge.KNOWLEDGE).index(known))
        # In addition for each missing joint.
        joints[:, 16, 0] += 12.0 * (~visibility).sum(1)
        return knowledge.Lifted(joints, np.full(joints.shape[:2], 30.0))

    monkeypatch.setattr(cameras.camera_views, "make_views", making)
    monkeypatch.setattr(cameras.knowledge, "lift", lift)
    return seen


def test_figures_and_tables(known_errors, poses_file, tmp_path, capsys):
    path = tmp_path / "cameras.json"
    arguments = ["--poses", str(poses_file), "--num-views", "60", "--num-cameras", "3"]
    cameras.main([*arguments, "--prior", "cmu", "--conditions", "exact,all", "--json", str(path)])
    record = json.loads(path.read_text())
    results = record["results"]
    assert record["seed"] == 0 and results["num_views"] == 60 and results["num_cameras"] == 3
    assert list(results["errors"]) == ["exact", "all"]
    for condition, by_knowledge in results["errors"].items():
        assert list(by_knowledge) == list(knowledge.KNOWLEDGE)
        for rank, its in enumerate(by_knowledge.values()):
            groups = its["lift"]
            for count, errors in groups["missing"].items():
                np.testing.assert_allclose(errors["mpjpe_mm"], 1 + rank + int(count), atol=1e-6)
            for column in ("missing", "convention"):
                numbers = [errors["num_poses"] for errors in groups[column].values()]
                assert sum(numbers) == groups["all"]["num_poses"] == 60
            assert set(groups["convention"]) == set(cameras.camera_views.CONVENTIONS)
        missing = {int(count) for count in by_knowledge["level"]["lift"]["missing"]}
        assert missing == {0, 3} if condition == "exact" else missing > {3, 5}
    mean = results["errors"]["exact"]["attitude"]
    assert 0 < mean["mean_pose_best_yaw"]["all"]["mpjpe_mm"] < mean["mean_pose"]["all"]["mpjpe_mm"]
    out = capsys.readouterr().out
    assert "| exact, complete | said to be level | lift | 4.2 (" in out
    assert "all of it, by convention" in out and "the prior is that of --prior" in out


def test_people_seen_are_held_out(poses_file):
    data = protocol.load(poses_file)
    poses, make_prior = cameras.held_out(data, 30)
    assert poses.shape == (30, 17, 3)
    subject = data.subject.astype(int)
    heights = {
        tuple((pose - pose[0])[:, 2].round(1))
        for pose in data.poses[np.isin(subject, (5, 16, 1, 9))]
    }
    assert all(tuple(pose[:, 2].round(1)) in heights for pose in poses)
    learnt = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cameras.methods, "_tuned", lambda training, config: learnt.append(training))
        make_prior()
    assert {subject for training in learnt for subject in training.subject} == {"14", "29"}


def test_one_lift_for_all_conditions_runs(poses_file):
    """A real lift of few views, by one camera."""
    data = protocol.load(poses_file)
    poses, _ = cameras.held_out(data, 8)
    views = cameras.camera_views.make_views(poses, np.random.default_rng(0), 8, num_cameras=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cameras, "METHODS", {"lift": {"num_rotations": 8}})
        patch.setattr(knowledge, "KNOWLEDGE", {"level": "said to be level"})
        results = cameras.evaluate(views, tf_lift.PosePrior.load("cmu"), ("exact", "gross_errors"))
    exact, gross = (its["level"]["lift"]["all"] for its in results["errors"].values())
    assert 20 < exact["mpjpe_mm"] < 400 and exact["num_failed"] == 0
    assert gross["mpjpe_mm"] != exact["mpjpe_mm"]


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="must be a positive integer"):
        cameras.main(["--num-views", "0"])
    with pytest.raises(ValueError, match="there are no poses"):
        cameras.main(["--poses", "nowhere.npz"])
    with pytest.raises(ValueError, match="must be among exact"):
        cameras.main(["--conditions", "foggy"])
