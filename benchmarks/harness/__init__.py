"""What all benchmarks share: options, timing, records and their comparison."""
