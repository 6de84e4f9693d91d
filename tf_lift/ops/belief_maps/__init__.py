"""Belief maps from landmarks and landmarks from belief maps, with the paper's gradients.

All functions of `__all__` are public. Letters: H and W are the height and width of a map in
cells, L is the number of landmarks and C the number of channels. Positions are (x, y) in cells:
the cell in row i and column j has its centre at (j, i). `cells_to_pixels` converts them to
positions in the image.

NaN marks the unknown in both directions: a landmark that is not finite has an empty map, and a
channel that holds a NaN has the landmark (NaN, NaN). Neither passes a gradient.
"""

from tf_lift.ops.belief_maps.decode import (
    peak_values,
    refine_peaks,
    soft_argmax,
    to_landmarks,
)
from tf_lift.ops.belief_maps.render import cells_to_pixels, from_landmarks, pixels_to_cells

__all__ = [
    "cells_to_pixels",
    "from_landmarks",
    "peak_values",
    "pixels_to_cells",
    "refine_peaks",
    "soft_argmax",
    "to_landmarks",
]
