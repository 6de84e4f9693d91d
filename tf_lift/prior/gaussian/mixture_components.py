"""Fits the components of a mixture of PPCA models and computes their responsibilities."""

import numpy as np

from tf_lift.prior.gaussian import ppca

__all__ = ["MIN_NOISE_STDDEV", "fit", "fit_single", "responsibilities"]

# Lower bound (mm) of an estimated noise, well below the noise of motion capture: poses that a
# basis spans exactly would otherwise have an infinite density.
MIN_NOISE_STDDEV = 0.1


def fit(moments, num_bases, noise_stddev, shrinkage):
    """Fits every component with its covariance shrunk to the mean covariance of all.

    Many small components overfit the few people in each. The shrunk covariance is the most
    probable one under an inverse Wishart prior around the mean within-component covariance,
    which counts as `shrinkage * N / K` observations: `shrinkage` times the poses of an
    average component.

    Args:
        moments: `Moments` of each component's poses.
        num_bases: Number of bases J.
        noise_stddev: Noise in mm, `None` to estimate one per component.
        shrinkage: Number >= 0, in poses of an average component.

    Returns:
        Tuple with one tuple for each component: mean `[D]`, basis `[J, D]`, stddev `[J]` and
        noise_stddev.

    Raises:
        ValueError: If a component has no poses.

    References:
        docs/method.md, section 8.
    """
    weights = np.array([part.weight for part in moments])
    if weights.min() < 1e-12:
        raise ValueError("`mixture_size` must be smaller: a component has lost all its poses")
    mean_fractions = shrinkage / (shrinkage + weights / weights.mean())
    covariances = np.stack([part.covariance for part in moments])
    within = np.average(covariances, axis=0, weights=weights)
    return tuple(
        (
            part.mean,
            *_maximum_likelihood(
                (1.0 - fraction) * covariance + fraction * within,
                num_bases,
                noise_stddev,
            ),
        )
        for part, fraction, covariance in zip(moments, mean_fractions, covariances, strict=True)
    )


def fit_single(moments, num_bases, noise_stddev):
    """Fits a single component to its `moments`, see `fit`."""
    return moments.mean, *_maximum_likelihood(moments.covariance, num_bases, noise_stddev)


def _maximum_likelihood(covariance, num_bases, noise_stddev):
    return ppca.maximum_likelihood(covariance, num_bases, noise_stddev, MIN_NOISE_STDDEV)


def responsibilities(vectors, components, mixture_weights):
    """Computes the probability of each component given each vector.

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
