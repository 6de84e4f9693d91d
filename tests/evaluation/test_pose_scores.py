"""Scores of poses in files: cases computed by hand, masks, frames, people, protocols."""

import json

import numpy as np
import pytest
from PIL import Image

from tf_lift import cli, skeletons
from tf_lift.evaluation import pose_scores, pose_sets, protocols

JOINTS = skeletons.H36M_17.joint_names


def pose_set(joints_3d, **fields):
    joints_3d = np.asarray(joints_3d, float)
    seen = fields.pop("visibility", np.isfinite(joints_3d).all(-1))
    return pose_sets.PoseSet(skeletons.H36M_17, joints_3d, None, seen, **fields)


@pytest.fixture
def people(rng):
    poses = rng.normal(0, 300, [6, 17, 3])
    return poses - poses[:, :1]


def test_distances_of_one_joint_by_hand(people):
    moved = people.copy()
    moved[0, 5] += [0.0, 100.0, 0.0]
    moved[1, 5] += [0.0, 0.0, 160.0]
    scores = pose_scores.score(pose_set(moved[:2]), pose_set(people[:2]))
    assert scores["scores"]["mpjpe_mm"] == pytest.approx((100 + 160) / 34)
    assert scores["per_joint"]["left_knee"]["mpjpe_mm"] == pytest.approx(130)
    assert scores["per_joint"]["right_knee"]["mpjpe_mm"] == 0
    assert scores["scores"]["pck3d"] == pytest.approx(33 / 34)
    # Of the 31 distances 0, 5, ..., 150 the 10 beyond 100 take the first knee, none the second,
    # and none is less than 0.
    right = 32 * 30 + 10
    assert scores["scores"]["auc3d"] == pytest.approx(right / (34 * 31))


def test_nothing_is_mirrored(people):
    mirrored = people * [-1.0, 1.0, 1.0]
    scores = pose_scores.score(pose_set(mirrored), pose_set(people))["scores"]
    assert scores["pa_mpjpe_mm"] > 50
    assert scores["n_mpjpe_mm"] > 50


def test_hidden_joints_count_nowhere_and_joints_not_predicted_are_wrong(people):
    expected = pose_scores.score(pose_set(people + 20.0), pose_set(people))
    wrong = people + 20.0
    wrong[2, 7] = 1e6
    seen = np.ones([6, 17], bool)
    seen[2, 7] = False
    found = pose_scores.score(pose_set(wrong), pose_set(people, visibility=seen))
    assert found["scores"]["mpjpe_mm"] == pytest.approx(expected["scores"]["mpjpe_mm"], abs=1e-9)
    assert found["per_joint"]["spine"]["num_poses"] == 5
    lacking = people.copy()
    lacking[2, 7] = np.nan
    found = pose_scores.score(pose_set(lacking), pose_set(people))
    assert found["counts"]["not_predicted"] == 1
    assert found["scores"]["mpjpe_mm"] == 0
    assert found["scores"]["pck3d"] == pytest.approx(1 - 1 / 102)


def test_poses_are_matched_by_frame_and_person(people):
    labels = {"frame": np.array([0, 1, 1, 2, 3, 3]), "person": np.array([0, 0, 1, 0, 0, 1])}
    true = pose_set(people, **labels)
    order = np.array([5, 2, 0, 3, 1])
    predicted = pose_set(people[order], **{name: label[order] for name, label in labels.items()})
    found = pose_scores.score(predicted, true)
    assert found["matched_by"] == "frame and person"
    assert found["counts"] == {
        "true": 6,
        "scored": 5,
        "missed": 1,
        "unknown": 0,
        "skipped": 0,
        "not_predicted": 0,
    }
    assert found["scores"]["mpjpe_mm"] == 0
    # Without numbers of people, those that lie closest belong together.
    swapped = pose_set(people[[0, 2, 1, 3, 5, 4]], frame=labels["frame"])
    found = pose_scores.score(swapped, true)
    assert found["matched_by"] == "frame" and found["scores"]["mpjpe_mm"] == 0


def test_velocities_are_of_frames_that_follow_each_other():
    count = 6
    still = np.tile(np.arange(51.0).reshape(1, 17, 3), [count, 1, 1])
    still -= still[:, :1]
    drift = still.copy()
    drift[:, 1:, 0] += 10.0 * np.arange(count)[:, np.newaxis]
    # Frames 0, 2, 4 at 10 per second; then a gap, then frames 20, 22, 24.
    frame = np.array([0, 2, 4, 20, 22, 24])
    drift[3:, 1:, 0] += 500.0
    scores = pose_scores.score(
        pose_set(drift, frame=frame), pose_set(still, frame=frame), "all", fps=10.0
    )["scores"]
    # 10 mm in two frames of 0.1 s, for 16 joints of 17.
    assert scores["mpjve_mm_per_s"] == pytest.approx(50 * 16 / 17)
    assert scores["acceleration_mm_per_s2"] == pytest.approx(0, abs=1e-6)
    two = pose_set(drift, frame=frame, person=np.array([0, 0, 0, 1, 1, 1]))
    other = pose_set(still, frame=frame, person=np.array([0, 0, 0, 1, 1, 1]))
    assert pose_scores.score(two, other, fps=10.0)["scores"]["mpjve_mm_per_s"] == pytest.approx(
        50 * 16 / 17
    )


def test_protocols_count_their_joints_and_frames(people):
    moved = people.copy()
    moved[:, JOINTS.index("spine")] += 300.0
    frame = np.array([0, 1, 63, 64, 65, 128])
    true = pose_set(people, frame=frame, action=np.array(list("aabbbb")))
    found = pose_scores.score(pose_set(moved, frame=frame), true, "h36m-2")
    assert found["counts"]["scored"] == 3 and found["counts"]["skipped"] == 3
    assert found["scores"]["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert set(found["per_action"]) == {"a", "b"}
    found = pose_scores.score(pose_set(moved, frame=frame), true, "h36m-1")
    assert found["scores"]["mpjpe_mm"] == pytest.approx(300 * 3**0.5 / 17)
    mean = found["scores"]["mean_over_actions_mpjpe_mm"]
    assert mean == pytest.approx(300 * 3**0.5 / 17)
    # About the middle of the hips, wherever the pelvis is.
    shifted = people + 40.0
    assert pose_scores.score(pose_set(shifted), pose_set(people), "limbs")["scores"][
        "mpjpe_mm"
    ] == pytest.approx(0, abs=1e-9)


def test_every_protocol_names_joints_of_its_skeleton():
    for protocol in protocols.PROTOCOLS.values():
        names = set(skeletons.get(protocol.skeleton).joint_names)
        assert {*protocol.joints, *protocol.root, *(protocol.pck_joints or ())} <= names
    assert len(protocols.get("mpi-inf-3dhp").pck_joints) == 14
    assert len(protocols.get("h36m-2").joints) == len(protocols.get("3dpw").joints) == 14


def test_landmarks_of_coco_annotations(tmp_path, rng):
    points = rng.uniform(50, 200, [2, 17, 2])
    marks = np.full([2, 17, 1], 2.0)
    marks[0, 3] = 0
    entries = [
        {"image_id": 7 + row, "area": 5000.0, "keypoints": np.ravel(values).tolist()}
        for row, values in enumerate(np.concatenate([points, marks], -1))
    ]
    (tmp_path / "true.json").write_text(json.dumps({"annotations": entries}))
    moved = points + [3.0, 4.0]
    moved[0, 3] += 1000.0
    np.savez(tmp_path / "found.npz", landmarks=moved, frame=[7, 8], skeleton="coco17")
    found = pose_scores.score_files(tmp_path / "found.npz", tmp_path / "true.json")["scores"]
    assert found["landmark_error_px"] == pytest.approx(5.0)
    assert 0.3 < found["oks"] < 1


def test_the_command_writes_all_forms(tmp_path, people, capsys):
    np.savez(tmp_path / "true.npz", joints_3d=people / 1000, frame=np.arange(6), fps=25.0)
    np.save(tmp_path / "found.npy", people + [[[0.0]] + [[10.0]] * 16])
    names = [str(tmp_path / name) for name in ("s.json", "s.md", "s.png")]
    arguments = ["evaluate", str(tmp_path / "found.npy"), str(tmp_path / "true.npz")]
    outputs = [part for name in names for part in ("-o", name)]
    assert cli.main([*arguments, "--true-unit", "m", *outputs]) == 0
    assert "MPJPE" in capsys.readouterr().out
    scores = json.loads((tmp_path / "s.json").read_text())["scores"]
    assert scores["mpjpe_mm"] == pytest.approx(10 * 3**0.5 * 16 / 17)
    assert "**16.3**" in (tmp_path / "s.md").read_text()
    with Image.open(tmp_path / "s.png") as image:
        assert min(image.size) > 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either two files"),
        (["a.npz"], "either two files"),
        (["a.npz", "b.npz", "--model", "m"], "either two files"),
        (["a.npz", "b.npz", "--people", "3"], "--people must not be given without --model"),
        (["--model", "m", "--fps", "3"], "--fps must not be given with --model"),
        (["a.npz", "b.npz", "-o", "s.txt"], ".json, .md or .png"),
        (["a.npz", "b.npz"], "a.npz"),
        (["a.bvh", "b.npz"], "must be poses in a file"),
    ],
)
def test_bad_arguments_of_the_command_are_named(capsys, arguments, message):
    assert cli.main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"joints_3d": np.zeros([2, 17, 2])}, r"`joints_3d` must have shape \[N, L, 3\]"),
        ({"joints_3d": np.zeros([2, 16, 3])}, "must have the 17 joints of h36m17"),
        ({"joints_3d": np.zeros([2, 17, 3]), "frame": [1]}, r"`frame` must have shape \[2\]"),
        ({"other": np.zeros(3)}, "must hold `joints_3d` or `landmarks`. Received: other"),
        ({"joints_3d": np.zeros([2, 17, 3]), "skeleton": "dog"}, "dog"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(ValueError, match=message) as caught:
        pose_sets.read(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_sets_that_do_not_fit_are_refused(people):
    with pytest.raises(ValueError, match="must be as many"):
        pose_scores.score(pose_set(people[:3]), pose_set(people))
    twice = pose_set(people, frame=np.zeros(6, int), person=np.zeros(6, int))
    with pytest.raises(ValueError, match="must be there once"):
        pose_scores.score(twice, twice)
    with pytest.raises(ValueError, match="`protocol` must be one of"):
        pose_scores.score(pose_set(people), pose_set(people), "h36m-4")
    with pytest.raises(ValueError, match="must have pelvis"):
        pose_scores.score(pose_set(people), pose_set(people), "mpi-inf-3dhp")


def test_frames_that_a_data_set_marks_as_invalid_do_not_count(tmp_path, people):
    valid = np.array([1, 1, 0, 1, 1, 1])
    np.savez(tmp_path / "true.npz", joints_3d=people, campose_valid=valid)
    wrong = people.copy()
    wrong[2] += 1e4 * np.arange(17)[:, np.newaxis]
    np.save(tmp_path / "found.npy", wrong)
    found = pose_scores.score_files(tmp_path / "found.npy", tmp_path / "true.npz")
    assert found["scores"]["mpjpe_mm"] == 0 and found["scores"]["pck3d"] == 1
