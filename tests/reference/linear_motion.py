"""Smoothing of a linear-Gaussian motion by conditioning one large Gaussian: slow and plain."""

import numpy as np


def joint_covariance(transition, noise, start, count):
    """Returns the covariance `[T, T]` of the positions of T frames before any is measured."""
    transition = np.reshape(transition, [2, 2])
    noise = np.array([[noise[0], noise[1]], [noise[1], noise[2]]])
    states = [np.diag(start)]
    for _ in range(count - 1):
        states.append(transition @ states[-1] @ transition.T + noise)
    covariance = np.empty([count, count])
    for first in range(count):
        cross = states[first]
        for second in range(first, count):
            covariance[first, second] = covariance[second, first] = cross[0, 0]
            cross = cross @ transition.T
    return covariance


def smooth(values, variance, transition, noise, start):
    """Returns the posterior means and variances `[T]` of one coordinate."""
    prior = joint_covariance(transition, noise, start, len(values))
    known = np.isfinite(variance)
    measured = prior[np.ix_(known, known)] + np.diag(variance[known])
    gain = np.linalg.solve(measured, prior[known]).T
    return gain @ values[known], np.diag(prior - gain @ prior[known])


def log_likelihood(values, variance, transition, noise, start):
    """Returns the log density of the known values of one coordinate, up to a constant."""
    known = np.isfinite(variance)
    covariance = joint_covariance(transition, noise, start, len(values))[np.ix_(known, known)]
    covariance += np.diag(variance[known])
    square = values[known] @ np.linalg.solve(covariance, values[known])
    return -0.5 * (square + np.linalg.slogdet(covariance)[1])
