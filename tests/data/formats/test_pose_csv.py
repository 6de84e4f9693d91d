"""Clips as CSV."""

import csv

import mocap_files
import numpy as np

from tf_lift.data.formats import pose_csv
from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion


def read(path):
    with open(path, encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, rows


def test_rows_are_frames(tmp_path):
    poses = mocap_files.walk(4, fps=25.0)
    pose_csv.write(tmp_path / "a.csv", Motion(poses, mocap_files.NAMES, (-1,) * 17, fps=25.0))

    header, rows = read(tmp_path / "a.csv")

    assert header[:5] == ["frame", "time_s", "pelvis_x_mm", "pelvis_y_mm", "pelvis_z_mm"]
    assert header[-1] == "right_wrist_z_mm"
    numbers = np.array(rows, float)
    np.testing.assert_array_equal(numbers[:, 0], [0, 1, 2, 3])
    np.testing.assert_allclose(numbers[:, 1], [0, 0.04, 0.08, 0.12])
    np.testing.assert_allclose(numbers[:, 2:].reshape(4, 17, 3), poses, atol=0.0006)


def test_cells_of_missing_positions_are_empty(tmp_path):
    clip = gaps.make([[[1.0, -0.0001, 3.0], [np.nan] * 3]], joint_names=["a,b", "c"], fps=10.0)
    pose_csv.write(tmp_path / "a.csv", clip)
    header, rows = read(tmp_path / "a.csv")
    assert header[2] == "a,b_x_mm"
    assert rows == [["0", "0", "1.000", "0.000", "3.000", "", "", ""]]
