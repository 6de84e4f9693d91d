"""Makes poses that nobody took in the recordings: limbs and trunks of different poses."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.skeletons import Skeleton

__all__ = ["MAX_OFFSET_MM", "MIN_GAP_MM", "draw", "is_plausible", "recombine"]

# Joints of each part that another pose may give, from the trunk outwards; `frame` is the part of
# the trunk that they turn with.
_TRUNK = ("spine", "thorax", "neck_nose", "head_top", "left_shoulder", "right_shoulder")
_PARTS = {
    "trunk": ("pelvis", _TRUNK),
    "left_leg": ("pelvis", ("left_knee", "left_ankle")),
    "right_leg": ("pelvis", ("right_knee", "right_ankle")),
    "left_arm": ("thorax", ("left_elbow", "left_wrist")),
    "right_arm": ("thorax", ("right_elbow", "right_wrist")),
}
# Mass of each segment over that of the body, at the given fraction of its length from its first
# joint: Winter. Biomechanics and Motor Control of Human Movement, table 4.1 (head and trunk;
# upper arm; forearm and hand; thigh; shank and foot).
_MASSES = (
    ("pelvis", "thorax", 0.578, 0.66),
    *((f"{side}_shoulder", f"{side}_elbow", 0.028, 0.436) for side in ("left", "right")),
    *((f"{side}_elbow", f"{side}_wrist", 0.022, 0.682) for side in ("left", "right")),
    *((f"{side}_hip", f"{side}_knee", 0.100, 0.433) for side in ("left", "right")),
    *((f"{side}_knee", f"{side}_ankle", 0.061, 0.606) for side in ("left", "right")),
)
# A joint less than this above the lowest one supports the body, mm.
_SUPPORT_MM = 120.0
# Largest horizontal distance from the centre of mass to the lines between the supporting
# joints, mm: 90 % of the CMU poses are within it.
MAX_OFFSET_MM = 250.0
# Smallest distance between the axes of two limbs or of a limb and the trunk, mm: 99 % of the
# CMU poses keep it.
MIN_GAP_MM = 80.0


# Poses that are recombined at once: some 50 MB.
_CHUNK = 4096


def draw(
    poses: NDArray,
    skeleton: Skeleton,
    rng: np.random.Generator,
    count: int,
    *,
    share: float,
    weights: NDArray | None = None,
) -> NDArray:
    """Draws poses, a share of them recombined from the parts of others.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        skeleton: `Skeleton` of the joints, with the names of `skeletons.H36M_17`.
        rng: Random generator.
        count: Number of poses to draw.
        share: Share of them to `recombine`.
        weights: Array of shape `[N]`, sums to 1: chance of each pose to be drawn, and to
            give a part; `None` for equal chances.

    Returns:
        Array of shape `[count, L, 3]`, float32, pelvis at the origin.

    Raises:
        ValueError: If `share` is not a share, `count` is not positive, or the skeleton has
            other joints.

    >>> poses = tf_lift.PosePrior.load("cmu").sample(60, seed=0)
    >>> rng = np.random.default_rng(0)
    >>> draw(poses, tf_lift.skeletons.H36M_17, rng, 100, share=0.5).shape
    (100, 17, 3)
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"`share` must be from 0 to 1. Received: {share}")
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: {count}")
    poses = np.asarray(poses)
    poses = poses - poses[:, :1]
    drawn = poses[rng.choice(len(poses), count, p=weights)].astype(np.float32)
    for start in range(0, round(share * count), _CHUNK):
        rows = slice(start, min(start + _CHUNK, round(share * count)))
        donors = rng.choice(len(poses), (rows.stop - start, len(_PARTS)), p=weights)
        drawn[rows] = recombine(drawn[rows], skeleton, rng, poses[donors])
    return drawn


def recombine(
    poses: NDArray, skeleton: Skeleton, rng: np.random.Generator, donors, chance: float = 0.5
) -> NDArray:
    """Replaces parts of poses by those of other poses, and keeps what a body can do.

    The trunk, the arms and the legs of a pose are each replaced with a certain chance: both
    arms or both legs by those of one other pose, or, as often, the left and the right one by
    those of two. A part turns with the pelvis or, for an arm, with the shoulders, and keeps
    the angles that it had to them, so that joints stay within their limits. Bones keep the
    lengths of the pose. A result that is not `is_plausible` is replaced by the pose itself.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        skeleton: `Skeleton` of the joints, with the names of `skeletons.H36M_17`.
        rng: Random generator.
        donors: Array of shape `[N, 5, L, 3]`: the poses that may give the trunk, the left
            and right leg, the left and right arm.
        chance: Chance of each replacement.

    Returns:
        Array of shape `[N, L, 3]`; pelvis and hips stay where they are.

    Raises:
        ValueError: If a shape does not fit, or the skeleton has other joints.

    References:
        docs/prior.md.

    >>> rng = np.random.default_rng(0)
    >>> poses = tf_lift.PosePrior.load("cmu").sample(60, seed=0)
    >>> donors = poses[10:].reshape(10, 5, 17, 3)
    >>> recombine(poses[:10], tf_lift.skeletons.H36M_17, rng, donors).shape
    (10, 17, 3)
    """
    joint = _indices(skeleton)
    parents = np.array(skeleton.parents)
    count = len(poses)
    expected = (count, len(_PARTS), skeleton.num_joints, 3)
    if np.shape(poses) != (count, skeleton.num_joints, 3) or np.shape(donors) != expected:
        raise ValueError(
            f"`poses` and `donors` must have shapes [N, {skeleton.num_joints}, 3] and "
            f"[N, {len(_PARTS)}, {skeleton.num_joints}, 3]. "
            f"Received: poses.shape={np.shape(poses)}, donors.shape={np.shape(donors)}"
        )
    chosen = rng.random([count, 3]) < chance
    apart = rng.random([count, 2]) < 0.5
    donors = np.array(donors, np.float64)
    donors[~apart[:, 0], 2] = donors[~apart[:, 0], 1]
    donors[~apart[:, 1], 4] = donors[~apart[:, 1], 3]
    made = np.array(poses, np.float64)
    # The trunk first: the arms turn with the shoulders that it brings.
    for index, (name, (frame, parts)) in enumerate(_PARTS.items()):
        use = chosen[:, (0, 1, 1, 2, 2)[index]]
        donor = donors[:, index]
        turn = _frames(made, joint, frame) @ np.swapaxes(_frames(donor, joint, frame), 1, 2)
        before = made.copy()
        for child in (joint[part] for part in parts):
            bone = np.einsum("nij,nj->ni", turn, donor[:, child] - donor[:, parents[child]])
            own = before[:, child] - before[:, parents[child]]
            length = np.linalg.norm(own, axis=-1, keepdims=True)
            bone *= length / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-9)
            bone = np.where(use[:, np.newaxis], bone, own)
            made[:, child] = made[:, parents[child]] + bone
        if name == "trunk":
            # The arms, until they are replaced, turn with the shoulders.
            back = _frames(made, joint, "thorax") @ np.swapaxes(
                _frames(before, joint, "thorax"), 1, 2
            )
            for child in (joint[f"{s}_{p}"] for p in ("elbow", "wrist") for s in ("left", "right")):
                bone = before[:, child] - before[:, parents[child]]
                made[:, child] = made[:, parents[child]] + np.einsum("nij,nj->ni", back, bone)
    keep = is_plausible(made, skeleton)
    return np.where(keep[:, np.newaxis, np.newaxis], made, poses)


def _frames(poses, joint, name):
    """Returns the axes of the pelvis or of the shoulders as columns, `[N, 3, 3]`."""
    across, low, high = {
        "pelvis": (("left_hip", "right_hip"), "pelvis", "spine"),
        "thorax": (("left_shoulder", "right_shoulder"), "spine", "thorax"),
    }[name]
    x = poses[:, joint[across[0]]] - poses[:, joint[across[1]]]
    x = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
    up = poses[:, joint[high]] - poses[:, joint[low]]
    up = up - np.sum(up * x, -1, keepdims=True) * x
    up = up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-9)
    return np.stack([x, np.cross(up, x), up], -1)


def _indices(skeleton):
    """Returns the index of each joint by name, of a skeleton with all joints of the parts."""
    joint = {name: index for index, name in enumerate(skeleton.joint_names)}
    needed = {name for _, names in _PARTS.values() for name in names}
    needed |= {name for *names, _, _ in _MASSES for name in names}
    if missing := needed - joint.keys():
        raise ValueError(
            f"`skeleton` must have the joints of h36m17. Received: {skeleton.name}, without "
            f"{', '.join(sorted(missing))}"
        )
    return joint


def is_plausible(poses, skeleton: Skeleton) -> NDArray[np.bool_]:
    """Returns which poses stand or lie in balance, with limbs that do not pass through others.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        skeleton: `Skeleton` of the joints, with the names of `skeletons.H36M_17`.

    Returns:
        Array of shape `[N]`: whether the centre of mass is at most `MAX_OFFSET_MM` from the
        lines between the supporting joints, seen from above, and limbs and trunk keep
        `MIN_GAP_MM` between their axes.

    >>> poses = tf_lift.PosePrior.load("cmu").mean_pose
    >>> is_plausible(poses, tf_lift.skeletons.H36M_17)
    array([ True,  True,  True])
    """
    joint = _indices(skeleton)
    return (_offset(poses, joint) <= MAX_OFFSET_MM) & (_gap(poses, joint) >= MIN_GAP_MM)


def _offset(poses, joint):
    """Returns the horizontal distances from centre of mass to support, `[N]`."""
    total = sum(mass for _, _, mass, _ in _MASSES)
    centre = sum(
        mass / total * ((1 - part) * poses[:, joint[first]] + part * poses[:, joint[last]])
        for first, last, mass, part in _MASSES
    )[:, :2]
    height = poses[..., 2]
    supports = height < height.min(1, keepdims=True) + _SUPPORT_MM
    ground = poses[..., :2] - centre[:, np.newaxis]
    rows, columns = np.triu_indices(poses.shape[1])
    first, edge = ground[:, rows], ground[:, columns] - ground[:, rows]
    position = -np.sum(first * edge, -1) / np.maximum(np.sum(edge**2, -1), 1e-9)
    nearest = first + np.clip(position, 0, 1)[..., np.newaxis] * edge
    distance = np.linalg.norm(nearest, axis=-1)
    return np.where(supports[:, rows] & supports[:, columns], distance, np.inf).min(1)


# Fractions along a limb at which its distance from another one is measured.
_ALONG = np.linspace(0, 1, 6)


def _gap(poses, joint):
    """Returns the smallest distances between two limbs or a limb and the trunk, `[N]`."""

    def points(*names):
        ends = [poses[:, joint[name], np.newaxis] for name in names]
        parts = [a + _ALONG[:, np.newaxis] * (b - a) for a, b in zip(ends, ends[1:], strict=False)]
        return np.concatenate(parts, 1)

    # Lower arms and legs: upper ones are always near the trunk and each other.
    limbs = [points(f"{s}_elbow", f"{s}_wrist") for s in ("left", "right")]
    limbs += [points(f"{s}_knee", f"{s}_ankle") for s in ("left", "right")]
    trunk = points("pelvis", "spine", "thorax", "neck_nose", "head_top")
    pairs = [(a, b) for i, a in enumerate(limbs) for b in (*limbs[:i], trunk)]
    pairs += [
        (limbs[i], points(f"{s}_hip", f"{s}_knee")) for i in (0, 1) for s in ("left", "right")
    ]
    gaps = [np.linalg.norm(a[:, :, None] - b[:, None], axis=-1).min((1, 2)) for a, b in pairs]
    return np.min(gaps, 0)
