"""Readers, synthetic people, augmentation, targets and the tf.data pipeline.

Modules are imported when first used: those that render need NumPy only, and start in
processes of their own without TensorFlow.
"""

import importlib

__all__ = [
    "asf_amc",
    "augmentation",
    "bodies",
    "bvh",
    "cameras",
    "examples",
    "forward_kinematics",
    "lofts",
    "mocap",
    "motion",
    "painting",
    "pool",
    "rendering",
    "scenery",
    "synthetic",
    "targets",
    "wardrobe",
]


def __getattr__(name):
    """Imports a module of this package at its first use (PEP 562)."""
    if name in __all__:
        return importlib.import_module(f"tf_lift.data.{name}")
    raise AttributeError(f"module 'tf_lift.data' has no attribute {name!r}")
