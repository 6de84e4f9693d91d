"""Makes poses of other bodies by lengthening and shortening bones of motion capture."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.skeletons import Skeleton

__all__ = ["vary_bones"]


def vary_bones(
    poses: NDArray,
    skeleton: Skeleton,
    rng: np.random.Generator,
    stddev: float,
    overall: float = 0.0,
) -> NDArray:
    """Returns the poses with random bone lengths and unchanged bone directions.

    Motion capture has many poses of few people. Each bone of each pose is multiplied by
    a log-normal factor of median 1, the same for the left and the right bone of a pair, and
    all bones of a pose by one more factor, of its stature.

    Args:
        poses: Array of shape `[N, L, 3]`, any unit and frame.
        skeleton: `Skeleton` of the joints, a tree in which parents come before children.
        rng: Random generator.
        stddev: Standard deviation of a factor's logarithm: 0.07 is 7 %.
        overall: The same for the factor of all bones.

    Returns:
        Array of shape `[N, L, 3]`; roots stay where they are.

    Raises:
        ValueError: If `poses` has another shape, or `stddev` or `overall` is negative.

    >>> rng = np.random.default_rng(0)
    >>> poses = tf_lift.PosePrior.load().sample(3, seed=0)
    >>> varied = vary_bones(poses, tf_lift.skeletons.H36M_17, rng, 0.1)
    >>> thigh = np.linalg.norm(varied[:, 2] - varied[:, 1], axis=-1)
    >>> (thigh / np.linalg.norm(poses[:, 2] - poses[:, 1], axis=-1)).round(2)
    array([1.07, 1.11, 0.94])
    """
    poses = np.asarray(poses)
    if poses.ndim != 3 or poses.shape[1:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"`poses` must have shape [N, {skeleton.num_joints}, 3]. "
            f"Received: poses.shape={poses.shape}"
        )
    for name, value in (("stddev", stddev), ("overall", overall)):
        if not value >= 0.0:
            raise ValueError(f"`{name}` must not be negative. Received: {value}")
    swap = np.array(skeleton.swap)
    first_of_pair = np.minimum(np.arange(len(swap)), swap)
    factors = np.exp(stddev * rng.standard_normal(poses.shape[:2]))[:, first_of_pair]
    if overall:
        factors = factors * np.exp(overall * rng.standard_normal([len(poses), 1]))
    varied = poses.copy()
    for parent, child in skeleton.bones:
        bone = poses[:, child] - poses[:, parent]
        varied[:, child] = varied[:, parent] + factors[:, child, np.newaxis] * bone
    return varied
