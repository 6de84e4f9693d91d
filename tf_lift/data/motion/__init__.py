"""Clips of motion capture: gaps, kinematics, units, axes and checks."""
