"""Writes clips as CSV, one row per frame, for spreadsheets."""

import csv

from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion
from tf_lift.io import atomic

__all__ = ["write"]


def write(path, motion: Motion) -> None:
    """Writes the positions of a clip as CSV (UTF-8, commas, a header of names).

    Columns: `frame` (from 0), `time_s` (seconds), then `JOINT_x_mm`, `JOINT_y_mm` and
    `JOINT_z_mm` of each joint, in the world frame, z up, rounded to 0.001 mm. Cells of
    positions that were not measured (`gaps.MotionWithGaps`) are empty.

    Args:
        path: File to write; it appears whole or not at all.
        motion: The clip.

    >>> import numpy as np, pathlib, tempfile
    >>> clip = Motion(np.ones([2, 1, 3]), ("hip",), (-1,), fps=10.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/clip.csv", clip)
    ...     print(pathlib.Path(f"{folder}/clip.csv").read_text().splitlines()[-1])
    1,0.1,1.000,1.000,1.000
    """
    header = [f"{joint}_{axis}_mm" for joint in motion.joint_names for axis in "xyz"]
    missing = gaps.missing_of(motion).repeat(3, axis=1)
    rows = motion.positions.reshape(motion.num_frames, -1)
    with (
        atomic.replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["frame", "time_s", *header])
        for frame, (row, is_missing) in enumerate(zip(rows, missing, strict=True)):
            # Adding zero turns -0.000 into 0.000.
            cells = [
                "" if empty else f"{round(value, 3) + 0.0:.3f}"
                for value, empty in zip(row, is_missing, strict=True)
            ]
            writer.writerow([frame, f"{frame / motion.fps:.6g}", *cells])
