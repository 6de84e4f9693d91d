"""Belief maps from landmarks and landmarks from belief maps, with the paper's gradients."""

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
