"""Fits probabilistic PCA in closed form and computes its densities."""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MIN_STDDEV",
    "log_density",
    "log_density_at",
    "maximum_likelihood",
    "principal_axes",
    "squared_distance",
]

# Standard deviation (mm) of a direction whose variance the noise explains completely: small
# enough to do nothing, large enough for a harmless inverse.
MIN_STDDEV = 0.1


def log_density(vectors, mean, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Computes the log density of vectors under one PPCA model.

    The covariance is `basis.T @ diag(stddev**2) @ basis + noise_stddev**2 * I`; neither it
    nor its inverse is formed.

    Args:
        vectors: Array of shape `[N, D]`, mm.
        mean: Array of shape `[D]`, mm.
        basis: Array of shape `[J, D]`, orthonormal rows.
        stddev: Array of shape `[J]`, mm: standard deviation of the coefficients.
        noise_stddev: Standard deviation of the isotropic noise, mm.

    Returns:
        Array of shape `[N]`, natural logarithm of a density in 1 / mm^D.

    References:
        Tipping and Bishop. Probabilistic Principal Component Analysis. JRSS B, 1999.

    >>> log_density(np.zeros([1, 2]), np.zeros(2), np.eye(2)[:1], np.zeros(1), 1.0).round(6)
    array([-1.837877])
    """
    distances = squared_distance(np.asarray(vectors) - mean, basis, stddev, noise_stddev)
    return log_density_at(distances, basis, stddev, noise_stddev)


def log_density_at(distances, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Computes the log density of vectors from their squared Mahalanobis distances.

    Args:
        distances: Array of any shape, dimensionless.
        basis: Array of shape `[J, D]`, orthonormal rows.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Standard deviation of the isotropic noise, mm.

    Returns:
        Array of the shape of `distances`.

    >>> float(log_density_at(0.0, np.eye(2)[:1], np.zeros(1), 1.0).round(6))
    -1.837877
    """
    num_dimensions = np.shape(basis)[-1]
    variances = np.square(stddev) + noise_stddev**2
    num_left = num_dimensions - len(variances)
    log_determinant = np.log(variances).sum() + num_left * np.log(noise_stddev**2)
    return -0.5 * (distances + log_determinant + num_dimensions * np.log(2.0 * np.pi))


def squared_distance(residuals, basis, stddev, noise_stddev) -> NDArray[np.float64]:
    """Computes the squared Mahalanobis distance of residuals under one PPCA model.

    Args:
        residuals: Array of shape `[..., D]`, vectors minus the mean, mm.
        basis: Array of shape `[J, D]`, orthonormal rows.
        stddev: Array of shape `[J]`, mm.
        noise_stddev: Standard deviation of the isotropic noise, mm.

    Returns:
        Array of shape `[...]`, dimensionless.

    >>> float(squared_distance(np.array([3.0, 2.0]), np.eye(2)[:1], np.zeros(1), 1.0))
    13.0
    """
    shape = np.shape(residuals)
    residuals = np.reshape(residuals, [-1, shape[-1]])
    coefficients = residuals @ np.transpose(basis)
    # Outside the span of the basis the noise alone counts.
    shrink = 1.0 / noise_stddev**2 - 1.0 / (np.square(stddev) + noise_stddev**2)
    total = np.einsum("nd,nd->n", residuals, residuals) / noise_stddev**2
    return (total - np.einsum("nj,nj,j->n", coefficients, coefficients, shrink)).reshape(shape[:-1])


def principal_axes(covariance) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Computes the eigenvalues and eigenvectors of a covariance, largest first.

    The sign of an eigenvector is arbitrary: making its largest entry positive gives the same
    basis for the same data everywhere.

    Args:
        covariance: Array of shape `[D, D]`, symmetric, mm^2.

    Returns:
        Eigenvalues `[D]`, not negative, and eigenvectors `[D, D]`, one per row.

    >>> principal_axes(np.diag([1.0, 4.0]))
    (array([4., 1.]), array([[0., 1.],
           [1., 0.]]))
    """
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    eigenvalues, axes = np.maximum(eigenvalues[::-1], 0.0), eigenvectors.T[::-1]
    largest = np.argmax(np.abs(axes), axis=1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    return eigenvalues, axes * signs[:, None] + 0.0


def maximum_likelihood(covariance, num_bases, noise_stddev=None, min_noise_stddev=0.0):
    """Fits one PPCA model to a covariance.

    With `noise_stddev=None` the noise variance is the mean of the eigenvalues that the
    basis leaves out, the maximum-likelihood solution. A given noise, or a bound above that
    mean, is held fixed: the most likely loadings then have the same form, and a direction
    whose variance is below the noise has a deviation of 0. In all three cases no other model
    is more likely.

    Args:
        covariance: Array of shape `[D, D]`, mm^2.
        num_bases: Number of directions kept, less than D.
        noise_stddev: Standard deviation of the noise in mm, `None` to estimate it.
        min_noise_stddev: Lower bound in mm of an estimated noise.

    Returns:
        Tuple of basis `[num_bases, D]`, stddev `[num_bases]` in mm, noise_stddev in mm.

    References:
        Tipping and Bishop. Probabilistic Principal Component Analysis. JRSS B, 1999:
        T7 (loadings), T8 (noise).

    >>> basis, stddev, noise = maximum_likelihood(np.diag([13.0, 4.0, 4.0]), 1)
    >>> basis, stddev, float(noise)
    (array([[1., 0., 0.]]), array([3.]), 2.0)
    """
    eigenvalues, axes = principal_axes(covariance)
    if noise_stddev is None:
        noise_stddev = max(np.sqrt(eigenvalues[num_bases:].mean()), min_noise_stddev)
    variances = eigenvalues[:num_bases] - noise_stddev**2
    return axes[:num_bases], np.sqrt(np.maximum(variances, 0.0)), noise_stddev
