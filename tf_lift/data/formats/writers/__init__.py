"""Writes poses as files of motion capture: .bvh, .c3d, .csv, .glb or .trc, by the name's ending.

Public: `write` (one person's poses), `write_motion` (a clip of any joints), `write_poses` (the
people of a lift, a file each), and `SUFFIXES`.
"""

from tf_lift.data.formats.writers.by_suffix import SUFFIXES, write, write_motion
from tf_lift.data.formats.writers.people import write_poses

__all__ = ["SUFFIXES", "write", "write_motion", "write_poses"]
