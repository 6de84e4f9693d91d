"""Pure tensor functions: all mathematics, every custom gradient."""
