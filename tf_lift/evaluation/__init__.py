"""Errors of networks and priors on people whose true poses are known.

`StagePoses` reads the poses off each stage of a network, `evaluate_stages` measures them and
`pose_error_means` any other poses; `lifting_errors` measures a prior. The modules below are
internal.
"""

from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages, pose_error_means
from tf_lift.evaluation.prior_lifting import lifting_errors

__all__ = ["StagePoses", "evaluate_stages", "lifting_errors", "pose_error_means"]
