"""Benchmarks of the lift: speed, exactness and growth."""
