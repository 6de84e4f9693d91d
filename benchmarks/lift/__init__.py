"""Benchmark of the lift: speed, first calls, exactness and growth."""
