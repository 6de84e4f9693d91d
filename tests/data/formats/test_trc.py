"""TRC files: read in the forms of several programs, and written for OpenSim."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.datasets import conversion
from tf_lift.data.formats import readers, skeleton_maps, trc
from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion

NAMES = ("RHip", "RAnkle", "Head")
HEADER = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
    "OrigNumFrames\n"
    "60\t60\t2\t3\t{unit}\t60\t1\t2\n"
    "Frame#\tTime\tRHip\t\t\tRAnkle\t\t\tHead\t\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3\n"
)
ROWS = "1\t0\t.1\t.9\t0\t.1\t.1\t.2\t0\t1.7\t.1\n2\t.0166667\t.1\t.9\t.1\t.1\t.1\t.3\t0\t1.7\t.2\n"


def write(folder, text, name="01_walk.trc"):
    (folder / name).write_text(text)
    return folder / name


def test_a_file_in_metres_with_y_up(tmp_path):
    clip = trc.read(write(tmp_path, HEADER.format(unit="m") + ROWS))
    assert clip.joint_names == NAMES
    assert clip.parents == (-1, -1, -1)
    assert (clip.fps, clip.clip, clip.subject, clip.unit_mm) == (60.0, "01_walk", "01", 1000.0)
    np.testing.assert_allclose(clip.positions[1, 1], [100, -300, 100])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\t\t\t\n", "\n"),  # No tabs at the end of the names.
        lambda text: text.replace("Z3\n", "Z3\n\n"),  # OpenSim's blank line.
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(".", ",").replace("a,trc", "a.trc"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\t60\t1\t2\n", "\n"),  # Without the original rate.
    ],
)
def test_other_programs_forms(change, tmp_path):
    text = HEADER.format(unit="m") + ROWS
    expected = trc.read(write(tmp_path, text))
    found = trc.read(write(tmp_path, change(text)))
    np.testing.assert_array_equal(found.positions, expected.positions)
    assert found.joint_names == expected.joint_names


def test_units_and_axes(tmp_path):
    text = HEADER.format(unit="m") + ROWS
    expected = trc.read(write(tmp_path, text)).positions
    millimetres = trc.read(write(tmp_path, text.replace("\tm\t", "\tmm\t")), unit_mm=1000.0)
    np.testing.assert_array_equal(millimetres.positions, expected)
    # A file with z up, as other laboratories have it.
    z_up = "1\t0\t.1\t0\t.9\t.1\t-.2\t.1\t0\t-.1\t1.7\n"
    text = HEADER.format(unit="m").replace("60\t60\t2", "60\t60\t1") + z_up
    np.testing.assert_allclose(trc.read(write(tmp_path, text)).positions[0], expected[0])
    assert trc.read(write(tmp_path, text), fps=25.0).fps == 25.0


@pytest.mark.parametrize("empty", ["\t\t", "nan\tnan\tnan", "0\t0\t0", "NaN(ind)\t1\t1"])
def test_missing_markers(empty, tmp_path):
    rows = ROWS.replace("2\t.0166667\t.1\t.9\t.1\t", f"2\t.0166667\t{empty}\t")
    clip = trc.read(write(tmp_path, HEADER.format(unit="m") + rows))
    np.testing.assert_array_equal(gaps.missing_of(clip), [[False] * 3, [True, False, False]])


def test_cells_cut_off_at_the_end_are_missing(tmp_path):
    rows = ROWS.replace("\t0\t1.7\t.2\n", "\n")
    clip = trc.read(write(tmp_path, HEADER.format(unit="m") + rows))
    np.testing.assert_array_equal(gaps.missing_of(clip), [[False] * 3, [False, False, True]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PathFileType", "Nothing", "must be a TRC file, which begins with 'PathFileType'"),
        ("Frame#", "Frame", "has a line 'Frame# Time ...'"),
        ("\tm\t", "\tpx\t", "in pixels: lift them with `tf-lift lift`. Received: Units 'px'"),
        ("\tm\t", "\tfurlong\t", "Units must be mm, cm, m or in.*`--unit`.*'furlong'"),
        ("60\t60\t2", "60\t60\t3", "its header announces 3 frames. Received: 2 from line 6"),
        ("60\t60\t2", "0\t0\t2", None),
        ("\t.1\t.2\t0", "\tx\t.2\t0", "line 6: RAnkle must be a number. Received: 'x'"),
        ("1\t0\t.1\t.9", "1\t0\t.1", "line 6: must have 11 cells.*3 markers. Received: 10"),
        ("RAnkle", "RHip", r"line 4: markers must differ. Received twice: \['RHip'\]"),
        (ROWS, "", "line 5: frames must follow. Received: the end of the file"),
    ],
)
def test_errors_name_the_line(old, new, message, tmp_path):
    text = (HEADER.format(unit="m") + ROWS).replace(old, new)
    if message is None:
        assert trc.read(write(tmp_path, text)).fps == pytest.approx(60.0, rel=1e-4)
        return
    with pytest.raises(ValueError, match=f"01_walk.trc: .*{message}"):
        trc.read(write(tmp_path, text))


def test_a_file_without_any_rate_names_the_way_out(tmp_path):
    text = HEADER.format(unit="m").replace("60\t60\t2", "0\t0\t2") + ROWS.replace(".0166667", "0")
    with pytest.raises(ValueError, match="frames per second .*`--source-fps`"):
        trc.read(write(tmp_path, text))


def test_positions_in_a_plane_are_refused(tmp_path):
    text = HEADER.format(unit="m").replace("Head", "Head\t\t\tLHip").replace("Z3", "Z3\tX4\tY4\tZ4")
    rows = "1\t0" + "\t.1\t.9\t0" * 2 + "\t.3\t1.7\t0" * 2 + "\n"
    with pytest.raises(ValueError, match="must hold positions in 3D. Received: all Z are equal"):
        trc.read(write(tmp_path, text.replace("60\t60\t2", "60\t60\t1") + rows))


def test_a_written_file_reads_the_same(tmp_path):
    h36m = skeletons.H36M_17
    positions = mocap_files.walk(20)
    positions[3, 5] = np.nan
    clip = gaps.make(positions, joint_names=h36m.joint_names, fps=30.0)
    path = tmp_path / "05_run.trc"
    trc.write(path, clip)
    found = trc.read(path)
    assert found.joint_names == h36m.joint_names
    assert found.fps == 30.0
    np.testing.assert_array_equal(gaps.missing_of(found), gaps.missing_of(clip))
    seen = ~gaps.missing_of(clip)
    np.testing.assert_allclose(found.positions[seen], clip.positions[seen], atol=6e-4)
    lines = path.read_text().splitlines()
    assert lines[2].split("\t")[:5] == ["30", "30", "20", "17", "m"]
    assert lines[-1].startswith("20\t0.633333\t")


def test_names_that_blanks_tell_apart_are_refused(tmp_path):
    clip = Motion(np.zeros([1, 2, 3]), ("a b", "a_b"), (-1, -1), fps=1)
    with pytest.raises(ValueError, match=r"must differ without blanks. Received twice: \['a_b'\]"):
        trc.write(tmp_path / "a.trc", clip)


def test_a_real_file_of_pose2sim(shared_path, tmp_path):
    path = shared_path("data/pose2sim/balancing.trc")
    (clip,) = readers.read(path)
    assert (clip.num_frames, clip.num_joints, clip.fps) == (100, 21, 60.0)
    assert skeleton_maps.guess(clip.joint_names).name == "openpose"
    (report,) = conversion.convert([path], tmp_path / "poses.npz").clips
    assert report.unit_mm == 1000.0
    assert 1300 < report.height_mm < 1800
