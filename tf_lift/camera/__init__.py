"""Cameras, and the lift of landmarks that a known camera saw."""
