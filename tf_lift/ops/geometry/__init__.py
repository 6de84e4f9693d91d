"""Geometry of views: rotations, pinhole cameras, distortion, recentring, maps of joints."""
