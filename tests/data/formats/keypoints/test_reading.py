import json

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import keypoints

LANDMARKS = np.arange(2 * 17 * 2, dtype=np.float64).reshape(2, 17, 2)
SCORES = np.linspace(0.1, 1.0, 34).reshape(2, 17)
WITH_SCORES = np.concatenate([LANDMARKS, SCORES[..., None]], -1)


def _check(found, skeleton=None, scores=SCORES):
    np.testing.assert_allclose(found.landmarks, LANDMARKS)
    np.testing.assert_allclose(found.scores, scores)
    assert found.skeleton == skeleton


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", WITH_SCORES)
    _check(keypoints.read_keypoints(tmp_path / "a.npy"))
    np.save(tmp_path / "a.npy", LANDMARKS.astype(np.int16))
    _check(keypoints.read_keypoints(tmp_path / "a.npy"), scores=np.ones([2, 17]))
    np.save(tmp_path / "a.npy", WITH_SCORES[0])
    assert keypoints.read_keypoints(tmp_path / "a.npy").landmarks.shape == (1, 17, 2)


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=LANDMARKS, scores=SCORES, skeleton="coco17")
    _check(keypoints.read_keypoints(tmp_path / "a.npz"), "coco17")
    visible = SCORES > 0.5
    np.savez(tmp_path / "a.npz", landmarks=LANDMARKS, visibility=visible)
    found = keypoints.read_keypoints(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.scores, visible)
    np.testing.assert_array_equal(np.isnan(found.landmarks).all(-1), ~visible)


def test_json_landmarks(tmp_path):
    content = {"landmarks": WITH_SCORES.tolist(), "skeleton": "h36m17"}
    (tmp_path / "a.json").write_text(json.dumps(content))
    _check(keypoints.read_keypoints(tmp_path / "a.json"), "h36m17")
    content["landmarks"][1][4] = [None, 3.0, 1.0]
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = keypoints.read_keypoints(tmp_path / "a.json")
    assert np.isnan(found.landmarks[1, 4]).all()
    assert found.scores[1, 4] == 0
    assert np.isfinite(found.landmarks).all(-1).sum() == 33


def test_coco_truth_and_results(tmp_path):
    rows = WITH_SCORES.copy()
    rows[..., 2] = 2
    rows[0, 3] = 0
    rows[1, 5, 2] = 1
    truth = [{"keypoints": row.ravel().tolist()} for row in rows]
    truth.insert(1, {"keypoints": [0] * 51, "num_keypoints": 0})
    (tmp_path / "truth.json").write_text(json.dumps({"annotations": truth, "images": []}))
    found = keypoints.read_keypoints(tmp_path / "truth.json")
    assert found.skeleton == "coco17"
    expected = np.ones([2, 17])
    expected[0, 3] = 0
    np.testing.assert_array_equal(found.scores, expected)
    np.testing.assert_array_equal(found.landmarks[1], LANDMARKS[1])
    results = [{"keypoints": row.ravel().tolist(), "score": 0.9} for row in WITH_SCORES]
    (tmp_path / "results.json").write_text(json.dumps(results))
    _check(keypoints.read_keypoints(tmp_path / "results.json"), "coco17")


def test_csv_numbers(tmp_path):
    rows = WITH_SCORES.reshape(2, -1)
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", fmt="%.17g")
    _check(keypoints.read_keypoints(tmp_path / "a.csv"))
    np.savetxt(tmp_path / "a.csv", LANDMARKS.reshape(2, -1), delimiter=",")
    _check(keypoints.read_keypoints(tmp_path / "a.csv"), scores=np.ones([2, 17]))


def test_csv_with_header(tmp_path):
    names = skeletons.COCO_17.joint_names
    order = np.random.default_rng(1).permutation(17)[:12]
    header = [f"{names[j]}_{part}" for j in order for part in ("x", "y", "score")]
    rows = [[f"{value:.17g}" for value in WITH_SCORES[i, order].ravel()] for i in range(2)]
    rows[1][3] = ""
    text = "\n".join(",".join(row) for row in [header, *rows])
    (tmp_path / "a.csv").write_text(text + "\n\n")
    found = keypoints.read_keypoints(tmp_path / "a.csv")
    assert found.skeleton == "coco17"
    expected = np.full([2, 17, 2], np.nan)
    expected[:, order] = LANDMARKS[:, order]
    expected[1, order[1]] = np.nan
    np.testing.assert_allclose(found.landmarks, expected)
    np.testing.assert_allclose(found.scores[0, order], SCORES[0, order])


def _write_columns(path, names, values):
    header = [f"{name}_{part}" for name in names for part in "xy"]
    rows = [header, *([f"{value:.17g}" for value in row.ravel()] for row in values)]
    path.write_text("\n".join(",".join(row) for row in rows))


@pytest.mark.parametrize("name", skeletons.SKELETONS)
def test_csv_of_all_joints_is_of_their_skeleton(tmp_path, name, rng):
    names = skeletons.get(name).joint_names
    values = rng.standard_normal([3, len(names), 2])
    order = rng.permutation(len(names))
    _write_columns(tmp_path / "a.csv", [names[j] for j in order], values[:, order])
    found = keypoints.read_keypoints(tmp_path / "a.csv")
    # Joints of the same names and order are taken for those of the data set.
    assert found.skeleton == {"cmu17": "h36m17", "posenet17": "coco17"}.get(name, name)
    np.testing.assert_array_equal(found.landmarks, values)


def test_csv_of_joints_of_several_skeletons(tmp_path, rng):
    """`head_top` is the crown in LSP, and at the height of the ears in the prior."""
    names = [name for name in skeletons.LSP_14.joint_names if name != "neck"]
    values = rng.standard_normal([2, len(names), 2])
    _write_columns(tmp_path / "a.csv", names, values)
    assert keypoints.read_keypoints(tmp_path / "a.csv").skeleton == "h36m17"
    found = keypoints.read_keypoints(tmp_path / "a.csv", "lsp14")
    assert found.skeleton == "lsp14"
    np.testing.assert_array_equal(found.landmarks[:, 13], values[:, 12])
    assert np.isnan(found.landmarks[:, 12]).all()
    found = keypoints.read_keypoints(tmp_path / "a.csv", "coco17")
    assert found.notes == ("columns of joints that coco17 has not were left out: head_top",)
    with pytest.raises(ValueError, match="`skeleton` must be one of"):
        keypoints.read_keypoints(tmp_path / "a.csv", "spider")


def _people(values):
    return {
        "people": [{"person_id": [-1], "pose_keypoints_2d": v.ravel().tolist()} for v in values]
    }


@pytest.mark.parametrize(("joints", "name"), [(18, "openpose18"), (25, "openpose25"), (15, None)])
def test_openpose_people(tmp_path, joints, name, rng):
    values = rng.uniform(10.0, 100.0, [2, joints, 3]) * [1, 1, 0.01]
    if joints == 25:
        values[:, 1] = (values[:, 2] + values[:, 5]) / 2
        values[:, 8] = (values[:, 9] + values[:, 12]) / 2
    values[1, 4] = 0
    (tmp_path / "a.json").write_text(json.dumps(_people(values)))
    found = keypoints.read_keypoints(tmp_path / "a.json")
    assert found.skeleton == name
    np.testing.assert_array_equal(found.scores, values[..., 2])
    assert np.isnan(found.landmarks[1, 4]).all()
    np.testing.assert_array_equal(found.landmarks[0], values[0, :, :2])


def test_25_joints_that_are_of_neither_skeleton_are_asked_for(tmp_path, rng):
    values = rng.uniform(10.0, 100.0, [3, 25, 3]) * [1, 1, 0.01]
    (tmp_path / "a.json").write_text(json.dumps(_people(values)))
    with pytest.raises(ValueError, match=r"openpose25 .*openpose25b .*neither fits.*--skeleton"):
        keypoints.read_keypoints(tmp_path / "a.json")
    assert keypoints.read_keypoints(tmp_path / "a.json", "openpose25b").skeleton == "openpose25b"


def test_frame_without_people_stays(tmp_path):
    (tmp_path / "a_000000000007_keypoints.json").write_text('{"people": []}')
    found = keypoints.read_keypoints(tmp_path / "a_000000000007_keypoints.json")
    assert found.frames.tolist() == [7]
    assert found.landmarks.shape[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"people": [{"hand": []}]}', "no 'pose_keypoints_2d'"),
        ("a.json", '{"people": [{"pose_keypoints_2d": [1, 2]}]}', "must hold keypoints"),
        ("a.json", "{", "must hold keypoints"),
        ("a.json", "{}", "neither .landmarks. nor"),
        ("a.json", "[1, 2]", "neither .landmarks. nor"),
        ("a.json", '[{"bbox": [1]}]', "no annotation with"),
        ("a.json", '{"annotations": []}', "no annotation with"),
        ("a.json", '{"landmarks": [[1, 2], [3]]}', "must hold keypoints"),
        ("a.json", '{"landmarks": [1, 2]}', r"\[N, num_joints, 2 or 3\].*shape=\(2,\)"),
        ("a.json", '{"landmarks": [[1, 2]], "skeleton": "coco17"}', "the 17 joints of coco17"),
        ("a.json", '{"landmarks": [[1, 2]], "skeleton": "mpii"}', "`skeleton` must be one of"),
        ("a.json", '{"landmarks": [[1, 2]], "scores": [1, 2]}', "`scores` must have shape"),
        ("a.csv", "", "an empty file"),
        ("a.csv", "1,2,3\n4,5", r"different lengths: \[2, 3\]"),
        ("a.csv", "1,2,x,4", "must hold keypoints"),
        ("a.csv", "1,2,3,4,5", "5 numbers, not 2 or 3"),
        ("a.csv", "tail_x,tail_y\n1,2", "not those of a skeleton"),
        ("a.csv", "nose_x\n1", "no column nose_y"),
        ("a.npy", "not numpy", "must hold keypoints"),
        ("a.npz", "not numpy", "must hold keypoints"),
        ("a.xml", "1,2", "in a file .json, .npy, .npz"),
        ("a.txt", "0 0.5 0.5 0.1 0.1 " + "0.5 " * 25, "line 1: 25 numbers after class and box"),
        ("a.json", "", "an empty file"),
        ("a.json", '[{"keypoints": [1, 2', "line 1, column 21: the file ends early"),
        ("a.json", '[{"image_id": 3, "keypoints": [1, 2, 3, 4]}, {"keypoints": [1]}]', "entry 1"),
        ("a.json", '{"landmarks": [[1e300, 2], [3, 4]]}', "below 1,000,000 px. Received: 1e.300"),
        (
            "a.json",
            '[{"image_id": 0, "keypoints": [5, 5, 90, 7, 7, 60]}]',
            "from 0 to 1, or logits",
        ),
        ("a.trc", "PathFileType\n1", "TRC file with 2 lines"),
        ("a.h5", "not HDF5", "damaged HDF5"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        keypoints.read_keypoints(path)
    assert name in str(error.value) or "skeleton" in message


def test_bad_arrays(tmp_path):
    with pytest.raises(ValueError, match="which is none"):
        keypoints.read_keypoints(tmp_path / "nothing.npy")
    np.savez(tmp_path / "a.npz", first=LANDMARKS, second=LANDMARKS)
    with pytest.raises(ValueError, match="landmarks"):
        keypoints.read_keypoints(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", np.array([["x"]]))
    with pytest.raises(ValueError, match="must be numbers"):
        keypoints.read_keypoints(tmp_path / "a.npy")
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:100])
    with pytest.raises(ValueError, match="must hold keypoints"):
        keypoints.read_keypoints(tmp_path / "a.npz")
