import csv
import dataclasses
import json
from importlib import resources

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tf_lift import cli, inference, skeletons
from tf_lift.inference import pose_files, poses

pytestmark = pytest.mark.usefixtures("untraced_lifts")


@pytest.fixture
def landmarks(tiny_prior):
    """COCO landmarks [10, 17, 2] of poses of the prior; only the body's are right."""
    world = tiny_prior.sample(10, seed=1)
    body = 0.2 * np.stack([world[..., 0], -world[..., 2]], -1) + [300, 200]
    mapped = skeletons.joint_map(skeletons.H36M_17, skeletons.COCO_17) @ body
    mapped[:, :5] = body[:, [10]] + [[0, 0], [4, 0], [-4, 0], [8, 0], [-8, 0]]
    return mapped


def _run(path, prior, output, *options):
    return cli.main(["lift", str(path), "--prior", str(prior), "-o", str(output), *options])


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_command_lifts_a_file(tiny_prior, prior_path, landmarks, tmp_path, ending):
    scores = np.full([10, 17], 0.9)
    scores[4, 9] = 0.04
    np.savez(tmp_path / "in.npz", landmarks=landmarks, scores=scores, skeleton="coco17")
    output = tmp_path / f"out.{ending}"
    # Batches of 4, 4 and 2.
    assert (
        _run(tmp_path / "in.npz", prior_path, output, "--batch-size", "4", "--noise-mm", "0") == 0
    )
    expected = poses.lift_landmarks(landmarks, tiny_prior, "coco17", scores)
    if ending == "npz":
        with np.load(output) as content:
            joints_3d, visibility = content["joints_3d"], content["visibility"]
    else:
        content = json.loads(output.read_text())["poses"]
        joints_3d = np.array([pose["joints_3d"] for pose in content])
        visibility = np.array([pose["visibility"] for pose in content])
    np.testing.assert_allclose(joints_3d, expected.joints_3d, atol=0.1)
    np.testing.assert_array_equal(visibility, expected.visibility)
    assert not visibility[4, skeletons.H36M_17.joint_names.index("left_wrist")]
    assert visibility[3, skeletons.H36M_17.joint_names.index("left_wrist")]


def test_own_result_lifts_again(prior_path, landmarks, tmp_path):
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="coco17")
    assert _run(tmp_path / "in.npz", prior_path, tmp_path / "first.json") == 0
    assert _run(tmp_path / "first.json", prior_path, tmp_path / "second.json") == 0
    assert _run(tmp_path / "second.json", prior_path, tmp_path / "third.json") == 0
    first, second, third = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second", "third")
    )
    # The first has COCO's marks, to which its prior was narrowed; the others the prior's own.
    np.testing.assert_allclose(
        [pose["joints_3d"] for pose in second["poses"]],
        [pose["joints_3d"] for pose in third["poses"]],
        atol=0.5,
    )
    np.testing.assert_allclose(
        [pose["joints_3d"] for pose in first["poses"]],
        [pose["joints_3d"] for pose in second["poses"]],
        atol=100.0,
    )


def test_figure_on_an_image(prior_path, landmarks, tmp_path):
    np.save(tmp_path / "in.npy", landmarks)
    Image.new("RGB", (600, 400), (90, 120, 90)).save(tmp_path / "image.png")
    options = ["--figure", str(tmp_path / "out.png"), "--image", str(tmp_path / "image.png")]
    options += ["--skeleton", "coco17"]
    assert _run(tmp_path / "in.npy", prior_path, tmp_path / "out.json", *options) == 0
    with Image.open(tmp_path / "out.png") as figure:
        pixels = np.asarray(figure.convert("RGB"))
    assert pixels.shape[0] > 1.5 * pixels.shape[1]  # Six of the ten poses, below each other.
    assert (pixels == (90, 120, 90)).all(-1).mean() > 0.1


def test_frames_without_a_person_are_null(prior_path, landmarks, tmp_path, capsys):
    landmarks[[2, 5]] = np.nan
    np.save(tmp_path / "in.npy", landmarks)
    output = tmp_path / "out.json"
    assert _run(tmp_path / "in.npy", prior_path, output, "--skeleton", "coco17") == 0
    assert (
        "10 poses in 10 frames: 8 lifted, 2 of them with too few keypoints"
        in capsys.readouterr().out
    )
    content = json.loads(output.read_text())["poses"]
    assert [pose["mixture_index"] < 0 for pose in content] == [i in (2, 5) for i in range(10)]
    assert content[2]["joints_3d"][0] == [None, None, None]


def test_missing_joints_are_told(prior_path, landmarks, tmp_path, capsys):
    np.save(tmp_path / "in.npy", landmarks)
    output = tmp_path / "out.json"
    assert _run(tmp_path / "in.npy", prior_path, output, "--skeleton", "coco17") == 0
    line = "coco17 has 14 of the 17 joints of h36m17; missing: spine, thorax, neck_nose"
    assert f"{line} (inferred by the prior)\n" in capsys.readouterr().out
    options = ("--skeleton", "coco17", "--approximate")
    assert _run(tmp_path / "in.npy", prior_path, output, *options) == 0
    line = "15 of the 17 joints of h36m17; approximate: thorax; missing: spine, neck_nose (inf"
    assert line in capsys.readouterr().out
    assert json.loads(output.read_text())["missing_joints"] == ["spine", "neck_nose"]
    # Its own joints lack nothing, and nothing is said.
    assert _run(output, prior_path, tmp_path / "again.json") == 0
    assert "joints of" not in capsys.readouterr().out


def test_given_scale(prior_path, landmarks, tmp_path):
    np.save(tmp_path / "in.npy", landmarks)
    options = ["--skeleton", "coco17", "--scale", "0.2", "--num-rotations", "40"]
    assert _run(tmp_path / "in.npy", prior_path, tmp_path / "out.npz", *options) == 0
    with np.load(tmp_path / "out.npz") as content:
        np.testing.assert_allclose(content["scale"], 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "must be given .*17 joints, as of .'h36m17', 'cmu17', 'coco17', 'mpi_inf_3dhp17'.",
        ),
        (["--skeleton", "openpose18"], "must have the 18 joints of openpose18, has 17"),
        (["--skeleton", "mpii"], "`skeleton` must be one of"),
        (["--skeleton", "coco17", "--batch-size", "0"], "`batch_size` must be at least 1"),
        (["--skeleton", "coco17", "--min-score", "5"], "none with enough joints"),
        (["--skeleton", "coco17", "-o", "poses.txt"], "`output` must end in .json, .npz, .csv, "),
        (["--skeleton", "coco17", "--figure", "a.pdf"], "`figure` must end in .png"),
        (["--skeleton", "coco17", "--image", "none.png"], "which does not exist"),
        (["--skeleton", "coco17", "--estimator", "best"], "`estimator`"),
        (["--skeleton", "coco17", "--num-rotations", "0"], "`num_rotations`"),
    ],
)
def test_bad_input_is_one_line(prior_path, landmarks, tmp_path, capsys, options, message):
    import re

    np.save(tmp_path / "in.npy", landmarks)
    output = tmp_path / "out.json"
    assert _run(tmp_path / "in.npy", prior_path, output, *options) == 2
    error = capsys.readouterr().err.strip()
    assert re.search(message, error), error
    assert len(error.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_frames_of_one_person(tiny_prior, prior_path, landmarks, tmp_path, capsys):
    landmarks[4] = np.nan
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="coco17")
    options = ["--fps", "25", "--batch-size", "3", "--noise-mm", "0"]
    for ending in ("json", "npz"):
        assert _run(tmp_path / "in.npz", prior_path, tmp_path / f"out.{ending}", *options) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "9 poses in 10 frames: 9 lifted, 1 more filled in gaps, " in out
    content = json.loads((tmp_path / "out.json").read_text())
    joints_3d = np.array([pose["joints_3d"] for pose in content["poses"]])
    parents = np.array(skeletons.H36M_17.parents)
    lengths = np.linalg.norm(joints_3d[:, 1:] - joints_3d[:, parents[1:]], axis=-1)
    np.testing.assert_allclose(
        lengths, [pose["bone_lengths"] for pose in content["poses"]], atol=0.1
    )
    assert content["units"]["bone_lengths"].startswith("mm")
    with np.load(tmp_path / "out.npz") as arrays:
        assert np.ptp(arrays["bone_lengths"], axis=0).max() == 0
        np.testing.assert_allclose(arrays["joints_3d"], joints_3d, atol=0.01)
    # Without it, the frame that misses all joints has no pose.
    assert _run(tmp_path / "in.npz", prior_path, tmp_path / "single.json") == 0
    single = json.loads((tmp_path / "single.json").read_text())
    assert "bone_lengths" not in single["poses"][0] and single["poses"][4]["scale"] is None


@pytest.mark.parametrize("fps", ["0", "-3"])
def test_frame_rate_must_be_positive(prior_path, landmarks, tmp_path, capsys, fps):
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="coco17")
    assert _run(tmp_path / "in.npz", prior_path, tmp_path / "out.json", "--fps", fps) == 2
    assert "`fps` must be a positive number" in capsys.readouterr().err


def test_scale_of_a_sequence_is_free(tiny_prior, landmarks):
    with pytest.raises(ValueError, match="`scale` must be None where `fps` is given"):
        poses.lift_landmarks(landmarks, tiny_prior, "coco17", scale=1.0, fps=25)


def _coco(landmarks, frames, **fields):
    """COCO's results of these poses."""
    results = []
    for index, (pose, frame) in enumerate(zip(landmarks, frames, strict=True)):
        flat = np.concatenate([pose, np.full([17, 1], 0.9)], 1).ravel().tolist()
        entry = {"image_id": frame, "category_id": 1, "keypoints": flat, "score": 0.5}
        results.append(entry | {name: values[index] for name, values in fields.items()})
    return json.dumps(results)


def test_frame_person_and_score_come_out_again(prior_path, landmarks, tmp_path):
    (tmp_path / "in.json").write_text(_coco(landmarks[:4], [7, 3, 3, 9], bbox=[[1, 2, 3, 4]] * 4))
    for ending in ("json", "npz", "csv"):
        assert _run(tmp_path / "in.json", prior_path, tmp_path / f"out.{ending}") == 0
    for ending in ("json", "npz"):
        found = pose_files.read_poses(tmp_path / f"out.{ending}")
        assert found.frame.tolist() == [3, 3, 7, 9]
        assert found.person.tolist() == [0, 1, 0, 0]
        assert found.person_score.tolist() == [0.5] * 4
        assert found.box.tolist() == [[1, 2, 3, 4]] * 4
        assert found.frames.tolist() == [3, 7, 9]
        assert np.isnan(found.time).all()
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["person"], row["time"]) for row in rows][1:3] == [
        ("3", "1", ""),
        ("7", "0", ""),
    ]
    np.testing.assert_allclose(
        [float(row["left_wrist_x"]) for row in rows],
        found.joints_3d[:, skeletons.H36M_17.joint_names.index("left_wrist"), 0],
        rtol=1e-5,
    )


def test_table_of_poses_lifts_again(prior_path, landmarks, tmp_path):
    np.savez(tmp_path / "in.npz", landmarks=landmarks[:3], skeleton="coco17", frame=[4, 5, 8])
    assert _run(tmp_path / "in.npz", prior_path, tmp_path / "first.csv") == 0
    found = inference.read_keypoints(tmp_path / "first.csv")
    assert (found.skeleton, found.frame.tolist()) == ("h36m17", [4, 5, 8])
    wrist = COCO("left_wrist"), skeletons.H36M_17.joint_names.index("left_wrist")
    np.testing.assert_allclose(found.landmarks[:, wrist[1]], landmarks[:3, wrist[0]], rtol=1e-5)


COCO = skeletons.COCO_17.joint_names.index


def test_each_person_is_a_sequence_by_frame_numbers(tiny_prior, landmarks, tmp_path):
    """Frame 3 of the first person is filled; the other comes after a gap of four seconds."""
    people = [0, 0, 0, 0, 1, 1, 1, 1]
    frames = [0, 1, 2, 4, 0, 1, 41, 42]
    (tmp_path / "in.json").write_text(_coco(landmarks[:8], frames, track_id=people))
    found = inference.read_keypoints(tmp_path / "in.json")
    result = inference.lift_keypoints(found, tiny_prior, fps=10)
    numbers = list(zip(result.frame.tolist(), result.person.tolist(), strict=True))
    assert numbers == sorted([(k, 0) for k in range(5)] + [(k, 1) for k in (0, 1, 41, 42)])
    filled = ~result.visibility.any(1)
    assert [numbers[row] for row in np.flatnonzero(filled)] == [(3, 0)]
    assert np.isfinite(result.joints_3d).all()
    np.testing.assert_allclose(result.time, result.frame / 10)
    assert np.isnan(result.person_score[filled]).all()
    own = result.take(np.flatnonzero((result.person == 1) & (result.frame > 40)))
    order = [6, 7]
    alone = poses.lift_landmarks(
        landmarks[order], tiny_prior, "coco17", np.full([2, 17], 0.9), fps=10
    )
    np.testing.assert_allclose(own.joints_3d, alone.joints_3d, atol=0.1)
    # The same frames, every fifth of fifty per second.
    (tmp_path / "in.json").write_text(
        _coco(landmarks[:8], [5 * frame for frame in frames], track_id=people)
    )
    sparse = inference.lift_keypoints(
        inference.read_keypoints(tmp_path / "in.json"), tiny_prior, fps=50
    )
    assert sparse.frame.tolist() == [5 * frame for frame in result.frame]
    np.testing.assert_allclose(sparse.joints_3d, result.joints_3d, atol=0.1)


def test_people_without_identities_are_told_apart(tiny_prior, landmarks, tmp_path):
    both = np.stack([landmarks[:3], landmarks[:3] + [300, 0]], 1)
    both[1] = both[1, ::-1]
    (tmp_path / "in.json").write_text(_coco(both.reshape(6, 17, 2), [0, 0, 1, 1, 2, 2]))
    found = inference.read_keypoints(tmp_path / "in.json")
    said = []
    result = inference.lift_keypoints(
        found, tiny_prior, fps=2, say=lambda text, _: said.append(text)
    )
    assert "told apart by place and motion" in said[0]
    for person in (0, 1):
        hips = result.landmarks[result.person == person][:, 1, 0]
        assert np.ptp(hips) < 200


def test_folder_with_a_broken_file_is_lifted_and_fails(prior_path, landmarks, tmp_path, capsys):
    folder = tmp_path / "json"
    folder.mkdir()
    for frame in range(3):
        pose = np.concatenate([landmarks[frame], np.full([17, 1], 0.9)], 1)
        openpose = skeletons.convert(pose[:, :2], "coco17", "openpose18").points
        flat = np.concatenate([openpose, np.full([18, 1], 0.9)], 1).ravel().tolist()
        content = {"people": [{"pose_keypoints_2d": flat}] if frame != 1 else []}
        (folder / f"a_{frame:012d}_keypoints.json").write_text(json.dumps(content))
    (folder / "a_000000000003_keypoints.json").write_text('{"people": [')
    assert _run(folder, prior_path, tmp_path / "out.json") == 2
    captured = capsys.readouterr()
    assert "tf-lift: error: " in captured.err and "0003_keypoints.json: line 1" in captured.err
    assert "2 poses in 4 frames, 2 of them empty: 2 lifted, " in captured.out
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["frames"] == [0, 1, 2, 3]


@pytest.mark.parametrize("fps", [None, 25])
def test_files_follow_the_schema(tiny_prior, landmarks, fps, tmp_path):
    landmarks[1] = np.nan
    np.savez(tmp_path / "in.npz", landmarks=landmarks[:3], skeleton="coco17")
    found = inference.read_keypoints(tmp_path / "in.npz")
    result = inference.lift_keypoints(found, tiny_prior, fps=fps, num_hypotheses=2)
    pose_files.write_json(result.to_dict(), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    schema = json.loads((resources.files("tf_lift") / "data/schemas/poses-2.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    # Every field is described.
    described = schema["$defs"]["pose"]["properties"]
    assert set(content) <= set(schema["properties"])
    assert set(content["poses"][0]) <= set(described)
    fields = {field.name for field in dataclasses.fields(poses.Poses)}
    assert set(described) == fields - {"skeleton", "conversion", "frames", "fps", "image_size"}
    del content["poses"][0]["misfit"]
    with pytest.raises(jsonschema.ValidationError, match="'misfit' is a required property"):
        jsonschema.validate(content, schema)


def test_nobody_is_an_empty_result(prior_path, tmp_path):
    (tmp_path / "a_000000000003_keypoints.json").write_text('{"version": 1.3, "people": []}')
    path = tmp_path / "a_000000000003_keypoints.json"
    for ending in ("json", "npz", "csv"):
        assert _run(path, prior_path, tmp_path / f"out.{ending}") == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert (content["frames"], content["poses"]) == ([3], [])
