"""Precomputes the constants of the lift from a prior, in float64, once per prior."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift.fast import visible_forms
from tf_lift.ops.lift.tables import LiftTables

__all__ = ["build_tables"]

# Candidates computed at once: what lies between stays in memory that is already at hand.
_CHUNK = 256

# Tables of which half a turn later only the sign changes of what is horizontal, or a depth.
_OF_HALVES = {"linear_along", "linear_across", "whitening", "whitened_mean", "growth", "rest"}


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
    # However the arguments are given, they are of the same tables.
    dtype = tf.as_dtype(dtype).name
    return _build(prior, int(num_rotations), tuple(pitches), bool(free_scale), dtype)


@functools.lru_cache(maxsize=16)
def _build(prior, num_rotations, pitches, free_scale, dtype):
    angles = 2 * np.pi * np.arange(num_rotations) / num_rotations
    rotation = rotations.world_to_camera(angles, np.reshape(pitches, [-1, 1])).reshape(-1, 3, 3)
    axes = _axes(prior.num_joints, free_scale)
    # A level camera sees the pose half a turn later as it is, but for signs.
    is_halved = num_rotations % 2 == 0 and pitches == (0.0,)
    tables, forms, moments = _candidates(prior, rotation, axes, free_scale, is_halved, dtype)
    # What rounding leaves of the cost is all that the search need tell.
    tolerance = (3e-3 if dtype == "float32" else 1e-10) * prior.noise_stddev.min() ** 2
    for name, (features, scale) in _features(forms, moments).items():
        encode, decode = _compress(features, scale, tolerance)
        tables |= {f"encode_{name}": encode, f"decode_{name}": decode}
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
        **tensors, num_rotations=num_rotations, pitches=pitches, free_scale=free_scale
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


def _candidates(prior, rotation, axes, free_scale, is_halved, dtype):
    """Returns the constants of all candidates, the forms `[H, 2n, 2n]`, and mean moments.

    Args:
        prior: `PosePrior`.
        rotation: `[r, 3, 3]`, of each component.
        axes: See `LiftTables`.
        free_scale: Whether scale and position are free.
        is_halved: Whether the second half of the rotations is half a turn from the first.
        dtype: Of the tables; forms and moments are float64.
    """
    turns = 2 if is_halved else 1
    size, distinct = prior.mixture_size, len(rotation) // turns
    tables: dict[str, np.ndarray] = {}
    forms = np.empty([size, distinct, 2 * axes.shape[1], 2 * axes.shape[1]])
    moments = np.zeros(forms.shape[2:])
    for k in range(size):
        for start in range(0, distinct, _CHUNK):
            rows = slice(start, min(start + _CHUNK, distinct))
            parts = _component(prior, k, rotation[rows], axes, free_scale)
            forms[k, rows] = parts.pop("form")
            moments += parts.pop("moments")
            for name, part in parts.items():
                kept = 1 if name in _OF_HALVES else turns
                if name not in tables:
                    tables[name] = np.empty([size, kept, distinct, *part.shape[1:]], dtype)
                tables[name][k, :, rows] = part
            if is_halved:
                # Horizontal coordinates have changed their sign.
                tables["regression"][k, 1, rows, : axes.shape[0]] *= -1
    if is_halved:
        moments[: axes.shape[1], axes.shape[1] :] = moments[axes.shape[1] :, : axes.shape[1]] = 0
    tables = {name: table.reshape(-1, *table.shape[3:]) for name, table in tables.items()}
    return tables, forms.reshape(-1, *moments.shape), moments / (size * distinct)


def _component(prior, k, rotation, axes, free_scale):
    """Returns the constants of one component at some rotations, in float64.

    The moments are their sum, in rows and columns of `axes`.
    """
    num_joints, num_axes = axes.shape
    directions = np.einsum("rdc,jlc->rldj", rotation, _shapes(prior, k))
    noise_stddev = np.full(len(rotation), prior.noise_stddev[k])
    with np.errstate(divide="ignore"):  # A component of weight 0 costs infinity.
        mixture_cost = np.full(len(rotation), -2 * np.log(prior.mixture_weights[k]))
    weights = np.ones(directions.shape[:2])
    fit = functools.partial(ppca.fit, free_scale=free_scale)
    regression, variance, log_determinant = _eagerly(fit, directions, weights, noise_stddev)
    # Coordinates first, as the search has them: [r, 2L, J] and, by `axes`, [r, 2n, ...].
    regression = regression.reshape(len(rotation), -1, num_joints, 2).transpose(0, 3, 2, 1)
    both = np.kron(np.eye(2), axes)
    regression = regression.reshape(len(rotation), 2 * num_joints, -1)
    latents = _eagerly(tf.matmul, both.T, regression)
    seen = np.swapaxes(directions[:, :, :2], 1, 2).reshape(regression.shape[:2] + (-1,))
    seen = _eagerly(tf.matmul, both.T, seen)
    design, mean = seen[..., :-1], seen[..., -1]
    # M, and a factor of it: whitened landmarks have independent coordinates of variance 1.
    form = np.eye(2 * num_axes) - _eagerly(tf.matmul, design, np.swapaxes(latents, 1, 2))
    form = (form + np.swapaxes(form, 1, 2)) / 2
    whitening = _eagerly(tf.linalg.cholesky, form) / noise_stddev[:, np.newaxis, np.newaxis]
    linear = np.einsum("rij,rj->ri", form, mean)
    # The pose is linear in landmarks, and the mean pose but for what its own would add.
    loadings = directions[..., :-1].reshape(len(rotation), 3 * num_joints, -1)
    growth = _eagerly(tf.matmul, latents, np.swapaxes(loadings, 1, 2))
    growth = growth.reshape(*mean.shape, num_joints, 3)
    rest = directions[..., -1] - np.einsum("rild,ri->rld", growth, mean)
    if free_scale:
        growth = (growth - growth[:, :, :1])[:, :, 1:]
        rest = (rest - rest[:, :1])[:, 1:]
    rows = np.swapaxes(seen, 1, 2).reshape(-1, 2 * num_axes)
    moments = _eagerly(tf.matmul, rows.T, rows) + np.sum(noise_stddev**2) * np.eye(2 * num_axes)
    return {
        "form": form,
        "moments": moments,
        "linear_across": linear[:, :num_axes],
        "linear_along": linear[:, num_axes:],
        "constant": np.einsum("ri,ri->r", linear, mean),
        "whitening": whitening,
        "whitened_mean": np.einsum("rij,ri->rj", whitening, mean),
        "growth": growth.swapaxes(2, 3).reshape(*growth.shape[:2], -1),
        "rest": rest.swapaxes(1, 2).reshape(len(rotation), -1),
        "regression": regression,
        "variance": variance,
        "noise_stddev": noise_stddev,
        "mixture_cost": mixture_cost,
        "normaliser": log_determinant + mixture_cost,
    }


def _eagerly(function, *arrays):
    """Returns what a function of TensorFlow makes of arrays, as arrays, also within a graph.

    The threads of NumPy's linear algebra wait for each other, seconds where a core is busy.
    """
    with tf.init_scope(), tf.device("cpu"):
        made = function(*(tf.constant(array) for array in arrays))
    return tuple(part.numpy() for part in made) if isinstance(made, tuple) else made.numpy()


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
    halves = slice(None, size), slice(size, None)
    along, across = _eagerly(visible_forms.coefficients, forms)
    return {
        "along": (along.T, np.concatenate([scales[half, half][rows, columns] for half in halves])),
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
    values, left, right = _eagerly(tf.linalg.svd, scale[:, np.newaxis] * forms)
    left_out = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1] / forms.shape[1])
    rank = max(1, int(np.sum(left_out > tolerance)))
    # Matrix products take 16 rows as fast as one; more of them lose nothing.
    rank = min(len(values), -(-rank // 16) * 16)
    if rank * sum(forms.shape) > forms.size:
        return None, forms.T
    return (left[:, :rank] / scale[:, np.newaxis]).T, values[:rank] * right[:, :rank]
