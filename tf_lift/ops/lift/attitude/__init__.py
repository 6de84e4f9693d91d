"""The lift where the camera's pitch and roll are unknown, or known for each pose."""
