"""Narrows a prior to the marks of a convention."""

import weakref

import numpy as np

from tf_lift import skeletons
from tf_lift.data.motion.bodies import LEG_PER_STATURE
from tf_lift.prior import bone_lengths
from tf_lift.prior.pose_prior import PosePrior

__all__ = ["marks_map", "narrow", "typical_proportions"]

# The joints that each proportion is a length between, and how the joints move when it changes:
# both about their middle, or the others away from the first.
_WIDTHS = {
    "hips": ("left_hip", "right_hip"),
    "shoulders": ("left_shoulder", "right_shoulder"),
}
_LENGTHS = {
    "forearm": (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
    "neck": (("thorax", "neck_nose", "head_top"),),
    "head": (("neck_nose", "head_top"),),
}


def narrow(prior: PosePrior, skeleton: skeletons.Skeleton | str) -> PosePrior:
    """Returns the prior with the marks of a convention: same poses, other points of the body.

    Conventions mark different points under one name. The hips of Human3.6M are half as far
    apart again as those of motion capture, the shoulders a fifth less. Where the skeleton
    has `proportions`, the prior's joints move to them: each joint becomes a fixed
    combination T of joints, hips away from their middle, for example. A pose x ~ N(m, S) then
    has T x ~ N(T m, T S T'), so that the narrowed prior is exact.

    The factors are those from the prior's own proportions (`typical_proportions`) to the
    middle of the convention's, so that narrowing a second time changes less than 0.1 mm. The
    noise stays.

    The same skeleton returns the same object for as long as it is referenced, so that all
    lifts with it share its tables.

    Args:
        prior: `PosePrior`.
        skeleton: Skeleton of the landmarks, or its name.

    Returns:
        `PosePrior` of the same joints in the same order. Its `skeleton` is the given one if
        that has the same joints, such as `h36m17` and `cmu17`, else that of `prior`. The
        prior itself if the skeleton has no `proportions`.

    Raises:
        ValueError: If there is no skeleton with this name.

    References:
        docs/prior.md; docs/method.md, M19b.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> narrowed = narrow(prior, "h36m17")
    >>> [round(typical_proportions(one)["hips"], 2) for one in (prior, narrowed)]
    [0.1, 0.15]
    """
    skeleton = skeletons.get(skeleton)
    if not skeleton.proportions or skeleton.name == prior.skeleton:
        return prior
    by_skeleton = _NARROWED.setdefault(prior, weakref.WeakValueDictionary())
    narrowed = by_skeleton.get(skeleton.name)
    if narrowed is None:
        narrowed = _narrow(prior, skeleton)
        by_skeleton[skeleton.name] = narrowed
    return narrowed


# Results of `narrow` by prior and name of the skeleton, for as long as both are referenced.
_NARROWED: weakref.WeakKeyDictionary[PosePrior, weakref.WeakValueDictionary[str, PosePrior]] = (
    weakref.WeakKeyDictionary()
)


def _narrow(prior, skeleton):
    own = skeletons.get(prior.skeleton)
    typical = typical_proportions(prior)
    factors = {
        name: (low + high) / 2 / typical[name]
        for name, (low, high) in skeleton.proportions.items()
        if name in typical
    }
    weights = marks_map(own, factors)
    weights = weights - weights[:1]
    loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    loadings = np.einsum("ij,kbjc->kbic", weights, loadings)
    flat = loadings.reshape(*prior.stddev.shape, -1)
    _, stddev, basis = np.linalg.svd(flat, full_matrices=False)
    same = skeleton.joint_names == own.joint_names
    return PosePrior(
        mean_pose=np.einsum("ij,kjc->kic", weights, prior.mean_pose),
        basis=basis.reshape(loadings.shape),
        stddev=np.maximum(stddev, 1e-9),
        noise_stddev=prior.noise_stddev,
        mixture_weights=prior.mixture_weights,
        skeleton=skeleton.name if same else prior.skeleton,
        credit=prior.credit,
    )


def marks_map(skeleton: skeletons.Skeleton, factors) -> np.ndarray:
    """Returns the matrix that moves joints to marks of other proportions.

    Args:
        skeleton: Skeleton of the joints.
        factors: Dict of a factor for each proportion: "hips", "shoulders" (distance
            between left and right), "forearm", "neck" (thorax to neck_nose, and the head with
            it), "head" (neck_nose to head_top).

    Returns:
        `[L, L]`, float64; rows sum to 1.

    >>> weights = marks_map(tf_lift.skeletons.H36M_17, {"hips": 1.5})
    >>> weights[1, [1, 4]]  # The right hip, of right and left hip.
    array([ 1.25, -0.25])
    """
    joint = {name: index for index, name in enumerate(skeleton.joint_names)}
    weights = np.eye(skeleton.num_joints)
    for name, factor in factors.items():
        step = np.eye(skeleton.num_joints)
        if name in _WIDTHS:
            left, right = (joint[end] for end in _WIDTHS[name])
            step[np.ix_([left, right], [left, right])] = [
                [(1 + factor) / 2, (1 - factor) / 2],
                [(1 - factor) / 2, (1 + factor) / 2],
            ]
        else:
            for first, second, *further in _LENGTHS[name]:
                for moved in (second, *further):
                    step[joint[moved], joint[second]] += factor - 1
                    step[joint[moved], joint[first]] -= factor - 1
        weights = step @ weights
    return weights


def typical_proportions(prior: PosePrior) -> dict[str, float]:
    """Returns the proportions of a prior's typical person, as fractions of the stature.

    Root mean squares under the prior; the stature is the length of the legs, hips to
    ankles, over 0.491 (Drillis and Contini).

    Args:
        prior: `PosePrior` with the joints of `skeletons.H36M_17`, or some of them.

    Returns:
        Dict of the proportions that its joints have, see `marks_map`; empty without legs.

    >>> sorted(typical_proportions(tf_lift.PosePrior.load("cmu")))
    ['forearm', 'head', 'hips', 'neck', 'shoulders']
    """
    names = skeletons.get(prior.skeleton).joint_names
    legs = [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in _LEG]
    if not {end for pair in legs for end in pair} <= set(names):
        return {}
    stature = sum(_length(prior, names, pair) for pair in legs) / 2 / LEG_PER_STATURE
    pairs: dict[str, tuple] = {name: (pair,) for name, pair in _WIDTHS.items()}
    pairs |= {name: tuple(chain[:2] for chain in chains) for name, chains in _LENGTHS.items()}
    return {
        name: float(np.mean([_length(prior, names, pair) for pair in ends]) / stature)
        for name, ends in pairs.items()
        if {end for pair in ends for end in pair} <= set(names)
    }


_LEG = (("hip", "knee"), ("knee", "ankle"))


def _length(prior, names, pair):
    first, second = (names.index(name) for name in pair)
    return bone_lengths.typical_distance(prior, first, second)
