"""Errors of networks on people whose truth is known, beside what they must beat."""

from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages, pose_error_means
from tf_lift.evaluation.prior_lifting import lifting_errors

__all__ = ["StagePoses", "evaluate_stages", "lifting_errors", "pose_error_means"]
