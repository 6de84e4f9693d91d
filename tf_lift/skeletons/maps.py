"""Maps between skeletons: matrices, converted points, and reports of missing joints."""

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tf_lift.skeletons.conventions import get
from tf_lift.skeletons.skeleton import Skeleton, weights_of

__all__ = ["Converted", "MapReport", "convert", "joint_map", "report"]


@dataclasses.dataclass(frozen=True)
class MapReport:
    """A summary of the map between two skeletons, by names of joints.

    Attributes:
        source: Name of the skeleton of the given joints.
        target: Name of the wanted skeleton.
        same: Joints of the target that the source has.
        combined: Joints of the target that combine several joints of the source.
        approximate: Joints of the target replaced by joints of the source that are some
            centimetres off (only with `approximate=True`).
        missing: Joints of the target that the source does not have.
        unused: Joints of the source that the target does not need.

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
        report: The `MapReport` of the two skeletons.
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
        source: Skeleton of the given joints, or its name.
        target: Wanted skeleton, or its name.
        approximate: Whether to replace missing joints by corresponding ones that are some
            centimetres off.

    Returns:
        Array of shape `[target.num_joints, source.num_joints]`, float32.

    Raises:
        ValueError: If there is no skeleton with this name.

    >>> joints = tf_lift.skeletons.H36M_17
    >>> weights = joint_map("openpose18", joints)
    >>> [joints.joint_names[j] for j in np.flatnonzero(weights.sum(1) == 0)]
    ['spine', 'thorax', 'neck_nose']
    """
    return _weights(get(source), get(target), approximate)[0].astype(np.float32)


def report(
    source: Skeleton | str, target: Skeleton | str, *, approximate: bool = False
) -> MapReport:
    """Summarises the map between two skeletons, missing joints included.

    Args:
        source: Skeleton of the given joints, or its name.
        target: Wanted skeleton, or its name.
        approximate: As for `joint_map`.

    Raises:
        ValueError: If there is no skeleton with this name.

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

    A target joint is visible if all source joints that it combines are visible.

    Args:
        points: Array of shape `[..., source joints, D]` in any unit and frame: landmarks with
            D = 2 or joints with D = 3. NaN marks an unknown joint.
        source: Skeleton of the points, or its name.
        target: Wanted skeleton, or its name.
        visibility: Array of shape `[..., source joints]`: bool, or weights >= 0 (confidence);
            `None` if all joints that are not NaN are visible. The weight of a target joint is
            the least weight of the source joints that it combines.
        approximate: As for `joint_map`.

    Returns:
        `Converted`: the points, float64 of shape `[..., target joints, D]` with NaN where
        invisible; their visibility `[..., target joints]`; and a `MapReport`. Points and
        visibility are valid arguments of `tf_lift.lift`.

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
    # NaN compares false, so a joint with the weight NaN is invisible too.
    source_visible = (visibility > 0) & np.isfinite(points).all(-1)
    weights, _ = _weights(source, target, approximate)
    uses = weights != 0
    # `all` is True for the empty rows of missing joints, hence `any`.
    target_visible = uses.any(1) & (source_visible[..., np.newaxis, :] | ~uses).all(-1)
    mapped = weights @ np.where(source_visible[..., np.newaxis], points, 0.0)
    if visibility.dtype != bool:
        least = np.where(uses, visibility[..., np.newaxis, :], np.inf).min(-1)
        visibility = np.where(target_visible, least, 0.0)
    else:
        visibility = target_visible
    return Converted(
        np.where(target_visible[..., np.newaxis], mapped, np.nan),
        visibility,
        report(source, target, approximate=approximate),
    )


def _weights(source, target, approximate):
    """Returns the matrix in float64, and a mask of the rows that are approximations."""
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
