"""Makes poses of other bodies: bone lengths, stature, widths of hips and shoulders."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.motion.bones import vary_bones
from tf_lift.skeletons import Skeleton

__all__ = ["LEG_PER_STATURE", "BodyVariation", "vary_bodies"]

# Leg length, hip to ankle, over the stature: Drillis and Contini, in Winter, figure 4.1.
LEG_PER_STATURE = 0.491


@dataclasses.dataclass(frozen=True)
class BodyVariation:
    """How far bodies differ from those of the recordings.

    Widths are uniform within a range and replace those of the pose; `None` keeps them.

    Attributes:
        bones: Standard deviation of the logarithm of each bone's length, see `vary_bones`.
            In ANSUR II (Gordon et al. 2014) limb segments vary by 5 to 6 %, stature included.
        stature: The same of the factor of all bones: 4 % in ANSUR II, of men and of women.
        hips: Distance between the hips, (low, high) as fractions of the stature: 0.10
            between the joints, 0.19 between the outlines (Drillis and Contini).
        shoulders: Distance between the shoulders, likewise: 0.22 between CMU's joints, 0.23
            to 0.24 between the ends of the shoulder blades (ANSUR II), 0.15 to 0.19 in Human3.6M.
        forearm: From elbow to wrist, likewise: 0.146 (Drillis and Contini), 0.165 in CMU's
            motion capture, whose wrist is the far end of the wrist.
        own_widths: Share of the poses that keep their hips, shoulders and forearms.

    Raises:
        ValueError: If a deviation is negative, or a range is not of fractions.
    """

    bones: float = 0.07
    stature: float = 0.04
    hips: tuple[float, float] | None = None
    shoulders: tuple[float, float] | None = None
    forearm: tuple[float, float] | None = None
    own_widths: float = 0.5

    def __post_init__(self):
        for name in ("bones", "stature"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"`{name}` must not be negative. Received: {getattr(self, name)}")
        if not 0.0 <= self.own_widths <= 1.0:
            raise ValueError(f"`own_widths` must be from 0 to 1. Received: {self.own_widths}")
        for name in ("hips", "shoulders", "forearm"):
            limits = getattr(self, name)
            if limits is not None and not (len(limits) == 2 and 0.0 < limits[0] <= limits[1] < 1.0):
                raise ValueError(
                    f"`{name}` must be (low, high), fractions of the stature. Received: {limits}"
                )


def vary_bodies(
    poses: NDArray, skeleton: Skeleton, rng: np.random.Generator, variation: BodyVariation
) -> NDArray:
    """Returns the poses with other bodies and unchanged directions of bones.

    Legs move sideways with the hips, arms with the shoulders. The stature is that of the
    given pose by its legs (`LEG_PER_STATURE`).

    Args:
        poses: Array of shape `[N, L, 3]`, mm, any frame.
        skeleton: `Skeleton` of the joints, a tree in which parents come before children,
            with the names of `skeletons.H36M_17`.
        rng: Random generator.
        variation: `BodyVariation`.

    Returns:
        Array of shape `[N, L, 3]`; joint 0 stays where it is.

    Raises:
        ValueError: If `poses` has another shape.

    References:
        docs/prior.md.

    >>> poses = tf_lift.PosePrior.load("cmu").sample(3, seed=0)
    >>> wide = BodyVariation(0.0, 0.0, hips=(0.15, 0.15), own_widths=0.0)
    >>> varied = vary_bodies(poses, tf_lift.skeletons.H36M_17, np.random.default_rng(0), wide)
    >>> hips = np.linalg.norm(varied[:, 1] - varied[:, 4], axis=-1)
    >>> bool((hips > 230).all())
    True
    """
    poses = np.asarray(poses)
    joint = {name: index for index, name in enumerate(skeleton.joint_names)}
    varied = vary_bones(poses, skeleton, rng, variation.bones, variation.stature)
    limits = (variation.hips, variation.shoulders, variation.forearm)
    if all(limit is None for limit in limits):
        return varied
    sides = ("left", "right")
    before = {part: [joint[f"{side}_{part}"] for side in sides] for part in _PARTS}

    def length(first, second):
        return np.linalg.norm(varied[:, first] - varied[:, second], axis=-1)

    leg = sum(
        length(*(joint[f"{side}_{part}"] for part in bone))
        for side in sides
        for bone in (("hip", "knee"), ("knee", "ankle"))
    )
    stature = leg / 2 / LEG_PER_STATURE

    kept = rng.random(len(poses)) < variation.own_widths

    def factor(limit, own):
        drawn = rng.uniform(*limit, len(poses)) * stature / np.maximum(own, 1e-9)
        return np.where(kept, 1.0, drawn)

    for limit, top, *below in (
        (variation.hips, "hip", "knee", "ankle"),
        (variation.shoulders, "shoulder", "elbow", "wrist"),
    ):
        if limit is not None:
            left, right = before[top]
            change = factor(limit, length(left, right)) - 1.0
            shift = change[:, np.newaxis] / 2 * (varied[:, left] - varied[:, right])
            for part in (top, *below):
                varied[:, before[part][0]] += shift
                varied[:, before[part][1]] -= shift
    if variation.forearm is not None:
        elbows, wrists = before["elbow"], before["wrist"]
        own = (length(elbows[0], wrists[0]) + length(elbows[1], wrists[1])) / 2
        change = factor(variation.forearm, own)[:, np.newaxis, np.newaxis] - 1.0
        varied[:, wrists] += change * (varied[:, wrists] - varied[:, elbows])
    return varied


_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
