"""Errors of networks and priors on people whose true poses are known.

Public names:

- `StagePoses`: reads the poses off the belief maps of each stage of a network;
- `evaluate_stages`: measures the errors of each stage;
- `pose_error_means`: measures the errors of any poses;
- `lifting_errors`: measures the errors of lifting with a prior.

All modules below are internal.
"""

from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages, pose_error_means
from tf_lift.evaluation.prior_lifting import lifting_errors

__all__ = ["StagePoses", "evaluate_stages", "lifting_errors", "pose_error_means"]
