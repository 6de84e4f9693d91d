"""Pose errors in slow NumPy and SciPy float64, one pose at a time."""

import numpy as np
import scipy.optimize
from scipy.spatial import transform


def mpjpe(predicted, true, weights):
    distances = [np.sqrt(np.sum((p - t) ** 2)) for p, t in zip(predicted, true, strict=True)]
    return np.average(distances, weights=weights)


def align(source, target, weights):
    """Similarity by SciPy's Kabsch rotation of the weighted, centred visible joints."""
    seen = weights > 0
    weights = weights[seen] / weights[seen].sum()
    source_mean = weights @ source[seen]
    target_mean = weights @ target[seen]
    centred, aim = source[seen] - source_mean, target[seen] - target_mean
    rotation, _ = transform.Rotation.align_vectors(aim, centred, weights=weights)
    turned = rotation.apply(centred)
    scale = np.sum(weights[:, None] * turned * aim) / np.sum(weights[:, None] * centred**2)
    return scale * rotation.apply(source - source_mean) + target_mean


def pa_mpjpe(predicted, true, weights):
    return mpjpe(align(predicted, true, weights), true, weights)


def n_mpjpe(predicted, true, weights):
    """The best scale by numerical minimisation, not by its formula."""
    seen = weights > 0

    def squares(scale):
        return np.sum(weights[seen, None] * (scale * predicted[seen] - true[seen]) ** 2)

    scale = scipy.optimize.minimize_scalar(squares, bounds=(0, 100), options={"xatol": 1e-10}).x
    return mpjpe(scale * predicted[seen], true[seen], weights[seen])


def pck3d(predicted, true, weights, threshold):
    right = [np.linalg.norm(p - t) < threshold for p, t in zip(predicted, true, strict=True)]
    return np.average(right, weights=weights)
