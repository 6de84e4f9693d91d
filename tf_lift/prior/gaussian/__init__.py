"""Gaussian models of poses: PPCA, alignment about the vertical, mixtures. Internal."""
