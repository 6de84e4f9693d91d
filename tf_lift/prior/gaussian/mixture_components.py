"""The components of a mixture of PPCA models: from moments, and how likely each is."""

import numpy as np

from tf_lift.prior.gaussian import ppca

__all__ = ["MIN_NOISE_STDDEV", "fit", "fit_single", "responsibilities"]

# Lower bound (mm) of an estimated noise, well below what motion capture measures: poses
# that a basis spans exactly would otherwise have an infinite density.
MIN_NOISE_STDDEV = 0.1


def fit(moments, num_bases, noise_stddev, shrinkage):
    """Fits every component, its covariance drawn to the mean covariance of all.

    Many small components know the few people in them by heart. The mean within-component
    covariance stands for `shrinkage` times an average component's poses that each is given
    besides its own: the most probable covariance under an inverse Wishart distribution
    around it, the mode for `shrinkage * N / K` observations.

    Args:
        moments: `Moments` of each component's poses.
        num_bases: Number of bases J.
        noise_stddev: Noise in mm, `None` to estimate one per component.
        shrinkage: In poses of an average component, >= 0.

    Returns:
        For each component the tuple of mean `[D]`, basis `[J, D]`, stddev `[J]` and
        noise_stddev.

    Raises:
        ValueError: If a component has no poses.

    References:
        docs/method.md, section 8.
    """
    weights = np.array([part.weight for part in moments])
    if weights.min() < 1e-12:
        raise ValueError("`mixture_size` must be smaller: a component has lost all its poses")
    shares = shrinkage / (shrinkage + weights / weights.mean())
    covariances = np.stack([part.covariance for part in moments])
    within = np.average(covariances, axis=0, weights=weights)
    return tuple(
        (
            part.mean,
            *_maximum_likelihood(
                (1.0 - share) * covariance + share * within,
                num_bases,
                noise_stddev,
            ),
        )
        for part, share, covariance in zip(moments, shares, covariances, strict=True)
    )


def fit_single(moments, num_bases, noise_stddev):
    """Returns the one component of `moments`, see `fit`."""
    return moments.mean, *_maximum_likelihood(moments.covariance, num_bases, noise_stddev)


def _maximum_likelihood(covariance, num_bases, noise_stddev):
    return ppca.maximum_likelihood(covariance, num_bases, noise_stddev, MIN_NOISE_STDDEV)


def responsibilities(vectors, components, mixture_weights):
    """Computes how likely each component is to have made each vector.

    Args:
        vectors: Array of shape `[N, D]`.
        components: Tuples of mean, basis, stddev, noise_stddev.
        mixture_weights: Array of shape `[K]`, positive.

    Returns:
        Array of shape `[K, N]`, and the log density of each vector, `[N]`.
    """
    density = np.stack([ppca.log_density(vectors, *component) for component in components])
    density += np.log(mixture_weights)[:, None]
    total = np.logaddexp.reduce(density, axis=0)
    return np.exp(density - total), total
