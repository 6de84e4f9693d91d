"""Errors of poses and landmarks, and the alignment that some of them start with.

Public: the functions of `__all__`, and `procrustes.align` and `procrustes.fit`.
"""

from tf_lift.ops.errors import procrustes
from tf_lift.ops.errors.pose_errors import (
    landmark_error,
    mpjpe,
    n_mpjpe,
    num_visible,
    pa_mpjpe,
    pck3d,
)

__all__ = [
    "landmark_error",
    "mpjpe",
    "n_mpjpe",
    "num_visible",
    "pa_mpjpe",
    "pck3d",
    "procrustes",
]
