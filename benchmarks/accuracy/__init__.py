"""Benchmarks of accuracy, and of what a prior is learnt from."""
