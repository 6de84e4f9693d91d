"""Harness of all benchmarks: options, timing, records and their comparison."""
