"""3D human pose from images or 2D landmarks: belief maps fused with a 3D pose prior."""

__version__ = "0.1.0"
