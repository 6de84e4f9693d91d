"""Skeletons as data: joint names, bones, left/right pairs and maps between conventions."""

from tf_lift.skeletons.conventions import (
    CMU_17,
    COCO_17,
    COCO_WHOLEBODY_133,
    H36M_17,
    H36M_32,
    HALPE_26,
    HALPE_136,
    LSP_14,
    MEDIAPIPE_33,
    MPI_INF_3DHP_17,
    MPII_16,
    OPENPOSE_18,
    OPENPOSE_25,
    OPENPOSE_25B,
    POSENET_17,
    SKELETONS,
    get,
)
from tf_lift.skeletons.maps import Converted, MapReport, convert, joint_map, report
from tf_lift.skeletons.skeleton import Skeleton

__all__ = [
    "CMU_17",
    "COCO_17",
    "COCO_WHOLEBODY_133",
    "Converted",
    "H36M_17",
    "H36M_32",
    "HALPE_136",
    "HALPE_26",
    "LSP_14",
    "MEDIAPIPE_33",
    "MPII_16",
    "MPI_INF_3DHP_17",
    "MapReport",
    "OPENPOSE_18",
    "OPENPOSE_25",
    "OPENPOSE_25B",
    "POSENET_17",
    "SKELETONS",
    "Skeleton",
    "convert",
    "get",
    "joint_map",
    "report",
]
