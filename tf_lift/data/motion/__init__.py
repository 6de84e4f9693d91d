"""Clips of motion capture: gaps, kinematics, units, axes and checks.

Public modules: `clip` (`Motion`) and `gaps` (`MotionWithGaps`), the clips that readers return.
The other modules are internal to `tf_lift`.
"""

from tf_lift.io import lazy

__all__ = ["clip", "gaps"]

__getattr__, __dir__ = lazy.attach(__name__, modules=__all__)
