"""Readers, synthetic people, augmentation, targets and the tf.data pipeline.

Modules are imported when first used: those that render need NumPy only, and start in
processes of their own without TensorFlow.
"""

import importlib

__all__ = [
    "array_pickle",
    "asf_amc",
    "atomic",
    "augmentation",
    "bodies",
    "bvh",
    "c3d",
    "cameras",
    "clip_poses",
    "conversion",
    "examples",
    "extras",
    "forward_kinematics",
    "frames",
    "gaps",
    "h36m_cdf",
    "lofts",
    "mocap",
    "motion",
    "npz",
    "painting",
    "pool",
    "pose_checks",
    "pose_csv",
    "readers",
    "rendering",
    "scenery",
    "skeleton_maps",
    "synthetic",
    "targets",
    "videopose3d",
    "wardrobe",
]


def __getattr__(name):
    """Imports a module of this package at its first use (PEP 562)."""
    if name in __all__:
        return importlib.import_module(f"tf_lift.data.{name}")
    raise AttributeError(f"module 'tf_lift.data' has no attribute {name!r}")
