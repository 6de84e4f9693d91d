"""Every format in the forms that its tools write: names, nesting, identities, folders."""

import io
import json
import pathlib
import pickle
import zipfile

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import FORMATS, KeypointsError, joint_names, read_keypoints

FILES = pathlib.Path(__file__).parent / "files"


@pytest.fixture
def body(rng):
    """Coordinates `[3, 17, 2]` of COCO's joints, px."""
    return rng.uniform(100.0, 900.0, [3, 17, 2]).round(1)


def _write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _results(body, **fields):
    rows = [np.concatenate([row, np.full([17, 1], 0.8)], 1).ravel().tolist() for row in body]
    return [
        {"image_id": 5 - i, "category_id": 1, "keypoints": row, "score": 0.5}
        | {name: value[i] for name, value in fields.items()}
        for i, row in enumerate(rows)
    ]


def test_frames_out_of_order_are_sorted(tmp_path, body):
    found = read_keypoints(_write(tmp_path / "a.json", _results(body)))
    assert found.frame.tolist() == [3, 4, 5]
    np.testing.assert_array_equal(found.landmarks, body[::-1])


def test_identities_of_coco(tmp_path, body):
    content = _results(body, track_id=[4, 9, 4])
    found = read_keypoints(_write(tmp_path / "a.json", content))
    assert found.tracked
    assert found.person.tolist() == [4, 9, 4]


def test_identities_that_occur_twice_in_a_frame_are_not_used(tmp_path, body):
    content = _results(body, track_id=[4, 9, 9], frame_id=[7, 7, 7])
    found = read_keypoints(_write(tmp_path / "a.json", content))
    assert not found.tracked
    assert found.person.tolist() == [0, 1, 2]
    assert "person 9 is in frame 7 more than once" in found.notes[0]


def test_byte_order_mark_carriage_returns_and_nan(tmp_path, body):
    rows = _results(body)
    rows[0]["keypoints"][0] = float("nan")
    text = json.dumps(rows, indent=1).replace("\n", "\r\n")
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_keypoints(tmp_path / "a.json")
    assert found.scores[2, 0] == 0
    assert (found.scores > 0).sum() == 3 * 17 - 1


def test_coco_annotations_keep_images_and_count_what_is_left_out(tmp_path, body):
    annotations = _results(body)
    for entry in annotations:
        entry["keypoints"][2::3] = [2] * 17
        entry["bbox"] = [1, 2, 3, 4]
    annotations.append({"image_id": 9, "keypoints": [0] * 51, "num_keypoints": 0})
    images = [
        {"id": k, "file_name": f"{k}.jpg", "width": 1000, "height": 900} for k in (3, 4, 5, 9)
    ]
    content = {"images": images, "annotations": annotations}
    found = read_keypoints(_write(tmp_path / "a.json", content))
    assert found.source == "coco_annotations"
    assert found.frames.tolist() == [3, 4, 5, 9]
    assert found.image.tolist() == ["3.jpg", "4.jpg", "5.jpg"]
    assert found.image_size == (1000, 900)
    np.testing.assert_array_equal(found.scores, 1.0)
    np.testing.assert_array_equal(found.box[0], [1, 2, 3, 4])
    assert "1 entries without a labelled keypoint were left out" in found.notes[0]


@pytest.mark.parametrize("joints", [26, 136])
def test_alphapose_of_halpe(tmp_path, rng, joints):
    rows = rng.uniform(50.0, 500.0, [2, joints, 3]) * [1, 1, 0.001]
    content = [
        {"image_id": f"{k + 1}.jpg", "category_id": 1, "keypoints": row.ravel().tolist()}
        | {"score": 3.1, "box": [1, 2, 3, 4], "idx": [float(k)]}
        for k, row in enumerate(rows)
    ]
    found = read_keypoints(_write(tmp_path / "alphapose-results.json", content))
    assert (found.source, found.skeleton) == ("alphapose", f"halpe{joints}")
    assert (found.frame.tolist(), found.person.tolist()) == ([1, 2], [0, 1])
    assert found.tracked


def test_folder_of_openpose(tmp_path, rng):
    """Foreign files are named, and so is a frame whose file is cut off."""
    for frame in (2, 0, 1):
        values = rng.uniform(50.0, 500.0, [1, 18, 3]) * [1, 1, 0.001]
        people = [{"person_id": [7], "pose_keypoints_2d": row.ravel().tolist()} for row in values]
        _write(tmp_path / f"clip_{frame:012d}_keypoints.json", {"version": 1.3, "people": people})
    (tmp_path / "clip_000000000003_keypoints.json").write_text('{"version": 1.3, "peo')
    _write(tmp_path / "settings.json", {"net_resolution": "656x368"})
    (tmp_path / "clip.avi").write_bytes(b"RIFF")
    found = read_keypoints(tmp_path)
    assert found.frame.tolist() == [0, 1, 2]
    assert found.frames.tolist() == [0, 1, 2, 3]
    assert found.person.tolist() == [7, 7, 7] and found.tracked
    assert found.notes == ("2 files of other kinds were left out: clip.avi, settings.json",)
    assert len(found.problems) == 1
    assert "clip_000000000003_keypoints.json: line 1" in found.problems[0]


def test_folder_of_two_clips_is_refused(tmp_path, rng):
    for clip in ("a", "b"):
        for frame in range(2):
            _write(tmp_path / f"{clip}_{frame:03d}_keypoints.json", {"people": []})
    with pytest.raises(KeypointsError, match="frames of several clips, 'a_' and 'b_'"):
        read_keypoints(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(KeypointsError, match="a folder without files .json or .txt"):
        read_keypoints(tmp_path / "none")


def test_openpose_of_whole_body_networks_uses_the_body(tmp_path, rng):
    values = rng.uniform(50.0, 500.0, [18, 3]) * [1, 1, 0.001]
    person = {"pose_keypoints_2d": values.ravel().tolist(), "face_keypoints_2d": [1.0] * 210}
    people = [person, {}, {"pose_keypoints_2d": [], "face_keypoints_2d": [1.0] * 210}]
    found = read_keypoints(_write(tmp_path / "a.json", {"people": people}))
    np.testing.assert_allclose(found.landmarks, values[np.newaxis, :, :2])


def test_mmpose_names_its_data_set(tmp_path, rng):
    values = rng.uniform(50.0, 500.0, [133, 2])
    instance = {"keypoints": values.tolist(), "keypoint_scores": [1.02] * 133, "track_id": 4}
    content = {
        "meta_info": {"dataset_name": "coco_wholebody"},
        "instance_info": [{"frame_id": 12, "instances": [instance]}],
    }
    found = read_keypoints(_write(tmp_path / "a.json", content))
    assert found.skeleton == "coco_wholebody133"
    assert found.person.tolist() == [4]
    np.testing.assert_array_equal(found.scores, 1.0)
    content["meta_info"] = {"dataset_name": "h36m"}
    instance["keypoints"] = values[:17].tolist()
    instance["keypoint_scores"] = [0.5] * 17
    assert read_keypoints(_write(tmp_path / "a.json", content)).skeleton == "h36m17"


POINT = {"x": 0.25, "y": 0.5, "z": -0.1, "visibility": 0.9}


@pytest.mark.parametrize(
    ("content", "frame", "person"),
    [
        ({"pose_landmarks": [POINT] * 33}, [0], [0]),
        ({"poseLandmarks": [POINT] * 33, "worldLandmarks": [POINT] * 33}, [0], [0]),
        ({"pose_landmarks": {"landmark": [POINT] * 33}}, [0], [0]),
        ({"landmarks": [[POINT] * 33, [POINT] * 33], "worldLandmarks": []}, [0, 0], [0, 1]),
        ([[POINT] * 33, [POINT] * 33], [0, 1], [0, 0]),
        ([{"frame": 4, "landmarks": [POINT] * 33}, {"frame": 9, "landmarks": []}], [4], [0]),
        ({"3": [POINT] * 33, "5": [POINT] * 33}, [3, 5], [0, 0]),
        ({"frames": [{"landmarks": [POINT] * 33}, {"landmarks": None}]}, [0], [0]),
    ],
)
def test_mediapipe_in_any_nesting(tmp_path, content, frame, person):
    found = read_keypoints(_write(tmp_path / "a.json", content), image_size=(400, 200))
    assert (found.source, found.skeleton) == ("mediapipe_json", "mediapipe33")
    assert (found.frame.tolist(), found.person.tolist()) == (frame, person)
    np.testing.assert_array_equal(found.landmarks, np.full([len(frame), 33, 2], 100.0))
    np.testing.assert_array_equal(found.scores, 0.9)


def test_empty_frames_of_mediapipe_stay(tmp_path):
    content = [{"frame": 4, "landmarks": [POINT] * 33}, {"frame": 9, "landmarks": []}]
    found = read_keypoints(_write(tmp_path / "a.json", content), image_size=(400, 200))
    assert found.frames.tolist() == [4, 9]


def test_posenet_and_movenet_by_names(tmp_path, body):
    names = skeletons.POSENET_17.joint_names
    camel = [
        "".join([p[0], *(part.title() for part in p[1:])])
        for p in map(str.split, [name.replace("_", " ") for name in names])
    ]
    posenet = {
        "score": 0.7,
        "keypoints": [
            {"part": part, "score": 0.6, "position": {"x": x, "y": y}}
            for part, (x, y) in zip(camel, body[0].tolist(), strict=True)
        ],
    }
    movenet = [
        {
            "score": 0.7,
            "keypoints": [
                {"name": name, "score": 0.6, "x": x, "y": y}
                for name, (x, y) in zip(names, pose.tolist(), strict=True)
            ],
        }
        for pose in body
    ]
    found = read_keypoints(_write(tmp_path / "a.json", posenet))
    assert found.skeleton == "coco17"
    np.testing.assert_array_equal(found.landmarks[0], body[0])
    found = read_keypoints(_write(tmp_path / "a.json", movenet), "posenet17")
    assert (found.skeleton, found.frame.tolist()) == ("posenet17", [0, 0, 0])
    assert found.person_score.tolist() == [0.7] * 3
    np.testing.assert_array_equal(found.scores, 0.6)


@pytest.mark.parametrize("after", ["", " 0.87", " 0.87 3"])
def test_yolo_with_score_and_identity(tmp_path, rng, after):
    joints = rng.uniform(0.2, 0.8, [2, 17, 3])
    lines = [
        "0 0.5 0.5 0.2 0.4 " + " ".join(f"{v:.6f}" for v in row.ravel()) + after[:-1] + after[-1:]
        for row in joints
    ]
    (tmp_path / "video_12.txt").write_text(lines[0] + "\n")
    (tmp_path / "video_13.txt").write_text("")
    (tmp_path / "video_14.txt").write_text(lines[1] + "\n")
    found = read_keypoints(tmp_path, image_size=(1000, 500))
    assert (found.frame.tolist(), found.frames.tolist()) == ([12, 14], [12, 13, 14])
    np.testing.assert_allclose(found.landmarks, joints[..., :2] * [1000, 500], atol=1e-3)
    if after:
        assert found.person_score.tolist() == [0.87, 0.87]
    assert found.tracked == after.endswith("3")


def test_videopose3d(tmp_path, body):
    positions = {"S1": {"Walking": [body, body + 5]}}
    metadata = {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": [[1, 3], [2, 4]],
        "video_metadata": {"S1": {"w": 1000, "h": 1002}},
    }
    np.savez(tmp_path / "a.npz", positions_2d=np.array(positions), metadata=np.array(metadata))
    found = read_keypoints(tmp_path / "a.npz")
    assert (found.source, found.skeleton, found.image_size) == (
        "videopose3d",
        "coco17",
        (1000, 1002),
    )
    assert found.frame.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.person.tolist() == [0, 1] * 3 and found.tracked
    np.testing.assert_array_equal(found.landmarks[found.person == 1], body + 5)
    assert set(found.image) == {"S1/Walking/0", "S1/Walking/1"}


def test_pickles_run_no_code(tmp_path):
    class Bad:
        def __reduce__(self):
            return (pathlib.Path.touch, (pathlib.Path(tmp_path / "ran"),))

    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("positions_2d.npy", stream.getvalue() + pickle.dumps(Bad()))
    with pytest.raises(KeypointsError):
        read_keypoints(tmp_path / "a.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["dlc.csv", "dlc_table.h5", "dlc_fixed.h5"])
def test_deeplabcut(name):
    found = read_keypoints(FILES / name)
    assert found.source == "deeplabcut"
    assert (found.frame.tolist(), found.tracked) == ([0, 1, 2], False)
    index = skeletons.get(found.skeleton).joint_names.index
    shoulder, hip = index("left_shoulder"), index("right_hip")
    np.testing.assert_allclose(found.landmarks[0, [shoulder, hip]], [[14.5, 16], [28, 29.5]])
    np.testing.assert_allclose(found.scores[:, shoulder], [0.75, 0.25, 0.75])
    assert found.notes == (f"body parts that {found.skeleton} has not were left out: tail",)


@pytest.mark.parametrize("name", ["dlc_multi.csv", "dlc_multi.h5"])
def test_deeplabcut_of_several_individuals(name):
    found = read_keypoints(FILES / name)
    assert found.tracked
    assert found.frame.tolist() == [4, 4, 5, 6, 6]
    assert found.person.tolist() == [0, 1, 0, 0, 1]
    # Frame 5 is the third row, in which the second individual is not seen.
    assert found.frames.tolist() == [4, 5, 6]


def _trc(names, values, rate=30, units="m"):
    head = [
        "PathFileType\t4\t(X/Y/Z)\ta_px_person00.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        f"{rate}\t{rate}\t{len(values)}\t{len(names)}\t{units}\t{rate}\t1\t{len(values)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{k + 1}" for k in range(len(names)) for axis in "XYZ"),
    ]
    rows = [
        "\t".join([str(k + 1), f"{k / rate}", *(f"{x}" for x in row.ravel())])
        for k, row in enumerate(values)
    ]
    return "\n".join([*head, *rows]) + "\n"


def test_trc_in_pixels(tmp_path, rng):
    names = ["Hip", "RHip", "RKnee", "RAnkle", "RBigToe", "RSmallToe", "RHeel", "LHip", "LKnee"]
    names += ["LAnkle", "LBigToe", "LSmallToe", "LHeel", "Neck", "Head", "Nose", "RShoulder"]
    names += ["RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"]
    values = rng.uniform(100.0, 900.0, [2, len(names), 3]).round(2)
    values[..., 2] = 0
    values[:, [names.index(name) for name in ("Nose", "Neck", "Head")], 1] = 20.0
    values[:, [names.index(name) for name in ("RShoulder", "LShoulder")], 1] = 40.0
    path = _write(tmp_path / "clip_px_person02.trc", _trc(names, values))
    found = read_keypoints(path)
    assert (found.source, found.skeleton, found.fps) == ("trc", "halpe26", 30.0)
    assert found.frame.tolist() == [1, 2]
    assert found.person.tolist() == [2, 2] and found.tracked
    index = skeletons.HALPE_26.joint_names.index
    np.testing.assert_allclose(found.landmarks[:, index("left_big_toe")], values[:, 10, :2])
    np.testing.assert_allclose(found.landmarks[:, index("pelvis")], values[:, 0, :2])
    upward = values * [1, -1, 1]
    flipped = read_keypoints(_write(path, _trc(names, upward)))
    np.testing.assert_allclose(flipped.landmarks, found.landmarks)
    with pytest.raises(KeypointsError, match="positions in 3D"):
        read_keypoints(_write(path, _trc(names, values + 1)))
    with pytest.raises(KeypointsError, match="not in pixels"):
        read_keypoints(_write(tmp_path / "clip_m.trc", _trc(names, values / 1000)))


def test_tables_of_numbered_joints_and_of_other_delimiters(tmp_path, rng):
    values = rng.uniform(100.0, 900.0, [2, 33, 2]).round(1)
    header = ["class", *(f"{axis}{k}" for k in range(1, 34) for axis in ("x", "y", "z", "v"))]
    rows = [["walk", *(f"{c}" for x, y in pose for c in (x, y, -0.5, 0.25))] for pose in values]
    text = "\r\n".join(";".join(row).replace(".", ",") for row in [header, *rows])
    found = read_keypoints(_write(tmp_path / "a.csv", "\ufeff" + text))
    assert found.skeleton == "mediapipe33"
    np.testing.assert_array_equal(found.landmarks, values)
    np.testing.assert_array_equal(found.scores, 0.25)


def test_table_with_a_row_for_each_joint(tmp_path, body):
    names = skeletons.COCO_17.joint_names
    lines = ["frame,person,joint,x,y,confidence"]
    for frame, pose in zip((8, 2, 5), body, strict=True):
        lines += [f"{frame},1,{n},{x},{y},0.5" for n, (x, y) in zip(names, pose, strict=True)]
    found = read_keypoints(_write(tmp_path / "a.csv", "\n".join(lines)))
    assert found.frame.tolist() == [2, 5, 8]
    assert found.person.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(found.landmarks, body[[1, 2, 0]])


def test_table_with_time_tells_the_rate(tmp_path, body):
    names = skeletons.COCO_17.joint_names
    lines = [",".join(["time", "person", *(f"{n}_{axis}" for n in names for axis in "xy")])]
    lines += [",".join([f"{k * 0.04:.2f}", "0", *map(str, p.ravel())]) for k, p in enumerate(body)]
    found = read_keypoints(_write(tmp_path / "a.csv", "\n".join(lines)))
    assert found.fps == 25.0
    np.testing.assert_array_equal(found.landmarks, body)


def test_bad_cell_of_a_table_is_named(tmp_path):
    text = "frame,nose_x,nose_y,left_eye_x,left_eye_y\n0,1,2,3,4\n1,5,oops,7,8"
    with pytest.raises(KeypointsError, match=r"row 3, column 'nose_y' must be a number.*'oops'"):
        read_keypoints(_write(tmp_path / "a.csv", text))
    with pytest.raises(KeypointsError, match=r"row 3, column 'frame' must be a frame number"):
        read_keypoints(
            _write(tmp_path / "a.csv", text.replace("\n1,", "\nx,").replace("oops", "6"))
        )


def test_arrays_of_frames_and_people(tmp_path, body):
    values = np.stack([body, np.full_like(body, np.nan)], 1)
    values[2, 1] = body[0]
    np.save(tmp_path / "a.npy", values)
    found = read_keypoints(tmp_path / "a.npy", "coco17")
    assert found.frame.tolist() == [0, 1, 2, 2]
    np.savez(tmp_path / "a.npz", keypoints=body, scores=np.full([3, 17], 0.5), frame=[9, 7, 8])
    found = read_keypoints(tmp_path / "a.npz", "coco17")
    assert found.frame.tolist() == [7, 8, 9]
    np.testing.assert_array_equal(found.landmarks, body[[1, 2, 0]])


def test_coordinates_about_a_joint_keep_their_zero(tmp_path, body):
    relative = body - body[:, :1]
    np.save(tmp_path / "a.npy", relative)
    found = read_keypoints(tmp_path / "a.npy", "coco17")
    np.testing.assert_array_equal(found.landmarks, relative)


def test_format_and_image_size_are_checked(tmp_path, body):
    path = _write(tmp_path / "a.json", _results(body))
    assert read_keypoints(path, format="coco").source == "coco_results"
    with pytest.raises(ValueError, match="`format` must be one of.*'xml'"):
        read_keypoints(path, format="xml")
    with pytest.raises(KeypointsError, match="not of the format 'openpose'"):
        read_keypoints(path, format="openpose")
    with pytest.raises(KeypointsError, match="'yolo' is not one of .json files"):
        read_keypoints(path, format="yolo")
    with pytest.raises(ValueError, match="`image_size` must be"):
        read_keypoints(path, image_size=(0, 5))
    assert {"openpose", "coco", "alphapose", "mmpose", "yolo"} <= set(FORMATS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LShoulder", "left_shoulder"),
        ("leftBigToe", "left_big_toe"),
        ("shoulder.L", "left_shoulder"),
        ("Right Hip", "right_hip"),
        ("mouth_right", "right_mouth"),
        ("LEFT_EYE_INNER", "left_eye_inner"),
        ("nose", "nose"),
    ],
)
def test_names_of_joints(name, expected):
    assert joint_names.canonical(name) == expected
