"""File formats of motion capture: readers and writers, and maps of their joints."""
