"""Precomputes the constants of the lift from a prior, in float64, once per prior."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca, rotations
from tf_lift.ops.lift_tables import LiftTables

__all__ = ["build_tables"]


@functools.lru_cache(maxsize=16)
def build_tables(prior, num_rotations=80, pitches=(0.0,), free_scale=True, dtype="float32"):
    """Builds the tables of a prior for the rotation search.

    The result is cached by the identity of the prior: all layers and calls share it, and it
    is made of constants that every graph refers to.

    Args:
        prior: `PosePrior`.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        pitches: Tuple of camera pitches in radians, positive looking down; searched
            exhaustively together with the angles.
        free_scale: Whether scale and position of the person are free.
        dtype: Floating type of the tables; they are computed in float64 in any case.

    Returns:
        `LiftTables` of eager tensors.

    Raises:
        ValueError: If `num_rotations` is not positive or `pitches` is empty.

    References:
        docs/method.md, section 2.

    >>> tables = build_tables(tf_lift.PosePrior.load("cmu"), num_rotations=8)
    >>> tables.growth.shape
    TensorShape([12, 32, 48])
    """
    if not isinstance(num_rotations, (int, np.integer)) or num_rotations < 1:
        raise ValueError(f"`num_rotations` must be a positive integer. Received: {num_rotations}")
    if not pitches or not np.all(np.isfinite(pitches)):
        raise ValueError(f"`pitches` must be finite angles in radians. Received: {pitches}")
    angles = 2 * np.pi * np.arange(num_rotations) / num_rotations
    rotation = rotations.world_to_camera(angles, np.reshape(pitches, [-1, 1])).reshape(-1, 3, 3)
    axes = _axes(prior.num_joints, free_scale)
    parts = [_component(prior, k, rotation, axes, free_scale) for k in range(prior.mixture_size)]
    tables = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    num_kept = num_rotations
    if num_rotations % 2 == 0 and tuple(pitches) == (0.0,):
        num_kept //= 2
    kept = np.arange(len(tables["constant"])).reshape(-1, num_rotations)[:, :num_kept].ravel()
    for name in ("whitening", "whitened_mean", "growth", "rest"):
        tables[name] = tables[name][kept]
    forms = tables.pop("form")[kept]
    moments = tables.pop("moments").mean(0)
    # What rounding leaves of the cost is all that the search need tell.
    tolerance = (3e-3 if dtype == "float32" else 1e-10) * prior.noise_stddev.min() ** 2
    for name, (features, scale) in _features(forms, moments).items():
        encode, decode = _compress(features, scale, tolerance)
        tables |= {f"encode_{name}": encode, f"decode_{name}": decode}
        tables[f"linear_{name}"] = tables[f"linear_{name}"][kept]
    with np.errstate(divide="ignore"):  # A component of weight 0 costs infinity.
        tables["mixture_cost"] = np.repeat(-2 * np.log(prior.mixture_weights), len(rotation))
    tables["normaliser"] = tables.pop("log_determinant") + tables["mixture_cost"]
    tables |= {
        "axes": axes,
        "rotation": np.tile(rotation, [prior.mixture_size, 1, 1]),
        "loadings": np.stack([_shapes(prior, k) for k in range(prior.mixture_size)]),
        "one": 1.0,
    }
    with tf.init_scope():
        # Tensors, so that every graph refers to these and none has a copy.
        tensors = {
            name: None if array is None else tf.constant(array, dtype)
            for name, array in tables.items()
        }
    return LiftTables(
        **tensors, num_rotations=num_rotations, pitches=tuple(pitches), free_scale=free_scale
    )


def _axes(num_joints, free_scale):
    """Returns the orthonormal coordinates `[L, n]` that a translation leaves as they are."""
    if not free_scale:
        return np.eye(num_joints)
    return np.linalg.qr(np.concatenate([np.ones([num_joints, 1]), np.eye(num_joints)], 1))[0][:, 1:]


def _shapes(prior, k):
    """Returns loadings and mean pose of a component, `[J + 1, L, 3]`."""
    loadings = prior.basis[k] * prior.stddev[k, :, np.newaxis, np.newaxis]
    return np.concatenate([loadings, prior.mean_pose[k, np.newaxis]])


def _component(prior, k, rotation, axes, free_scale):
    """Returns the constants of one component at all rotations, in float64."""
    num_joints, num_axes = axes.shape
    directions = np.einsum("rdc,jlc->rldj", rotation, _shapes(prior, k))
    noise_stddev = np.full(len(rotation), prior.noise_stddev[k])
    with tf.init_scope(), tf.device("cpu"):
        fit = ppca.fit(
            tf.constant(directions),
            tf.ones(directions.shape[:2], tf.float64),
            tf.constant(noise_stddev),
            free_scale,
        )
        regression, variance, log_determinant = (part.numpy() for part in fit)
    # Coordinates first, as the search has them: [r, 2L, J] and, by `axes`, [r, 2n, ...].
    regression = regression.reshape(len(rotation), -1, num_joints, 2).transpose(0, 3, 2, 1)
    both = np.kron(np.eye(2), axes)
    regression = regression.reshape(len(rotation), 2 * num_joints, -1)
    latents = both.T @ regression
    seen = both.T @ np.swapaxes(directions[:, :, :2], 1, 2).reshape(regression.shape[:2] + (-1,))
    design, mean = seen[..., :-1], seen[..., -1]
    # M, and a factor of it: whitened landmarks have independent coordinates of variance 1.
    form = np.eye(2 * num_axes) - design @ np.swapaxes(latents, 1, 2)
    form = (form + np.swapaxes(form, 1, 2)) / 2
    whitening = np.linalg.cholesky(form) / noise_stddev[:, np.newaxis, np.newaxis]
    linear = np.einsum("rij,rj->ri", form, mean)
    # The pose is linear in landmarks, and the mean pose but for what its own would add.
    loadings = directions[..., :-1].reshape(len(rotation), 3 * num_joints, -1)
    growth = (latents @ np.swapaxes(loadings, 1, 2)).reshape(*mean.shape, num_joints, 3)
    rest = directions[..., -1] - np.einsum("rild,ri->rld", growth, mean)
    if free_scale:
        growth = (growth - growth[:, :, :1])[:, :, 1:]
        rest = (rest - rest[:, :1])[:, 1:]
    moments = design @ np.swapaxes(design, 1, 2) + mean[:, :, np.newaxis] * mean[:, np.newaxis]
    return {
        "form": form,
        "moments": moments + prior.noise_stddev[k] ** 2 * np.eye(2 * num_axes),
        "linear_across": linear[:, :num_axes],
        "linear_along": linear[:, num_axes:],
        "constant": np.einsum("ri,ri->r", linear, mean),
        "whitening": whitening,
        "whitened_mean": np.einsum("rij,ri->rj", whitening, mean),
        "growth": growth.swapaxes(2, 3).reshape(*growth.shape[:2], -1),
        "rest": rest.swapaxes(1, 2).reshape(len(rotation), -1),
        "regression": regression,
        "variance": variance,
        "log_determinant": log_determinant,
        "noise_stddev": noise_stddev,
    }


def _features(forms, moments):
    """Returns the coefficients of the landmarks' products in quadratic forms.

    Args:
        forms: `[H, 2n, 2n]`.
        moments: `[2n, 2n]`; mean products of typical landmarks.

    Returns:
        "along" and "across", see `visible_forms.products`: coefficients `[F, H]` and
        the root mean squares `[F]` of the products, of Gaussian landmarks.
    """
    size = forms.shape[1] // 2
    variance = np.diag(moments)
    scales = np.sqrt(np.outer(variance, variance) + 2 * moments**2)
    rows, columns = np.triu_indices(size)
    twice = np.where(rows == columns, 1.0, 2.0)
    halves = slice(None, size), slice(size, None)
    along = [forms[:, half, half][:, rows, columns] * twice for half in halves]
    along_scales = [scales[half, half][rows, columns] for half in halves]
    across = 2 * forms[:, :size, size:].reshape(len(forms), -1)
    return {
        "along": (np.concatenate(along, 1).T, np.concatenate(along_scales)),
        "across": (across.T, scales[:size, size:].ravel()),
    }


def _compress(forms, scale, tolerance):
    """Factors quadratic forms `[F, H]` to the lowest rank that typical landmarks allow.

    Args:
        forms: The coefficients of a form in each column.
        scale: `[F]`; size of the features.
        tolerance: Largest root mean square error of the forms' values.

    Returns:
        Encoder `[r, F]` and decoder `[H, r]`; or `None` and `[H, F]` where that is less.

    References:
        docs/method.md, equation 13a.
    """
    left, values, right = np.linalg.svd(scale[:, np.newaxis] * forms, full_matrices=False)
    left_out = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1] / forms.shape[1])
    rank = max(1, int(np.sum(left_out > tolerance)))
    # Matrix products take 16 rows as fast as one; more of them lose nothing.
    rank = min(len(values), -(-rank // 16) * 16)
    if rank * sum(forms.shape) > forms.size:
        return None, forms.T
    return (left[:, :rank] / scale[:, np.newaxis]).T, (values[:rank, np.newaxis] * right[:rank]).T
