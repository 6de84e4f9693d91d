"""Checks the arrays of a prior and the arguments of `PosePrior.fit`. Internal."""

import numpy as np

from tf_lift import skeletons
from tf_lift.prior.learning import em as learning

__all__ = ["check_fit", "check_prior"]

# Largest error of a basis' orthonormality: float32 files pass, a scaled or transposed basis
# (errors of order 1) does not.
ORTHONORMAL_TOLERANCE = 1e-3


def check_fit(poses, groups, skeleton, settings: learning.Settings, max_iterations) -> None:
    """Checks the arguments of `PosePrior.fit`.

    Args:
        poses: Array, finite.
        groups: `None` or array of shape `[N]`.
        skeleton: `Skeleton` of the joints.
        settings: Settings of the learning.
        max_iterations: Largest number of iterations of EM.

    Raises:
        ValueError: If an argument does not fit.
    """
    if poses.ndim != 3 or poses.shape[1:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"`poses` must have shape [N, {skeleton.num_joints}, 3]. "
            f"Received: poses.shape={poses.shape}"
        )
    counts = {
        "mixture_size": settings.mixture_size,
        "num_bases": settings.num_bases,
        "max_iterations": max_iterations,
    }
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            hint = " (`tf_lift.prior.select` chooses)" if value == "auto" else ""
            raise ValueError(f"`{name}` must be an integer. Received: {value!r}{hint}")
        if value < 1 and name != "num_bases":
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    # The noise needs one more dimension; joint 0, at the origin, has none.
    most, num_bases = 3 * skeleton.num_joints - 4, settings.num_bases
    if not 1 <= num_bases <= most:
        raise ValueError(f"`num_bases` must be from 1 to {most}. Received: {num_bases}")
    if len(poses) < num_bases:
        raise ValueError(
            f"`poses` must hold at least {num_bases} poses, as many as bases. "
            f"Received: poses.shape={poses.shape}"
        )
    if groups is not None and np.shape(groups) != (len(poses),):
        raise ValueError(
            f"`groups` must have shape [{len(poses)}]. Received: groups.shape={np.shape(groups)}"
        )
    noise_stddev = settings.noise_stddev
    if noise_stddev is not None and not 0.0 < noise_stddev < np.inf:
        raise ValueError(f"`noise_stddev` must be positive. Received: {noise_stddev}")
    if not 0.0 <= settings.shrinkage < np.inf:
        raise ValueError(f"`shrinkage` must not be negative. Received: {settings.shrinkage}")
    if settings.alignment not in learning.ALIGNMENTS:
        raise ValueError(
            f"`alignment` must be one of {list(learning.ALIGNMENTS)}. "
            f"Received: {settings.alignment!r}"
        )


def check_prior(prior) -> None:
    """Checks the shapes and values of a prior's arrays.

    Args:
        prior: `PosePrior` whose arrays are float64 and finite.

    Raises:
        ValueError: If an array does not fit.
    """
    _check_shapes(prior)
    _check_values(prior)


def _check_shapes(prior):
    if prior.basis.ndim != 4 or prior.basis.shape[-1] != 3 or 0 in prior.basis.shape:
        raise ValueError(
            "`basis` must have shape [mixture_size, num_bases, num_joints, 3]. "
            f"Received: basis.shape={prior.basis.shape}"
        )
    size, num_bases, num_joints, _ = prior.basis.shape
    expected = {
        "mean_pose": (size, num_joints, 3),
        "stddev": (size, num_bases),
        "noise_stddev": (size,),
        "mixture_weights": (size,),
    }
    for name, shape in expected.items():
        actual = getattr(prior, name).shape
        if actual != shape:
            raise ValueError(
                f"`{name}` must have shape {list(shape)} to fit "
                f"basis.shape={prior.basis.shape}. Received: {name}.shape={actual}"
            )
    joints = skeletons.get(prior.skeleton).num_joints
    if joints != num_joints:
        raise ValueError(
            f"`basis` must have {joints} joints for the skeleton {prior.skeleton!r}. "
            f"Received: basis.shape={prior.basis.shape}"
        )


def _check_values(prior):
    for name in ("stddev", "noise_stddev", "mixture_weights"):
        smallest = getattr(prior, name).min()
        if smallest <= 0.0:
            raise ValueError(f"`{name}` must be positive. Received: a value of {smallest:g}")
    total = prior.mixture_weights.sum()
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"`mixture_weights` must sum to 1. Received: a sum of {total:g}")
    flat = prior.basis.reshape(prior.mixture_size, prior.num_bases, -1)
    error = np.abs(flat @ flat.swapaxes(1, 2) - np.eye(prior.num_bases)).max()
    if error > ORTHONORMAL_TOLERANCE:
        raise ValueError(
            "`basis` must be orthonormal over joints and coordinates. Received: "
            f"products of basis poses that are off by up to {error:g}"
        )
