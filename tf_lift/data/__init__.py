"""Motion capture, synthetic people, datasets and the tf.data pipeline.

Rooms are imported when first used: those that render need NumPy only, and start in
processes of their own without TensorFlow.
"""

import importlib

__all__ = ["datasets", "formats", "motion", "pipeline", "synthetic"]


def __getattr__(name):
    """Imports a room of this package at its first use (PEP 562)."""
    if name in __all__:
        return importlib.import_module(f"tf_lift.data.{name}")
    raise AttributeError(f"module 'tf_lift.data' has no attribute {name!r}")
