"""Pose priors: learn, save, load, convert to another skeleton; the tables of the lift."""

from tf_lift.prior.conversion import convert
from tf_lift.prior.learning.selection import select
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.prior.tables import build_tables

__all__ = ["PosePrior", "build_tables", "convert", "select"]
