"""Datasets: many files of any format as poses of one skeleton, in one file."""
