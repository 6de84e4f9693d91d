"""Trained networks in forms that other programs run."""

from tf_lift.export.saved_model import export_saved_model

__all__ = ["export_saved_model"]
