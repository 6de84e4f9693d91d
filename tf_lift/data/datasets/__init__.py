"""Datasets: many files of any format as poses of one skeleton, in one file.

Public: `conversion.convert` and its results. `clip_poses` is internal to `tf_lift`.
"""
