"""Pose priors: learn, save, load; the tables of the lift."""

from tf_lift.prior.pose_prior import PosePrior
from tf_lift.prior.tables import build_tables

__all__ = ["PosePrior", "build_tables"]
