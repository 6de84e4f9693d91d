"""Errors of networks and priors on people whose true poses are known.

Public names:

- `StagePoses`: reads the poses off the belief maps of each stage of a network;
- `evaluate_stages`: measures the errors of each stage;
- `pose_error_means`: measures the errors of any poses;
- `lifting_errors`: measures the errors of lifting with a prior;
- `score`, `score_files`, `PROTOCOLS`: score any poses against true ones, as published evaluations
  do (docs/evaluation.md).

All modules below are internal.
"""

from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages, pose_error_means
from tf_lift.evaluation.pose_scores import score, score_files
from tf_lift.evaluation.pose_sets import PoseSet
from tf_lift.evaluation.prior_lifting import lifting_errors
from tf_lift.evaluation.protocols import PROTOCOLS, Protocol

__all__ = [
    "PROTOCOLS",
    "PoseSet",
    "Protocol",
    "StagePoses",
    "evaluate_stages",
    "lifting_errors",
    "pose_error_means",
    "score",
    "score_files",
]
