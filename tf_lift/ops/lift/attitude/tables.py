"""The constants of the lift by a camera of any pitch and roll."""

import dataclasses
from typing import Any

from tf_lift.ops.lift.tables import LiftTables

__all__ = ["AttitudeTables"]


@dataclasses.dataclass(frozen=True, eq=False)
class AttitudeTables:
    """Precomputed constants for candidates at a coarse grid of attitudes.

    The components of the prior have three more bases, small turns of their mean poses about the
    three world axes, which cover the attitudes between those of the grid, see M27.

    Attributes:
        lift: `LiftTables` of that prior, at a free scale, by component, pitch, rotation angle.
        scout: `LiftTables` of one component with the mean and covariance of the whole mixture,
            at the same pitches: it completes missing landmarks for the search.
        turns: `[K, 3, 3 L]`, rad/mm; from a pose less the component's mean, both relative to
            joint 0, world axes as those of `ComponentTables`, coordinate by coordinate, to the
            turns that it contains.
    """

    lift: LiftTables
    scout: LiftTables
    turns: Any

    @property
    def num_joints(self) -> int:
        """Number of landmarks."""
        return self.lift.num_joints

    @property
    def pitches(self) -> tuple[float, ...]:
        """Pitches of the grid, rad."""
        return self.lift.pitches

    @property
    def dtype(self):
        """Floating type of the tables."""
        return self.lift.dtype
