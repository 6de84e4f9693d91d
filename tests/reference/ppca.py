"""PPCA with full covariances, by SciPy."""

import numpy as np
from scipy import special, stats


def covariance(basis, stddev, noise_stddev):
    """Covariance matrix of one component; basis [J, D]."""
    dimensions = basis.shape[1]
    return basis.T @ np.diag(np.square(stddev)) @ basis + noise_stddev**2 * np.eye(dimensions)


def log_density(vectors, mean, basis, stddev, noise_stddev):
    """Log density [N] of vectors [N, D] under one component."""
    return stats.multivariate_normal(mean, covariance(basis, stddev, noise_stddev)).logpdf(vectors)


def mixture_log_likelihood(prior, poses):
    """Log density [N] of poses [N, L, 3] as they stand."""
    flat = [
        log_density(
            poses.reshape(len(poses), -1),
            prior.mean_pose[k].ravel(),
            prior.basis[k].reshape(prior.num_bases, -1),
            prior.stddev[k],
            prior.noise_stddev[k],
        )
        for k in range(prior.mixture_size)
    ]
    return special.logsumexp(flat, axis=0, b=prior.mixture_weights[:, None])


def expected_log_likelihood(sample_covariance, model_covariance):
    """Mean log density, up to a constant, of data with a covariance and the model's mean."""
    sign, log_determinant = np.linalg.slogdet(model_covariance)
    assert sign > 0
    return -0.5 * (log_determinant + np.trace(np.linalg.solve(model_covariance, sample_covariance)))
