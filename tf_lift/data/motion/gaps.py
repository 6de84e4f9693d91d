"""Clips with positions that were not measured: hidden markers, NaN in arrays."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.motion.clip import Motion

__all__ = ["MotionWithGaps", "affected", "make", "missing_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class MotionWithGaps(Motion):
    """A `Motion` with some positions that were not measured.

    Attributes:
        missing: Bool array of shape `[T, J]`, True where `make` interpolated the position
            because there was no measurement.

    >>> clip = make([[[0.0] * 3], [[np.nan] * 3], [[8.0] * 3]], joint_names=["hip"], fps=10)
    >>> clip.positions[1, 0], clip.missing[:, 0]
    (array([4., 4., 4.]), array([False,  True, False]))
    """

    missing: NDArray[np.bool_] | None = None

    def __post_init__(self):
        super().__post_init__()
        shape = self.positions.shape[:2]
        if self.missing is None or self.missing.shape != shape:
            found = None if self.missing is None else self.missing.shape
            raise ValueError(f"`missing` must have shape {list(shape)}. Received: {found}")


def make(positions, *, joint_names, parents=None, **fields) -> Motion:
    """Makes a clip from positions that hold NaN or infinity where nothing was measured.

    A gap is filled by linear interpolation between the joint's positions before and after
    it. At the ends of the clip the nearest measured position is repeated. A joint that is
    never measured is put at the origin. The attribute `missing` marks all of these.

    Args:
        positions: Array of shape `[T, J, 3]`, mm, world frame, z up.
        joint_names: The `J` names.
        parents: As in `Motion`; all -1 by default.
        **fields: The other fields of `Motion`.

    Returns:
        A `Motion` where nothing is missing, else a `MotionWithGaps`.

    Raises:
        ValueError: As in `Motion`.
    """
    positions = np.array(positions, np.float64)
    fields["joint_names"] = joint_names
    fields["parents"] = (-1,) * len(joint_names) if parents is None else parents
    finite = np.isfinite(positions)
    if positions.ndim != 3 or finite.all():
        return Motion(positions, **fields)
    missing = ~finite.all(axis=2)
    frames = np.arange(len(positions))
    for joint in np.flatnonzero(missing.any(axis=0)):
        gap = missing[:, joint]
        for axis in range(positions.shape[2]):
            values = positions[:, joint, axis]
            values[gap] = np.interp(frames[gap], frames[~gap], values[~gap]) if any(~gap) else 0
    return MotionWithGaps(positions, **fields, missing=missing)


def missing_of(motion: Motion) -> NDArray[np.bool_]:
    """Returns which positions of a clip were not measured, `[T, J]`.

    >>> missing_of(make(np.zeros([2, 1, 3]), joint_names=["hip"], fps=10)).tolist()
    [[False], [False]]
    """
    missing = getattr(motion, "missing", None)
    return np.zeros(motion.positions.shape[:2], bool) if missing is None else missing


def affected(motion: Motion, convert: Callable[[Motion], NDArray]) -> NDArray[np.bool_]:
    """Finds which converted joints depend on positions that were not measured.

    The missing positions are moved and the clip is converted again: each joint that moves
    depends on them. So this works for any conversion, averages and extrapolations included.

    Args:
        motion: The clip.
        convert: Function from a clip to an array of shape `[T, L, 3]`.

    Returns:
        Bool array of shape `[T, L]`.

    >>> clip = make([[[np.nan] * 3, [1.0] * 3]], joint_names=["toe", "hip"], fps=10)
    >>> affected(clip, lambda motion: motion.positions[:, 1:]).tolist()
    [[False]]
    """
    poses = convert(motion)
    missing = missing_of(motion)
    if not missing.any():
        return np.zeros(poses.shape[:2], bool)
    # A random offset for each joint, so that no weighted sum of offsets cancels.
    offsets = np.random.default_rng(0).uniform(500.0, 1000.0, [1, motion.num_joints, 3])
    moved = dataclasses.replace(
        motion, positions=motion.positions + np.where(missing[..., None], offsets, 0.0)
    )
    return (np.abs(convert(moved) - poses) > 1e-6).any(axis=2)
