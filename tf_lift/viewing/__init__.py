"""Figures of photos, landmarks and 3D poses."""

from tf_lift.viewing import figures

__all__ = ["figures"]
