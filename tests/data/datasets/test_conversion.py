"""Conversion of many files of mixed formats to one, and skipped files."""

import csv
import json
import os

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.datasets import conversion
from tf_lift.data.formats import bvh, c3d, mocap, readers
from tf_lift.data.motion.clip import Motion
from tf_lift.io import npz

H36M = skeletons.H36M_17


def write_bvh(path, num_frames=60, fps=50.0):
    poses = mocap_files.walk(num_frames, fps)
    bvh.write(path, Motion(poses, H36M.joint_names, H36M.parents, fps=fps))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with clips of five formats, in which the tests run."""
    monkeypatch.chdir(tmp_path)
    poses = mocap_files.walk(60)
    write_bvh(tmp_path / "01_01.bvh")
    mocap_files.write_c3d(tmp_path / "02_01.c3d", poses / 1000, H36M.joint_names, UNITS="m")
    mocap_files.write_cdf(tmp_path / "S5" / "Posing.cdf", poses)
    mocap_files.write_videopose3d(tmp_path / "v.npz", {"S1": {"Walking": poses}})
    np.savez(tmp_path / "ours.npz", poses=poses[::2], fps=25.0, clip=["x"] * 30, license="free")
    return tmp_path


def test_all_formats_become_the_same_poses(folder):
    result = conversion.convert(["."], "out.npz")

    assert result.skipped == ()
    assert result.output.name == "out.npz"
    labels = ["01_01", "02_01", "S5_Posing", "x", "S1_Walking"]
    assert [clip.clip for clip in result.clips] == labels
    assert [clip.subject for clip in result.clips] == ["01", "02", "S5", "", "S1"]
    content = npz.read("out.npz")
    assert list(content) == [
        "poses", "subject", "clip", "frame", "fps", "joint_names", "parents", "license",
    ]  # fmt: skip
    for clip in labels[:3] + labels[4:]:
        chosen = content["clip"] == clip
        np.testing.assert_allclose(
            content["poses"][chosen], mocap_files.walk(60)[::5], atol=0.05, err_msg=clip
        )
        np.testing.assert_array_equal(content["frame"][chosen], np.arange(12))
        assert set(content["fps"][chosen]) == {10.0}
    assert content["poses"].dtype == np.float32
    assert str(content["license"]) == "free"
    data = mocap.load_poses("out.npz")
    assert data.fps == 10.0
    assert result.num_poses == len(data.poses) == 5 * 12


def test_the_result_can_be_converted_again(folder):
    conversion.convert(["01_01.bvh"], "a.npz", fps=25.0)
    conversion.convert(["a.npz"], "b.npz", fps=12.5)
    first, second = npz.read("a.npz"), npz.read("b.npz")
    np.testing.assert_array_equal(second["poses"], first["poses"][::2])
    assert set(second["fps"]) == {12.5}
    np.testing.assert_array_equal(second["subject"], "01")


def test_bad_files_are_skipped_with_the_reason(folder):
    whole = (folder / "01_01.bvh").read_text()
    (folder / "bad.bvh").write_text(whole[: len(whole) // 2])
    (folder / "empty.c3d").touch()
    (folder / "no_skeleton.amc").write_text(":FULLY-SPECIFIED\n1\n")
    paw = Motion(mocap_files.walk(9)[:, :2], ("paw", "tail"), (-1, 0), fps=50.0)
    c3d.write(folder / "cat.c3d", paw)
    poses = mocap_files.walk(9)
    poses[4, 2] = np.nan
    mocap_files.write_cdf(folder / "S5" / "hole.cdf", poses)
    np.savez(folder / "upside.npz", poses=mocap_files.walk(9) * [1, -1, -1], fps=10)
    files = ["bad.bvh", "empty.c3d", "no_skeleton.amc", "cat.c3d", "upside.npz", "S5/hole.cdf"]

    result = conversion.convert([*files, "01_01.bvh", "none.bvh", "x.txt"], "out.npz", fps=50)

    assert [clip.clip for clip in result.clips] == ["01_01"]
    reasons = {str(skipped.path): skipped.reason for skipped in result.skipped}
    for name, part in {
        "bad.bvh": "must follow. Received: the end of the file",
        "empty.c3d": "must be a C3D file",
        "no_skeleton.amc": "needs its skeleton",
        "cat.c3d": "its joints fit no known map to h36m17",
        "upside.npz": "up seems to be -z",
        "S5/hole.cdf": "1 of 9 poses lack a joint, the first right_knee in frame 4",
        "none.bvh": "no such file",
        "x.txt": "no such file",
    }.items():
        assert part in reasons.pop(name)
    assert not reasons


def test_one_bad_clip_of_a_file_leaves_the_others(folder):
    poses = mocap_files.walk(20)
    mocap_files.write_videopose3d("v.npz", {"S1": {"A": poses, "B": poses * 1000, "C": poses}})
    result = conversion.convert(["v.npz"], "out.npz")
    assert [clip.clip for clip in result.clips] == ["S1_A", "S1_C"]
    assert result.skipped[0].reason.startswith("S1_B: `poses` must be in millimetres")


def test_nothing_is_written_where_nothing_can_be_read(folder):
    before = sorted(os.listdir())
    result = conversion.convert(["none.bvh"], "out.npz")
    assert result.output is None
    assert result.num_poses == 0
    assert sorted(os.listdir()) == before


def test_a_failure_leaves_the_old_output(folder, monkeypatch):
    (folder / "out.npz").write_bytes(b"old")

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        conversion.convert(["01_01.bvh"], "out.npz")
    assert (folder / "out.npz").read_bytes() == b"old"
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_clips_of_the_same_name_stay_apart(folder):
    os.mkdir("other")
    for _ in range(2):
        write_bvh(folder / "other" / "01_01.bvh", num_frames=30)
    os.rename("other/01_01.bvh", "other/01_01.BVH")
    write_bvh(folder / "other" / "01_01.bvh", num_frames=40)
    result = conversion.convert(["01_01.bvh", "other"], "out.npz")
    assert [clip.clip for clip in result.clips] == ["01_01", "01_01 (2)", "01_01 (3)"]
    assert result.clips[0].notes == ()
    assert "another clip is named 01_01 too" in result.clips[1].notes[0]
    assert len(np.unique(npz.read("out.npz")["clip"])) == 3


def test_a_map_of_the_user(folder):
    labels = [name.upper() for name in H36M.joint_names] + ["TOY"]
    positions = np.concatenate([mocap_files.walk(20), np.zeros([20, 1, 3])], axis=1)
    positions[:, -1] = np.nan
    mocap_files.write_c3d(folder / "a.c3d", positions, labels)
    joints = {name: name.upper() for name in H36M.joint_names}
    joints["thorax"] = ["LEFT_SHOULDER", "RIGHT_SHOULDER"]
    (folder / "map.json").write_text(json.dumps({"target": "h36m17", "joints": joints}))

    result = conversion.convert(["a.c3d"], "out.npz", map="map.json")

    assert not result.skipped
    poses = npz.read("out.npz")["poses"]
    expected = mocap_files.walk(20)[::5]
    expected[:, 8] = expected[:, [11, 14]].mean(axis=1)
    np.testing.assert_allclose(poses, expected, atol=0.01)
    with pytest.raises(ValueError, match="`map` must be for the skeleton 'coco17'.*'h36m17'"):
        conversion.convert(["a.c3d"], "out.npz", map="map.json", skeleton="coco17")


def test_single_clips_as_other_formats(folder):
    for name in ("out.bvh", "out.c3d"):
        conversion.convert(["v.npz"], name)
        (motion,) = readers.read(name)
        assert motion.fps == pytest.approx(50.0)
        order = [motion.joint_names.index(joint) for joint in H36M.joint_names]
        np.testing.assert_allclose(motion.positions[:, order], mocap_files.walk(60), atol=0.1)
    conversion.convert(["v.npz"], "out.csv", fps=10.0)
    with open("out.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 1 + 12
    assert rows[-1][:2] == ["11", "1.1"]


def test_own_joints_are_kept(folder):
    paw = Motion(mocap_files.walk(9)[:, :2], ("paw", "tail"), (-1, 0), fps=50.0, clip="cat")
    c3d.write(folder / "cat.c3d", paw)
    conversion.convert(["cat.c3d"], "out.c3d", skeleton="own")
    (motion,) = readers.read("out.c3d")
    assert motion.joint_names == ("paw", "tail")
    np.testing.assert_allclose(motion.positions, paw.positions, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"output": "out.txt"},
            "`output` must end in .npz, .bvh, .c3d, .csv, .glb, .trc. Received: 'out.txt'",
        ),
        ({"output": "none/out.npz"}, "`output` must be in a folder that exists"),
        ({"output": "ours.npz", "paths": ["ours.npz"]}, "`output` must not be one of the files"),
        ({"fps": 0}, "`fps` must be positive. Received: 0"),
        ({"fps": float("nan")}, "`fps` must be positive. Received: nan"),
        ({"source_fps": -1}, "`source_fps` must be positive"),
        ({"skeleton": "cat"}, "`skeleton` must be one of"),
        ({"skeleton": "own"}, "`skeleton` must be a known one for .npz"),
        ({"unit": "ell"}, "`unit` must be one of"),
        ({"up": "w"}, "`up` must be one of"),
        ({"output": "out.csv"}, "`output` must end in .npz for several clips.*out.csv"),
    ],
)
def test_wrong_arguments_are_named_before_all_else(folder, arguments, message):
    before = sorted(os.listdir())
    defaults = {"paths": ["01_01.bvh", "v.npz", "ours.npz", "S5"], "output": "out.npz"}
    with pytest.raises(ValueError, match=message):
        conversion.convert(**(defaults | arguments))
    assert sorted(os.listdir()) == before


def test_the_credit_is_kept_or_replaced(folder):
    np.savez("b.npz", poses=mocap_files.walk(9), fps=10.0, credit="by Ann")
    conversion.convert(["ours.npz", "b.npz", "v.npz"], "out.npz")
    assert mocap.load_poses("out.npz").credit == "free\nby Ann"
    conversion.convert(["ours.npz"], "out.npz", credit="CC0")
    assert mocap.load_poses("out.npz").credit == "CC0"


def test_a_missing_package_skips_only_its_files(folder, monkeypatch):
    def absent(*_, **__):
        raise ImportError('reading .cdf files needs `pip install "tf-lift[mocap]"`')

    monkeypatch.setattr(readers.h36m_cdf.extras, "require", absent)
    result = conversion.convert(["S5", "v.npz"], "out.npz")
    assert [clip.clip for clip in result.clips] == ["S1_Walking"]
    assert "tf-lift[mocap]" in result.skipped[0].reason


def test_progress_sees_every_file(folder):
    seen = []

    def track(files):
        for file in files:
            seen.append(file.name)
            yield file

    conversion.convert(["01_01.bvh", "none.bvh"], "out.npz", track=track)
    assert seen == ["01_01.bvh", "none.bvh"]


def test_the_cmu_clips_become_the_cmu_poses(shared_path, tmp_path):
    clips = shared_path("data/cmu/clips")
    expected = npz.read(shared_path("data/cmu/cmu_h36m17_train.npz"))

    result = conversion.convert([clips], tmp_path / "out.npz")

    found = npz.read(tmp_path / "out.npz")
    assert not result.skipped
    assert set(found["clip"]) == {"05_02", "09_01", "12_01", "16_35", "27_01", "35_18"}
    for clip in set(found["clip"]):
        ours, theirs = found["clip"] == clip, expected["clip"] == clip
        np.testing.assert_allclose(
            found["poses"][ours], expected["poses"][theirs], atol=0.01, err_msg=clip
        )
        np.testing.assert_array_equal(found["frame"][ours], expected["frame"][theirs])
        np.testing.assert_array_equal(found["fps"][ours], expected["fps"][theirs])
        assert {int(s) for s in found["subject"][ours]} == set(expected["subject"][theirs])
    np.testing.assert_array_equal(found["parents"], expected["parents"])


def test_unit_and_height_are_in_every_report(folder):
    result = conversion.convert(["."], "out.npz")
    units = {clip.clip: clip.unit_mm for clip in result.clips}
    assert units == {
        "01_01": 10.0,
        "02_01": 1000.0,
        "S5_Posing": 1.0,
        "x": 1.0,
        "S1_Walking": 1000.0,
    }
    for clip in result.clips:
        assert clip.height_mm == pytest.approx(1589, abs=2)


@pytest.mark.parametrize("suffix", ["bvh", "c3d", "csv", "trc", "glb"])
def test_one_clip_is_written_for_other_programs(folder, suffix):
    if suffix == "glb":
        pytest.importorskip("pygltflib", reason="needs the extra `gltf`")
    result = conversion.convert(["01_01.bvh"], f"run.{suffix}")
    (clip,) = result.clips
    assert (clip.num_poses, clip.fps) == (60, 50.0)
    assert clip.notes == ()  # Its bones are constant.
    if suffix != "glb":
        (found,) = readers.read(f"run.{suffix}", unit="cm" if suffix == "bvh" else None)
        order = [found.joint_names.index(name) for name in H36M.joint_names]
        np.testing.assert_allclose(found.positions[:, order], mocap_files.walk(60), atol=0.1)


def test_what_constant_bones_change_is_reported(folder):
    stretched = mocap_files.walk(30)
    stretched[::2, 13, 2] -= 60.0
    np.savez("a.npz", poses=stretched, fps=50.0)
    (clip,) = conversion.convert(["a.npz"], "run.bvh").clips
    assert "bones have constant lengths in .bvh: joints move by" in clip.notes[-1]
    assert conversion.convert(["a.npz"], "run.trc").clips[0].notes == ()


def test_own_joints_have_a_height_where_they_are_known(folder):
    (clip,) = conversion.convert(["01_01.bvh"], "run.csv", skeleton="own").clips
    assert clip.height_mm == pytest.approx(1589, abs=2)
    paw = Motion(mocap_files.walk(9)[:, :2], ("paw", "tail"), (-1, 0), fps=50.0)
    c3d.write(folder / "cat.c3d", paw)
    (clip,) = conversion.convert(["cat.c3d"], "cat.csv", skeleton="own").clips
    assert np.isnan(clip.height_mm)
