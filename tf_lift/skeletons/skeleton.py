"""A skeleton as data: the joints of one convention, and how other conventions give them."""

import dataclasses
from collections.abc import Mapping

__all__ = ["PROPORTIONS", "Combination", "Skeleton", "weights_of"]

# Points with weights that sum to 1; a tuple of points means their mean.
Combination = tuple[str, ...] | Mapping[str, float]

# Lengths between marks that differ between conventions: between the two hips or shoulders; elbow
# to wrist; thorax to neck_nose; neck_nose to head_top.
PROPORTIONS = ("hips", "shoulders", "forearm", "neck", "head")


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Names and relations of the joints of one convention.

    Joints of two conventions are the same point of the body if they have the same name,
    unless `points` maps the name to another point: OpenPose's neck is the middle of the
    shoulders, that of Leeds Sports Pose the top of the neck.

    Attributes:
        name: Name of the convention, as on the command line.
        joint_names: Name of each joint, in order.
        parents: Index of each joint's parent, -1 for a root. These are the bones to draw.
        sources: For each joint, alternatives to derive it from points of other conventions,
            in order of preference. Each is a tuple of points, for their mean, or a dict of
            weights that sum to 1.
        points: For joints whose name is not the point that they mark, this point.
        approximations: As `sources`, for corresponding points that are some centimetres off;
            used only on demand.
        proportions: Where the convention puts its marks: (low, high) over people and
            annotators, as fractions of the stature, for some of `PROPORTIONS`. The lift
            narrows a prior to them (`tf_lift.prior.narrow`).

    Raises:
        ValueError: If names repeat, the parents do not form a forest, weights do not sum to 1,
            or a proportion is unknown or not a fraction.

    >>> joints = tf_lift.skeletons.H36M_17
    >>> joints.num_joints, joints.joint_names[joints.swap[13]]
    (17, 'right_wrist')
    """

    name: str
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    sources: Mapping[str, tuple[Combination, ...]] = dataclasses.field(default_factory=dict)
    points: Mapping[str, str] = dataclasses.field(default_factory=dict)
    approximations: Mapping[str, tuple[Combination, ...]] = dataclasses.field(default_factory=dict)
    proportions: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if len(set(self.joint_names)) != len(self.joint_names):
            raise ValueError(f"`joint_names` must not repeat. Received: {self.joint_names}")
        if len(self.parents) != len(self.joint_names) or not self._is_forest():
            raise ValueError(
                f"`parents` must lead each of the {len(self.joint_names)} joints to a root, -1. "
                f"Received: {self.parents}"
            )
        for field in ("sources", "points", "approximations"):
            unknown = set(getattr(self, field)) - set(self.joint_names)
            if unknown:
                raise ValueError(
                    f"`{field}` must name joints of the skeleton. Received: {sorted(unknown)}"
                )
        for field in ("sources", "approximations"):
            for joint, combinations in getattr(self, field).items():
                for combination in combinations:
                    total = sum(weights_of(combination).values())
                    if abs(total - 1) > 1e-9:
                        raise ValueError(
                            f"`{field}` must have weights that sum to 1. "
                            f"Received: {combination} for {joint!r}, a sum of {total:g}"
                        )

        for name, limits in self.proportions.items():
            if name not in PROPORTIONS:
                raise ValueError(
                    f"`proportions` must be of {', '.join(PROPORTIONS)}. Received: {name!r}"
                )
            if len(limits) != 2 or not 0 < limits[0] <= limits[1] < 1:
                raise ValueError(
                    "`proportions` must be (low, high), fractions of the stature. "
                    f"Received: {limits} for {name!r}"
                )

    @property
    def num_joints(self) -> int:
        """Returns the number of joints."""
        return len(self.joint_names)

    @property
    def swap(self) -> tuple[int, ...]:
        """Returns the index of each joint's mirror image, its own index for central joints."""
        return tuple(self.joint_names.index(_mirrored(name)) for name in self.joint_names)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Returns the pairs (parent, child) of joint indices."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def point_names(self) -> tuple[str, ...]:
        """Returns the point of the body that each joint marks, in order."""
        return tuple(self.points.get(name, name) for name in self.joint_names)

    def _is_forest(self):
        for joint in range(len(self.parents)):
            # A path to the root has at most as many steps as there are joints.
            for _ in self.parents:
                joint = self.parents[joint]
                if not -1 <= joint < len(self.parents):
                    return False
                if joint == -1:
                    break
            else:
                return False
        return True


def weights_of(combination: Combination) -> dict[str, float]:
    """Returns the weight of each point of a combination.

    >>> weights_of(("left_hip", "right_hip"))
    {'left_hip': 0.5, 'right_hip': 0.5}
    """
    if isinstance(combination, Mapping):
        return dict(combination)
    return {name: 1 / len(combination) for name in combination}


def _mirrored(name):
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name
