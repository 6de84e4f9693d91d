"""One clip of motion capture, the common form of all readers and writers."""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["Motion", "labels_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """One clip with the joints of its file, in mm, z up.

    Attributes:
        positions: Array of shape `[T, J, 3]`, float64, mm, world frame, z up.
        joint_names: The file's name of each joint, `J` different names.
        parents: Index of each joint's parent, -1 for a root; all -1 for markers.
        fps: Frames per second.
        clip: Label of the clip; readers use the file's name without its extension.
        subject: Label of the person, empty if unknown.
        unit_mm: Length in mm of the unit in which the file was read; `None` if it has no file.
        notes: Remarks of the reader for the user, one sentence each.

    Raises:
        ValueError: If the shapes do not fit, a position is not finite, a name occurs twice,
            a parent is not a joint, the parents form a circle, or `fps` is not positive.

    >>> motion = Motion(np.zeros([5, 2, 3]), ("hip", "knee"), (-1, 0), fps=10.0, clip="05_02")
    >>> motion.num_frames, motion.num_joints, motion.duration
    (5, 2, 0.5)
    """

    positions: NDArray[np.float64]
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    fps: float
    clip: str = ""
    subject: str = ""
    unit_mm: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for name, value in (
            ("positions", np.asarray(self.positions, np.float64)),
            ("joint_names", tuple(str(name) for name in self.joint_names)),
            ("parents", tuple(int(parent) for parent in self.parents)),
            ("fps", float(self.fps)),
        ):
            object.__setattr__(self, name, value)
        self._check_names()
        self._check_positions()
        self._check_parents()
        if not (np.isfinite(self.fps) and self.fps > 0.0):
            raise ValueError(f"`fps` must be positive. Received: {self.fps:g}")

    @property
    def num_frames(self) -> int:
        """Returns the number of frames."""
        return len(self.positions)

    @property
    def num_joints(self) -> int:
        """Returns the number of joints or markers."""
        return len(self.joint_names)

    @property
    def duration(self) -> float:
        """Returns the length of the clip in seconds, the last frame's duration included."""
        return self.num_frames / self.fps

    def _check_names(self):
        repeated = sorted({n for n in self.joint_names if self.joint_names.count(n) > 1})
        if repeated:
            raise ValueError(f"`joint_names` must be different. Received twice: {repeated}")

    def _check_positions(self):
        shape = self.positions.shape
        if len(shape) != 3 or shape[0] == 0 or shape[1:] != (self.num_joints, 3):
            raise ValueError(
                f"`positions` must have shape [T, {self.num_joints}, 3] with T > 0, one of the "
                f"{self.num_joints} joint names each. Received: positions.shape={shape}"
            )
        bad = ~np.isfinite(self.positions).all(axis=2)
        if bad.any():
            frame, joint = (int(index) for index in np.argwhere(bad)[0])
            raise ValueError(
                f"`positions` must be finite. Received: NaN or infinity in {bad.sum()} of "
                f"{bad.size} positions, the first in frame {frame}, joint "
                f"{self.joint_names[joint]!r}"
            )

    def _check_parents(self):
        count = self.num_joints
        if len(self.parents) != count:
            raise ValueError(
                f"`parents` must have one entry for each of the {count} joints. "
                f"Received: {len(self.parents)}"
            )
        outside = [parent for parent in self.parents if not -1 <= parent < count]
        if outside:
            raise ValueError(
                f"`parents` must be joint indices below {count}, or -1. Received: {outside}"
            )
        for joint in range(count):
            steps, ancestor = 0, joint
            while ancestor >= 0 and steps <= count:
                steps, ancestor = steps + 1, self.parents[ancestor]
            if ancestor >= 0:
                raise ValueError(
                    "`parents` must lead to a root (-1). Received: a circle through "
                    f"{self.joint_names[joint]!r}"
                )


def labels_of(path) -> tuple[str, str]:
    """Returns the labels of clip and subject that a file's name implies.

    Args:
        path: The file.

    Returns:
        The name without its extension, and its part before the first "_" (empty if it has
        no "_").

    >>> labels_of("clips/05_02.bvh"), labels_of("walk.bvh")
    (('05_02', '05'), ('walk', ''))
    """
    clip = pathlib.Path(path).stem
    subject, separator, _ = clip.partition("_")
    return clip, subject if separator else ""
