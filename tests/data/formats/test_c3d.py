"""C3D files: those that ezc3d writes, and damaged ones, which must not crash the process."""

import subprocess
import sys

import mocap_files
import numpy as np
import pytest

from tf_lift.data.formats import c3d
from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion
from tf_lift.io import extras

pytest.importorskip("ezc3d")
POSES = mocap_files.walk(6)
NAMES = mocap_files.NAMES


def test_markers_of_another_program(tmp_path):
    path = mocap_files.write_c3d(tmp_path / "05_02.c3d", POSES, NAMES, rate=120.0)

    motion = c3d.read(path)

    np.testing.assert_allclose(motion.positions, POSES, rtol=1e-6)
    assert motion.joint_names == NAMES
    assert motion.parents == (-1,) * 17
    assert (motion.fps, motion.clip, motion.subject) == (120.0, "05_02", "05")
    assert type(motion) is Motion


@pytest.mark.parametrize(
    ("unit", "length"), [("mm", 1), ("m", 1000), ("CM", 10), ("inches", 25.4), ("", 1)]
)
def test_the_unit_is_that_of_the_file(tmp_path, unit, length):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES / length, NAMES, UNITS=unit)
    np.testing.assert_allclose(c3d.read(path).positions, POSES, rtol=1e-5)


def test_unit_axis_and_rate_can_be_given(tmp_path):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES[..., [1, 2, 0]] / 10, NAMES, rate=0.5)
    motion = c3d.read(path, unit_mm=10.0, up="y", fps=25.0)
    np.testing.assert_allclose(motion.positions, POSES[..., [1, 0, 2]] * [1, -1, 1], rtol=1e-5)
    assert motion.fps == 25.0


@pytest.mark.parametrize(("screen", "axis"), [("+Y", 1), ("Y", 1), ("+Z", 2), ("+X", 0)])
def test_the_screen_parameters_give_the_up_axis(tmp_path, screen, axis):
    turned = np.roll(POSES, axis - 2, axis=2)
    path = mocap_files.write_c3d(tmp_path / "a.c3d", turned, NAMES, Y_SCREEN=screen)
    np.testing.assert_allclose(c3d.read(path).positions[..., 2], POSES[..., 2], rtol=1e-5)


def test_an_unknown_unit_is_an_error(tmp_path):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES, NAMES, UNITS="ells")
    with pytest.raises(ValueError, match=r"a.c3d: POINT:UNITS must be one of mm, .*'ells'"):
        c3d.read(path)
    assert c3d.read(path, unit_mm=1.0).num_joints == 17


def test_markers_that_were_hidden(tmp_path):
    positions = POSES.copy()
    residuals = np.zeros([6, 17])
    residuals[1, 3] = -1.0
    positions[2, 4] = np.nan
    positions[3, 5] = 0.0
    residuals[:, 16] = -1.0
    path = mocap_files.write_c3d(tmp_path / "a.c3d", positions, NAMES, residuals=residuals)

    motion = c3d.read(path)

    assert motion.joint_names == NAMES[:16]
    np.testing.assert_array_equal(np.argwhere(motion.missing), [[1, 3], [2, 4], [3, 5]])
    np.testing.assert_allclose(motion.positions[:, 0], POSES[:, 0], rtol=1e-6)


def test_a_root_that_is_always_the_origin_is_visible(tmp_path):
    poses = POSES - POSES[:, :1]
    path = mocap_files.write_c3d(tmp_path / "a.c3d", poses, NAMES)
    motion = c3d.read(path)
    assert motion.num_joints == 17
    assert not gaps.missing_of(motion).any()


def test_names_without_prefix_where_they_stay_different(tmp_path):
    labels = ["Ann:LASI", "Ann:RASI", "Bob:RASI", "", "HEAD", "HEAD"]
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES[:, :6], labels)
    names = c3d.read(path).joint_names
    assert names == ("LASI", "Ann:RASI", "Bob:RASI", "marker_3", "HEAD_4", "HEAD_5")


def test_more_markers_than_one_parameter_names(tmp_path):
    positions = np.random.default_rng(0).standard_normal([2, 300, 3]) * 1000
    labels = [f"m{index}" for index in range(300)]
    path = tmp_path / "a.c3d"
    c3d.write(path, Motion(positions, labels, (-1,) * 300, fps=100.0))
    assert c3d.read(path).joint_names == tuple(labels)


def test_written_files_are_read_again(tmp_path):
    positions = POSES.copy()
    positions[4, 7] = np.nan
    motion = gaps.make(positions, joint_names=NAMES, fps=59.94, clip="x", subject="")
    path = tmp_path / "x.c3d"

    c3d.write(path, motion)
    again = c3d.read(path)

    np.testing.assert_allclose(again.positions, motion.positions, rtol=1e-6)
    np.testing.assert_array_equal(again.missing, motion.missing)
    assert again.joint_names == motion.joint_names
    assert again.fps == pytest.approx(59.94)
    assert [file.name for file in tmp_path.iterdir()] == ["x.c3d"]


def test_clips_longer_than_the_header_can_count_are_refused(tmp_path):
    # ezc3d writes all frames, and reads the first 65,535 of them.
    path = mocap_files.write_c3d(tmp_path / "a.c3d", np.ones([66000, 1, 3]), ["a"])
    with pytest.raises(ValueError, match="must not have more than 65535 frames.*about 66"):
        c3d.read(path)


def test_clips_too_long_for_the_format_are_refused(tmp_path):
    clip = Motion(np.zeros([65536, 1, 3]), ("a",), (-1,), fps=100.0)
    with pytest.raises(ValueError, match="at most 65535 frames. Received: 65536"):
        c3d.write(tmp_path / "a.c3d", clip)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [0, 1, 2, 100, 600])
def test_truncation_is_an_error(tmp_path, length):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES, NAMES)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a.c3d: (is damaged|must be a C3D)"):
        c3d.read(path)


@pytest.mark.parametrize(("lost", "frames"), [(1, 49), (512, 49), (513, 48), (512 * 49 + 1, 0)])
def test_a_lost_end_is_detected_by_the_count(tmp_path, lost, frames):
    # 32 markers of 16 bytes: a frame is as large as a block.
    positions = np.random.default_rng(0).standard_normal([50, 32, 3])
    path = mocap_files.write_c3d(tmp_path / "a.c3d", positions, [f"m{i}" for i in range(32)])
    content = path.read_bytes()
    end = 512 * (content[16] - 1) + 50 * 512
    assert len(content) >= end
    path.write_bytes(content[: end - lost])
    with pytest.raises(
        ValueError, match=f"header announces 50 frames. Received: {frames} whole|access"
    ):
        c3d.read(path)


def test_damage_that_crashes_ezc3d_does_not_crash_the_process(tmp_path):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES, NAMES)
    content = bytearray(path.read_bytes())
    content[525] = 255  # ezc3d 1.7 follows it out of its memory.
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a.c3d: is damaged or truncated"):
        c3d.read(path)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.abort()", "is damaged or truncated: ezc3d cannot read it"),
        ("while True: pass", "is damaged: ezc3d did not finish reading it"),
        ("import sys; sys.exit('no header')", "is damaged or truncated: no header"),
    ],
)
def test_every_failure_of_ezc3d_is_an_error(tmp_path, monkeypatch, program, message):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES, NAMES)
    worker = tmp_path / "worker.py"
    worker.write_text(program)
    monkeypatch.setattr(c3d, "_WORKER", worker)
    if "while" in program:
        monkeypatch.setattr(c3d, "_TIME_LIMIT", (0.5, 0.0))
    with pytest.raises(ValueError, match=rf"a.c3d: {message}$"):
        c3d.read(path)


def test_other_files_are_errors(tmp_path):
    (tmp_path / "a.c3d").write_text("hello")
    with pytest.raises(ValueError, match=r"a.c3d: must be a C3D file"):
        c3d.read(tmp_path / "a.c3d")
    with pytest.raises(FileNotFoundError):
        c3d.read(tmp_path / "none.c3d")
    hidden = np.full([6, 17], -1.0)
    mocap_files.write_c3d(tmp_path / "b.c3d", POSES, NAMES, residuals=hidden)
    with pytest.raises(ValueError, match=r"b.c3d: must hold markers.*17 that are never visible"):
        c3d.read(tmp_path / "b.c3d")


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    path = mocap_files.write_c3d(tmp_path / "a.c3d", POSES, NAMES)

    def absent(module):
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr(extras.importlib, "import_module", absent)
    monkeypatch.setattr(c3d.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(ImportError, match=r'reading .c3d files needs `pip install "tf-lift\[mocap'):
        c3d.read(path)
    with pytest.raises(ImportError, match=r"writing .c3d files needs `pip"):
        c3d.write(path, Motion(POSES, NAMES, (-1,) * 17, fps=10.0))


def write_segments(path, positions, names):
    """Writes [T, S, 3] as the origins of segments, 4x4 matrices, as Theia3D does."""
    import ezc3d

    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    content["data"]["points"] = np.zeros([4, 0, len(positions)])
    content["data"]["meta_points"] = {
        "residuals": np.zeros([1, 0, len(positions)]),
        "camera_masks": np.zeros([7, 0, len(positions)], bool),
    }
    content.add_parameter("ROTATION", "LABELS", [f"{name}_4X4" for name in names])
    content.add_parameter("ROTATION", "RATE", [100.0])
    matrices = np.zeros([4, 4, len(names), len(positions)])
    matrices[:] = np.eye(4)[:, :, None, None]
    matrices[:3, 3] = positions.transpose(2, 1, 0)
    content["data"]["rotations"] = matrices
    content.write(str(path))
    return path


def test_segments_stand_for_markers_where_there_are_none(tmp_path):
    path = write_segments(tmp_path / "throw.c3d", POSES, NAMES)
    motion = c3d.read(path)
    assert motion.joint_names == NAMES
    assert motion.fps == 100.0
    np.testing.assert_allclose(motion.positions, POSES, rtol=1e-6)


@pytest.mark.parametrize("name", ["a.C3D", "a", "a.trial.c3d"])
def test_the_file_has_the_name_that_was_asked_for(name, tmp_path):
    c3d.write(tmp_path / name, Motion(POSES, NAMES, (-1,) * 17, fps=10.0))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_allclose(c3d.read(tmp_path / name).positions, POSES, rtol=1e-6)


# Loading `tf_lift_command` first keeps TensorFlow from being loaded.
WRITE_WITH_LITTLE_ROOM = """
import resource, sys
import tf_lift_command
import numpy as np
from tf_lift.data.formats import c3d
from tf_lift.data.motion.clip import Motion
clip = Motion(np.random.default_rng(0).normal(0, 500, [500, 3, 3]), "abc", (-1,) * 3, fps=10)
for room in (0, 1000, 12_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        c3d.write(sys.argv[1], clip)
    except OSError as error:
        print(error)
    else:
        print("wrote")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.c3d"
    path.write_text("old")
    ran = subprocess.run(
        [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.count(f"{path}: was not written whole") == 3, ran.stdout
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.c3d"]
