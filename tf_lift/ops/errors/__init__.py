"""Errors of poses, motions and landmarks, and the alignment that some of them start with.

Public: the functions of `__all__`, and `procrustes.align` and `procrustes.fit`.
"""

from tf_lift.ops.errors import procrustes
from tf_lift.ops.errors.landmark_errors import oks, pck
from tf_lift.ops.errors.motion_errors import acceleration_error, mpjve
from tf_lift.ops.errors.pose_errors import (
    landmark_error,
    mpjpe,
    n_mpjpe,
    num_visible,
    pa_mpjpe,
    pck3d,
)

__all__ = [
    "acceleration_error",
    "landmark_error",
    "mpjpe",
    "mpjve",
    "n_mpjpe",
    "num_visible",
    "oks",
    "pa_mpjpe",
    "pck",
    "pck3d",
    "procrustes",
]
