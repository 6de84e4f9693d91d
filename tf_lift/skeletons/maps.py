"""Maps between skeletons: matrices, converted points, and what is missing."""

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tf_lift.skeletons.conventions import get
from tf_lift.skeletons.skeleton import Skeleton, weights_of

__all__ = ["Converted", "MapReport", "convert", "joint_map", "report"]


@dataclasses.dataclass(frozen=True)
class MapReport:
    """What a map between two skeletons does, by names of joints.

    Attributes:
        source: Name of the skeleton of the joints at hand.
        target: Name of the skeleton that is wanted.
        same: Joints of the target that the source has.
        combined: Joints of the target that are made of several joints of the source.
        approximate: Joints of the target for which the source has one that is some
            centimetres off (with `approximate=True` alone).
        missing: Joints of the target that the source does not have.
        unused: Joints of the source that play no part in the target.

    >>> print(report("coco17", "h36m17"))
    coco17 has 14 of the 17 joints of h36m17; missing: spine, thorax, neck_nose
    """

    source: str
    target: str
    same: tuple[str, ...]
    combined: tuple[str, ...]
    approximate: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self):
        found = len(self.same) + len(self.combined) + len(self.approximate)
        parts = [f"{self.source} has {found} of the {found + len(self.missing)} joints of"]
        parts[0] += f" {self.target}"
        for label, names in (("approximate", self.approximate), ("missing", self.missing)):
            if names:
                parts.append(f"{label}: {', '.join(names)}")
        return "; ".join(parts)


class Converted(NamedTuple):
    """Points of another skeleton.

    Attributes:
        points: `[..., target joints, D]`, NaN where a joint is missing or not visible.
        visibility: `[..., target joints]`, bool, or weights where weights were given.
        report: Which joints the source has at all.
    """

    points: NDArray[np.floating]
    visibility: NDArray
    report: MapReport


def joint_map(
    source: Skeleton | str, target: Skeleton | str, *, approximate: bool = False
) -> NDArray[np.float32]:
    """Returns the matrix that maps joints of one skeleton to those of another.

    Each row holds weights of source joints that sum to 1 (some may be negative); a row of
    zeros marks a target joint that the source does not have.

    Args:
        source: Skeleton of the joints at hand, or its name.
        target: Skeleton of the joints that are wanted, or its name.
        approximate: Whether joints that play the same part a few centimetres away stand in.

    Returns:
        Array of shape `[target.num_joints, source.num_joints]`, float32.

    Raises:
        ValueError: If there is no skeleton of such a name.

    >>> joints = tf_lift.skeletons.H36M_17
    >>> weights = joint_map("openpose18", joints)
    >>> [joints.joint_names[j] for j in np.flatnonzero(weights.sum(1) == 0)]
    ['spine', 'thorax', 'neck_nose']
    """
    return _weights(get(source), get(target), approximate)[0].astype(np.float32)


def report(
    source: Skeleton | str, target: Skeleton | str, *, approximate: bool = False
) -> MapReport:
    """Returns what the map between two skeletons does, and what is missing.

    Args:
        source: Skeleton of the joints at hand, or its name.
        target: Skeleton of the joints that are wanted, or its name.
        approximate: As for `joint_map`.

    Raises:
        ValueError: If there is no skeleton of such a name.

    >>> report("mpii16", "h36m17").missing
    ('spine', 'thorax', 'neck_nose')
    >>> report("mpii16", "h36m17", approximate=True).approximate
    ('thorax',)
    """
    source, target = get(source), get(target)
    weights, is_approximate = _weights(source, target, approximate)
    count = (weights != 0).sum(1)
    kinds = np.select([count == 0, is_approximate, count > 1], [0, 1, 2], 3)

    def names(kind):
        return tuple(np.array(target.joint_names)[kinds == kind].tolist())

    return MapReport(
        source=source.name,
        target=target.name,
        same=names(3),
        combined=names(2),
        approximate=names(1),
        missing=names(0),
        unused=tuple(np.array(source.joint_names)[~weights.any(0)].tolist()),
    )


def convert(
    points,
    source: Skeleton | str,
    target: Skeleton | str,
    visibility=None,
    *,
    approximate: bool = False,
) -> Converted:
    """Converts landmarks or 3D joints of one skeleton to another.

    A joint of the target is visible where every joint that it is made of is.

    Args:
        points: Array of shape `[..., source joints, D]` in any unit and frame: landmarks of
            D = 2 or joints of D = 3. NaN marks a joint that is not known.
        source: Skeleton of the points, or its name.
        target: Skeleton that is wanted, or its name.
        visibility: Array of shape `[..., source joints]`: bool, or weights >= 0 (confidence);
            `None` for all that are not NaN. Weights become the least of those that a joint
            is made of.
        approximate: As for `joint_map`.

    Returns:
        `(points, visibility, report)`: float64 of shape `[..., target joints, D]` with NaN
        where invisible, their visibility `[..., target joints]`, and a `MapReport`.
        `tf_lift.lift(points, prior, visibility)` takes them as they are.

    Raises:
        ValueError: If a shape does not fit, or a weight is negative.

    >>> landmarks = np.random.default_rng(0).normal(size=[5, 17, 2])
    >>> converted = convert(landmarks, "coco17", "h36m17")
    >>> converted.points.shape, converted.visibility.sum(1).tolist()
    ((5, 17, 2), [14, 14, 14, 14, 14])
    """
    source, target = get(source), get(target)
    points = np.asarray(points, np.float64)
    if points.ndim < 2 or points.shape[-2] != source.num_joints:
        raise ValueError(
            f"`points` must have shape [..., {source.num_joints}, D] for {source.name}. "
            f"Received: points.shape={points.shape}"
        )
    visibility = np.ones(points.shape[:-1], bool) if visibility is None else np.asarray(visibility)
    if visibility.shape != points.shape[:-1]:
        raise ValueError(
            f"`visibility` must have shape {list(points.shape[:-1])}. "
            f"Received: visibility.shape={visibility.shape}"
        )
    if np.any(visibility < 0):
        raise ValueError(
            f"`visibility` must be bool or weights of at least 0. Received: {visibility.min():g}"
        )
    # NaN compares false, so a weight of NaN is not visible either.
    seen = (visibility > 0) & np.isfinite(points).all(-1)
    weights, _ = _weights(source, target, approximate)
    uses = weights != 0
    # Rows of joints that are not there use no joint, of which "all" would be seen.
    visible = uses.any(1) & (seen[..., np.newaxis, :] | ~uses).all(-1)
    mapped = weights @ np.where(seen[..., np.newaxis], points, 0.0)
    if visibility.dtype != bool:
        least = np.where(uses, visibility[..., np.newaxis, :], np.inf).min(-1)
        visibility = np.where(visible, least, 0.0)
    else:
        visibility = visible
    return Converted(
        np.where(visible[..., np.newaxis], mapped, np.nan),
        visibility,
        report(source, target, approximate=approximate),
    )


def _weights(source, target, approximate):
    """Returns the matrix in float64, and which of its rows are approximations."""
    column = {point: index for index, point in enumerate(source.point_names)}
    weights = np.zeros([target.num_joints, source.num_joints])
    is_approximate = np.zeros(target.num_joints, bool)
    for row, (joint, point) in enumerate(zip(target.joint_names, target.point_names, strict=True)):
        combinations = [((point,), False)]
        combinations += [(parts, False) for parts in target.sources.get(joint, ())]
        if approximate:
            combinations += [(parts, True) for parts in target.approximations.get(joint, ())]
        for combination, is_approximate[row] in combinations:
            parts = weights_of(combination)
            if parts.keys() <= column.keys():
                weights[row, [column[part] for part in parts]] = list(parts.values())
                break
        else:
            is_approximate[row] = False
    return weights, is_approximate
