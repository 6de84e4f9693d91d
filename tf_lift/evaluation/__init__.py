"""Errors of networks on people whose truth is known, beside what they must beat."""

from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages, pose_error_means

__all__ = ["StagePoses", "evaluate_stages", "pose_error_means"]
