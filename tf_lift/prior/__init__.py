"""Pose priors: learn, save, load, choose their size, convert them to another skeleton.

`build_tables` precomputes the tables of a prior for `tf_lift.ops.lift`. The modules and folders
below are internal.
"""

from tf_lift.prior.conversion import convert
from tf_lift.prior.learning.selection import select
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.prior.tables import build_tables

__all__ = ["PosePrior", "build_tables", "convert", "select"]
