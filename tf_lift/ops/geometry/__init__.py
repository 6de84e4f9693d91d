"""Geometry of views. Public modules: those of `__all__`, with the functions of theirs.

`rotations` builds rotations from the world to the camera; `pinhole` and `distortion` project
through a camera and its lens; `recentring` turns a camera towards a person; `joint_maps` converts
joints between skeletons.
"""

from tf_lift.ops.geometry import distortion, joint_maps, pinhole, recentring, rotations

__all__ = ["distortion", "joint_maps", "pinhole", "recentring", "rotations"]
