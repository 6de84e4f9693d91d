"""Precomputes the constants of the lift from a prior, in float64, once per prior."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift.fast import interpolation, visible_forms
from tf_lift.ops.lift.table_parts import ComponentTables, PoseTables, SearchTables
from tf_lift.ops.lift.tables import LiftTables

__all__ = ["build_tables"]

# Candidates computed at once: intermediate results stay in memory that is already mapped.
_CHUNK = 256

# Tables of which half a turn later only the sign of horizontal coordinates or depths changes.
_OF_HALVES = {
    "linear_cross_axis",
    "linear_same_axis",
    "landmarks_to_pose",
    "pose_offset",
    "whitened_mean",
    "whitening",
}

# Landmarks on which the interpolation between angles is tried, and the largest number of
# candidates that may then seem better than the best: for a shortlist, half of those that are
# evaluated again, and for probabilities.
_NUM_TRIALS = 256
_MAX_RANK = 7
_MAX_RANK_MEAN = 3

# Fewest angles to interpolate from. All landmarks are visible in the trials; with 3 to 5 of them,
# the best of 8 candidates was not the winner of a third of the poses at 8 angles, of 1 % at 10.
_MIN_COARSE = 10


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
    >>> tables.poses.landmarks_to_pose.shape
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
    num_coarse = [num_rotations, num_rotations]
    if is_halved:
        ranks = _MAX_RANK, _MAX_RANK_MEAN
        num_coarse = _num_coarse(prior, axes, forms, tables, num_rotations // 2, ranks)
    # What rounding leaves of the cost is all that the search has to resolve.
    tolerance = (3e-3 if dtype == "float32" else 1e-10) * prior.noise_stddev.min() ** 2
    for name, (features, scale) in _features(forms, moments).items():
        encode, decode = _compress(features, scale, tolerance)
        tables |= {f"encode_{name}": encode, f"decode_{name}": decode}
    tables |= _components(prior, rotation) | {"axes": axes}
    with tf.init_scope():
        # Tensors, so that every graph refers to these and none has a copy.
        tensors = {
            name: None if array is None else tf.constant(array, dtype)
            for name, array in tables.items()
        }

    def pick(kind):
        return kind(**{field.name: tensors.pop(field.name) for field in dataclasses.fields(kind)})

    return LiftTables(
        search=pick(SearchTables),
        poses=pick(PoseTables),
        components=pick(ComponentTables),
        noise_stddev=tensors.pop("candidate_noise_stddev"),
        mixture_cost=tensors.pop("candidate_mixture_cost"),
        num_rotations=num_rotations,
        num_coarse=num_coarse[0],
        num_coarse_mean=num_coarse[1],
        pitches=pitches,
        free_scale=free_scale,
    )


def _components(prior, rotation):
    """Returns the `ComponentTables` of a prior as arrays."""
    # From the world, z up, to the axes of a level camera at angle 0.
    turn = rotations.world_to_camera(0.0)[[0, 2, 1]]
    scaled = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    loadings = np.einsum("ac,kjlc->alkj", turn, scaled)
    with np.errstate(divide="ignore"):  # A component of weight 0 costs infinity.
        mixture_cost = -2 * np.log(prior.mixture_weights)
    return {
        "covariance": np.einsum("alkj,bmkj->albmk", loadings, loadings, optimize=True),
        "mean": np.einsum("ac,klc->alk", turn, prior.mean_pose),
        "loadings": loadings.reshape(3 * prior.num_joints, -1),
        "noise_variance": prior.noise_stddev**2,
        "mixture_cost": mixture_cost,
        "view": np.tile(rotation @ turn.T, [prior.mixture_size, 1, 1]),
    }


def _num_coarse(prior, axes, forms, tables, num_angles, max_ranks):
    """Returns the numbers of angles over half a turn that the others can be interpolated from.

    The fewest for which no more than each of `max_ranks` candidates seem better than the best
    on landmarks of the prior's own people: noise and bases decide how fast costs change with
    the angle.
    """
    divisors = [count for count in range(_MIN_COARSE, num_angles) if num_angles % count == 0]
    if not divisors:
        return [num_angles] * len(max_ranks)
    num_axes = axes.shape[1]
    generator = np.random.default_rng(0)
    poses = prior.sample(_NUM_TRIALS, seed=0)
    turned = poses @ rotations.world_to_camera(0.0).T
    angle = generator.uniform(0, 2 * np.pi, [_NUM_TRIALS, 1])
    x = np.cos(angle) * turned[..., 0] - np.sin(angle) * turned[..., 2]
    x, y = x @ axes, turned[..., 1] @ axes

    def form(left, block, right):
        outer = (left[:, :, np.newaxis] * right[:, np.newaxis]).reshape(len(left), -1)
        return outer @ block.reshape(len(block), -1).T

    of_x, of_y = slice(0, num_axes), slice(num_axes, None)
    size = prior.mixture_size

    def by_component(values):
        return values.reshape(_NUM_TRIALS, size, num_angles)

    first = [
        np.broadcast_to(
            tables[name].reshape(size, 2, num_angles)[:, 0], [_NUM_TRIALS, size, num_angles]
        )
        for name in ("constant", "normaliser")
    ]
    exact = [
        by_component(form(x, forms[:, of_x, of_x], x) + form(y, forms[:, of_y, of_y], y)),
        by_component(2 * form(x, forms[:, of_x, of_y], y)),
        by_component(y @ tables["linear_same_axis"].T),
        by_component(x @ tables["linear_cross_axis"].T),
        *first,
    ]
    noise = prior.noise_stddev[:, np.newaxis] ** 2

    def costs(parts):
        even, odd, mean_even, mean_odd, constant, normaliser = parts
        both = []
        for sign in (1, -1):
            square, product = even + sign * odd, mean_even + sign * mean_odd
            square = np.maximum(square, 1e-9)
            inverse_scale = np.ones_like(square)
            if num_axes < len(axes):
                volume = 2 * num_axes * noise
                root = np.sqrt(product**2 + 4 * volume * square)
                inverse_scale = np.maximum((product + root) / (2 * square), 1e-9)
            energy = inverse_scale * (inverse_scale * square - 2 * product) + constant
            both.append(energy / noise + normaliser - 4 * num_axes * np.log(inverse_scale))
        return np.stack(both, 1).reshape(_NUM_TRIALS, -1)

    best = np.argmin(costs(exact), 1)[:, np.newaxis]
    ranks = {num_angles: 0}
    for count in divisors:
        kernels = [interpolation.matrix(count, num_angles, sign) for sign in (1, -1)]
        parts = [
            part[..., :: num_angles // count] @ kernels[kind]
            for part, kind in zip(exact, (0, 1, 0, 1, 0, 0), strict=True)
        ]
        tried = costs(parts)
        ranks[count] = np.max(np.sum(tried < np.take_along_axis(tried, best, 1), 1))
    return [min(count for count, rank in ranks.items() if rank <= most) for most in max_ranks]


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
    to_pose = _eagerly(tf.matmul, latents, np.swapaxes(loadings, 1, 2))
    to_pose = to_pose.reshape(*mean.shape, num_joints, 3)
    offset = directions[..., -1] - np.einsum("rild,ri->rld", to_pose, mean)
    if free_scale:
        to_pose = (to_pose - to_pose[:, :, :1])[:, :, 1:]
        offset = (offset - offset[:, :1])[:, 1:]
    rows = np.swapaxes(seen, 1, 2).reshape(-1, 2 * num_axes)
    moments = _eagerly(tf.matmul, rows.T, rows) + np.sum(noise_stddev**2) * np.eye(2 * num_axes)
    return {
        "form": form,
        "moments": moments,
        "linear_cross_axis": linear[:, :num_axes],
        "linear_same_axis": linear[:, num_axes:],
        "constant": np.einsum("ri,ri->r", linear, mean),
        "whitening": whitening,
        "whitened_mean": np.einsum("rij,ri->rj", whitening, mean),
        "landmarks_to_pose": to_pose.swapaxes(2, 3).reshape(*to_pose.shape[:2], -1),
        "pose_offset": offset.swapaxes(1, 2).reshape(len(rotation), -1),
        "variance": variance,
        "candidate_noise_stddev": noise_stddev,
        "candidate_mixture_cost": mixture_cost,
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
        "same_axis" and "cross_axis", see `visible_forms.products`: coefficients `[F, H]` and
        the root mean squares `[F]` of the products, of Gaussian landmarks.
    """
    size = forms.shape[1] // 2
    variance = np.diag(moments)
    scales = np.sqrt(np.outer(variance, variance) + 2 * moments**2)
    rows, columns = np.triu_indices(size)
    halves = slice(None, size), slice(size, None)
    same_axis, cross_axis = _eagerly(visible_forms.coefficients, forms)
    return {
        "same_axis": (
            same_axis.T,
            np.concatenate([scales[half, half][rows, columns] for half in halves]),
        ),
        "cross_axis": (cross_axis.T, scales[:size, size:].ravel()),
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
        docs/method.md, M13a.
    """
    values, left, right = _eagerly(tf.linalg.svd, scale[:, np.newaxis] * forms)
    left_out = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1] / forms.shape[1])
    rank = max(1, int(np.sum(left_out > tolerance)))
    # Matrix products take 16 rows as fast as one; more of them lose nothing.
    rank = min(len(values), -(-rank // 16) * 16)
    if rank * sum(forms.shape) > forms.size:
        return None, forms.T
    return (left[:, :rank] / scale[:, np.newaxis]).T, values[:rank] * right[:, :rank]
