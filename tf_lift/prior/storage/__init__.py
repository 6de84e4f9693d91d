"""Pose priors in files and texts, and the state of unfinished learning."""
