"""How a lift reads out its candidates: options, checked once."""

import dataclasses

from tf_lift.ops.lift import rotation_search

__all__ = ["LiftOptions"]


@dataclasses.dataclass(frozen=True)
class LiftOptions:
    """Static options of `lifting.lift`, described there.

    `masks` is whether all weights are 0 or 1, `compiled` whether XLA compiles the lift.

    Raises:
        ValueError: If an option is none of its values.

    >>> LiftOptions("mean").uses_all_candidates
    True
    """

    selection: str = "posterior"
    temperature: float = 3.0
    refine: bool = False
    num_hypotheses: int | None = None
    adds_residuals: bool = False
    parents: tuple[int, ...] | None = None
    masks: bool = False
    compiled: bool = False

    def __post_init__(self):
        if self.selection not in rotation_search.SELECTIONS:
            raise ValueError(
                f"`selection` must be one of {rotation_search.SELECTIONS}. "
                f"Received: {self.selection!r}"
            )
        if not self.temperature > 0:
            raise ValueError(f"`temperature` must be positive. Received: {self.temperature!r}")
        if self.refine and self.selection == "mean":
            raise ValueError(
                '`refine` must be False with selection="mean", which is over all rotations. '
                "Received: True"
            )
        if self.num_hypotheses is not None and self.num_hypotheses < 1:
            raise ValueError(
                "`num_hypotheses` must be a positive integer or None. "
                f"Received: {self.num_hypotheses!r}"
            )

    @property
    def uses_all_candidates(self) -> bool:
        """Whether the result needs more than the few best candidates."""
        return self.selection == "mean" or self.num_hypotheses is not None

    @property
    def is_plain(self) -> bool:
        """Whether the result is the pose of the best candidate as the prior has it."""
        return not (self.uses_all_candidates or self.refine or self.adds_residuals)
