"""Benchmarks of accuracy, and of learning a prior."""
