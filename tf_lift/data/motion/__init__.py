"""Clips of motion capture: gaps, kinematics, units, axes and checks.

Public: `clip.Motion` and `gaps.MotionWithGaps`, the clips that the readers return. The other
modules are internal to `tf_lift`.
"""
