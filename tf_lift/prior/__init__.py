"""Pose priors: learn, save, load; the tables of the lift."""

from tf_lift.prior.pose_prior import PosePrior

__all__ = ["PosePrior"]
