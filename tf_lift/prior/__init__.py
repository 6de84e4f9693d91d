"""Pose priors: learnt from motion capture, stored, converted and measured.

Public names:

- `PosePrior`: the prior itself, with `load`, `fit`, `save`, `with_noise`, `sample` and
  `log_likelihood`;
- `select`: chooses the size of a prior by cross-validation over people;
- `convert`: converts a prior to another skeleton;
- `narrow`: the prior with the marks of a convention, such as COCO's hips;
- `build_tables`: the tables of a prior for `tf_lift.ops.lift`.

All modules and folders below are internal.
"""

from tf_lift.prior.conversion import convert
from tf_lift.prior.learning.selection import select
from tf_lift.prior.narrowing import narrow
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.prior.tables import build_tables

__all__ = ["PosePrior", "build_tables", "convert", "narrow", "select"]
