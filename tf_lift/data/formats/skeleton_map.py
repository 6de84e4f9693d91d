"""Weights that combine the joints of a file to the joints of a skeleton."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data.formats import joint_names as naming

__all__ = ["SkeletonMap", "listed"]

# Most joints of a file that an error message lists.
_MOST_LISTED = 80


@dataclasses.dataclass(frozen=True)
class SkeletonMap:
    """Weights that combine the joints of a file to the joints of a skeleton.

    Attributes:
        name: Name of the map in messages.
        target: Name of the skeleton, one of `skeletons.SKELETONS`.
        joints: For each joint of the skeleton, the weights of the file's joints.
        alternatives: For some joints of the skeleton, further weights to use where the file lacks
            a joint of the first, in order of preference.

    Raises:
        ValueError: If a joint of the skeleton is missing, a joint is not in the skeleton, or
            weights are not finite or do not sum to 1.

    >>> tf_lift.data.formats.skeleton_maps.get("cmu_asf").joints["pelvis"]
    {'lhipjoint': 0.5, 'rhipjoint': 0.5}
    """

    name: str
    target: str
    joints: dict[str, dict[str, float]]
    alternatives: dict[str, tuple[dict[str, float], ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        expected = skeletons.get(self.target).joint_names
        for joint in (*self.joints, *self.alternatives):
            if joint not in expected:
                raise ValueError(f"{self.target} has no joint {joint!r}; it has {list(expected)}")
            for weights in self._choices(joint):
                total = sum(weights.values())
                if not abs(total - 1.0) < 1e-6:  # Not `>=`: NaN must not pass.
                    raise ValueError(f"weights of {joint!r} must sum to 1. Received: {total:g}")
        missing = [joint for joint in expected if joint not in self.joints]
        if missing:
            raise ValueError(f"`joints` must have all joints of {self.target}. Missing: {missing}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns the names of the file's joints that the map needs, alternatives left out."""
        return tuple(dict.fromkeys(name for row in self.joints.values() for name in row))

    def for_file(self, joint_names) -> "SkeletonMap":
        """Returns the map with the alternatives that fit a file best.

        Args:
            joint_names: Names of the file's joints.

        Returns:
            The map without alternatives. Of each joint's choices, it has the first whose joints
            the file has; if there is none, the one that lacks fewest.
        """
        index = self._index(joint_names)

        def lacking(weights):
            return sum(index(name) is None for name in weights)

        # `min` returns the first of equals.
        joints = {joint: min(self._choices(joint), key=lacking) for joint in self.joints}
        return SkeletonMap(self.name, self.target, joints)

    def missing(self, joint_names) -> list[str]:
        """Returns the names of joints that the map needs and a file lacks."""
        index = self._index(joint_names)
        return [name for name in self.for_file(joint_names).sources if index(name) is None]

    def matrix(self, joint_names) -> NDArray[np.float64]:
        """Returns the weights as a matrix.

        Args:
            joint_names: Names of the `J` joints of a file.

        Returns:
            Array of shape `[joints of the target, J]`; its rows sum to 1.

        Raises:
            ValueError: If `joint_names` lacks a joint that the map needs.
        """
        index = self._index(joint_names)
        joints = self.for_file(joint_names).joints
        matrix = np.zeros([len(joints), len(joint_names)])
        for row, joint in zip(matrix, skeletons.get(self.target).joint_names, strict=True):
            for source, weight in joints[joint].items():
                column = index(source)
                if column is None:
                    raise ValueError(
                        f"the map {self.name!r} needs {source!r} for {joint!r}. "
                        f"Received: {listed(joint_names)}"
                    )
                row[column] += weight
        return matrix

    def _choices(self, joint):
        return (self.joints[joint], *self.alternatives.get(joint, ()))

    def _index(self, joint_names):
        """Returns a function from a name to the index of the file's joint, or `None`."""
        # The library's own names are common words: in another spelling, they may be other joints.
        exactly = self.name in skeletons.SKELETONS
        index = _index_of(tuple(joint_names))
        return lambda name: index.find(name, exactly)


@functools.lru_cache(maxsize=16)
def _index_of(joint_names):
    return naming.NameIndex(joint_names)


def listed(joint_names) -> str:
    """Returns the names of a file's joints for a message, the first of very many."""
    names = list(joint_names)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
