"""Errors of poses and landmarks, and the alignment that some of them start with."""
