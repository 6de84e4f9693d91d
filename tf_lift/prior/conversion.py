"""Converts a prior to another skeleton."""

import numpy as np

from tf_lift import skeletons
from tf_lift.prior.pose_prior import PosePrior

__all__ = ["convert"]

# Standard deviation (mm) of directions in which the other skeleton's joints do not move: small
# enough to do nothing, and positive as a prior requires.
SMALLEST_STDDEV = 1e-3


def convert(
    prior: PosePrior, skeleton: skeletons.Skeleton | str, *, approximate: bool = False
) -> PosePrior:
    """Converts a prior to another skeleton, so that its landmarks lift without conversion.

    Every joint of the skeleton must be a combination of the prior's joints
    (`skeletons.joint_map`, the matrix W): x ~ N(m, B' S**2 B + v I) then gives
    W x ~ N(W m, W B' S**2 B W' + v W W'). The loadings S B W' are made orthogonal again by a
    singular value decomposition, which changes no covariance; the noise v W W', which is not
    isotropic where joints are means, becomes the isotropic noise of the same total variance.
    Poses are moved so that the skeleton's joint 0 is the origin.

    A skeleton with joints that the prior lacks (a face, fingers) is an error: convert its
    landmarks instead, with `skeletons.convert`.

    Args:
        prior: Prior to convert.
        skeleton: One of `tf_lift.skeletons` or its name.
        approximate: Whether joints of the prior may stand for joints of the skeleton that
            are centimetres off.

    Returns:
        The prior of the skeleton, with the same number of bases, or `3 * joints` if fewer.

    Raises:
        ValueError: If the skeleton has joints that the prior lacks.

    References:
        docs/skeletons.md.

    >>> prior = convert(tf_lift.PosePrior.load("cmu"), "lsp14", approximate=True)
    >>> prior.skeleton, prior.mean_pose.shape
    ('lsp14', (3, 14, 3))
    """
    target = skeletons.get(skeleton)
    report = skeletons.report(prior.skeleton, target, approximate=approximate)
    if report.missing:
        on_demand = skeletons.report(prior.skeleton, target, approximate=True).approximate
        advice = f"; `approximate=True` gives {', '.join(on_demand)}" if on_demand else ""
        raise ValueError(
            f"`skeleton` must have only joints of the prior's skeleton, {prior.skeleton}. "
            f"Received: {target.name}, with {', '.join(report.missing)} in addition"
            f"{'' if approximate else advice}"
        )
    weights = skeletons.joint_map(prior.skeleton, target, approximate=approximate)
    weights = weights.astype(np.float64)
    # Rows sum to 1, so that differences of rows do not depend on the prior's origin.
    relative = weights - weights[:1]
    loadings = prior.stddev[:, :, np.newaxis, np.newaxis] * prior.basis
    loadings = np.einsum("tj,kbjc->kbtc", relative, loadings)
    size, num_bases, num_joints, _ = loadings.shape
    flat = loadings.reshape(size, num_bases, -1)
    _, stddev, basis = np.linalg.svd(flat, full_matrices=False)
    return PosePrior(
        mean_pose=np.einsum("tj,kjc->ktc", relative, prior.mean_pose),
        basis=basis.reshape(size, -1, num_joints, 3),
        stddev=np.maximum(stddev, SMALLEST_STDDEV),
        noise_stddev=prior.noise_stddev * np.sqrt(np.mean(np.sum(weights**2, 1))),
        mixture_weights=prior.mixture_weights,
        skeleton=target.name,
        credit=prior.credit,
    )
