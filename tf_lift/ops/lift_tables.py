"""The constants of the lift: all that depends on the mixture component and rotation only."""

import dataclasses
from typing import Any

__all__ = ["LiftTables"]


@dataclasses.dataclass(frozen=True, eq=False)
class LiftTables:
    """Precomputed constants for every candidate: a component seen at a rotation.

    Candidates are ordered by component, then pitch, then rotation angle: M = K * number
    of pitches * number of rotation angles. Tensors share one floating type.

    Attributes:
        quadratic: `[L (2L + 1), M]`; `quadratic_features(y) @ quadratic` is y'My of each
            candidate, M the inverse covariance of its landmarks times noise^2.
        linear: `[2L, M]`; `y @ linear` is p'My, p the projected mean pose.
        constant: `[M]`; p'Mp, mm^2.
        directions: `[M, L, 3, J + 1]`; R [W, mu] in the camera frame, mm.
        regression: `[M, J, 2L]`, see `ppca.PPCAFit`.
        variance: `[M, L]`, see `ppca.PPCAFit`.
        noise_stddev: `[M]`, mm.
        mixture_cost: `[M]`; -2 log of the mixture weight.
        normaliser: `[M]`; log-determinant plus `mixture_cost`, all landmarks visible.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        pitches: Camera pitches, rad.
        free_scale: Whether scale and position are free (weak perspective) or given.
    """

    quadratic: Any
    linear: Any
    constant: Any
    directions: Any
    regression: Any
    variance: Any
    noise_stddev: Any
    mixture_cost: Any
    normaliser: Any
    num_rotations: int
    pitches: tuple[float, ...]
    free_scale: bool

    @property
    def num_joints(self) -> int:
        """Number of landmarks."""
        return self.directions.shape[1]

    @property
    def dtype(self):
        """Floating type of the tables."""
        return self.directions.dtype
