"""Draws photos, landmarks and 3D poses. `figures` is public, the other modules internal."""

from tf_lift.viewing import figures

__all__ = ["figures"]
