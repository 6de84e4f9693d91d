"""Exhaustive search of the mixture component and the rotation of the lift."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift.fast import missing_landmarks, visible_forms
from tf_lift.ops.lift.scale_estimation import most_likely_inverse_scale

__all__ = [
    "SearchResult",
    "coordinates",
    "cost",
    "evaluate",
    "search",
]

# Poses whose normal equations of all candidates stand in memory at once: 240 candidates
# of 25 bases take 0.6 MB a pose.
_CHUNK = 32


class SearchResult(NamedTuple):
    """What the search finds of candidates.

    Attributes:
        costs: `[..., M]`, the lower the better, see `cost`.
        inverse_scale: `[..., M]`, mm per unit of the landmarks.
        square: `[..., M]`; y'My.
        energy: `[..., M]`, mm^2.
    """

    costs: tf.Tensor
    inverse_scale: tf.Tensor
    square: tf.Tensor
    energy: tf.Tensor


def search(landmarks, tables, weights=None, estimator="map", masks=False):
    """Compares every component at every rotation.

    With M the inverse covariance of a candidate's landmarks, times noise^2, and p its
    projected mean pose, all that matters of landmarks y is y'My and p'My. With all
    landmarks visible these are products with constants, see `visible_forms`; where some are
    missing, `missing_landmarks` corrects these; with other weights, the normal equations of
    every candidate are solved.

    Args:
        landmarks: `[B, L, 2]`: less their weighted mean and of size about 1 at a free
            scale, in mm at a given one.
        tables: `LiftTables`.
        weights: `[B, L]`, >= 0, or `None` for all visible.
        estimator: See `cost`.
        masks: Whether all weights are 0 or 1.

    Returns:
        A `SearchResult` of `[B, M]`.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2.
        docs/method.md, section 2.
    """
    if weights is None:
        parts = visible_forms.evaluate(landmarks, tables)
        square, product = (
            tf.transpose(visible_forms.join(forms, tables)) for forms in zip(*parts, strict=True)
        )
        dimensions = 2.0 * tables.axes.shape[1]
        rest = tables.constant, tables.noise_stddev**2, tables.normaliser, dimensions
        return evaluate(square, product, *rest, estimator, tables)
    square, product, constant, log_determinant = _solve(landmarks, weights, tables, masks)
    normaliser = log_determinant + tables.mixture_cost
    num_free = ppca.dimensions(weights, tables.free_scale)[:, tf.newaxis]
    noise_variance = tables.noise_stddev**2
    return evaluate(
        square, product, constant, noise_variance, normaliser, num_free, estimator, tables
    )


def coordinates(landmarks, tables):
    """Returns landmarks `[B, L, 2]` in the coordinates of `tables.axes`, `[B, 2n]`."""
    flat = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, tables.num_joints])
    return tf.reshape(tf.matmul(flat, tables.axes), [-1, 2 * tables.axes.shape[1]])


def cost(energy, inverse_scale, noise_variance, normaliser, dimensions, estimator):
    """Returns what the candidates are compared by.

    Args:
        energy: mm^2; all arguments broadcast.
        inverse_scale: mm per unit of the landmarks.
        noise_variance: mm^2.
        normaliser: Log-determinant less twice the log of the mixture weight.
        dimensions: Number of free coordinates of the landmarks.
        estimator: "map" or "mean", minus twice the log of the candidate's
            probability; or "min_energy", the energy alone, as in P2.

    References:
        docs/method.md, equation 12.
    """
    if estimator == "min_energy":
        return energy
    return energy / noise_variance + normaliser - 2 * dimensions * tf.math.log(inverse_scale)


def evaluate(square, product, constant, noise_variance, normaliser, dimensions, estimator, tables):
    """Returns the `SearchResult` of y'My and p'My and the candidates' constants."""
    if not tables.free_scale:
        inverse_scale = tf.ones_like(square)
    else:
        # What rounding may leave of y'My, which is positive, of landmarks of size 1.
        square = tf.maximum(square, float(np.finfo(square.dtype.as_numpy_dtype).eps))
        inverse_scale = most_likely_inverse_scale(square, product, noise_variance, dimensions)
    energy = inverse_scale * (inverse_scale * square - 2 * product) + constant
    costs = cost(energy, inverse_scale, noise_variance, normaliser, dimensions, estimator)
    return SearchResult(costs, inverse_scale, square, energy)


def _solve(landmarks, weights, tables, masks):
    """Returns y'My, p'My, p'Mp and the log-determinant of every candidate, `[B, M]` each."""
    solve_any = _normal_equations(tables)
    solve_few = missing_landmarks.solver(tables)

    def solve_chunk(batch):
        if not masks:
            return solve_any(**batch)
        missing = tf.reduce_sum(tf.cast(batch["weights"] <= 0, tf.int32), -1)
        few = tf.reduce_all(missing <= missing_landmarks.MAX_MISSING)
        return tf.cond(few, lambda: solve_few(**batch), lambda: solve_any(**batch))

    spec = tf.TensorSpec([None, tables.constant.shape[0]], tables.dtype)
    batch = {"landmarks": landmarks, "weights": weights}
    return chunks.map_chunks(solve_chunk, batch, (spec,) * 4, _CHUNK)


def _normal_equations(tables):
    """Returns the function of landmarks and weights that solves for every candidate."""
    design = tables.directions[:, :, :2]
    num_candidates, num_joints, _, size = design.shape
    # Sums over the landmarks become matrix products with these, made once a call:
    # [L, M (J + 1)^2], [L, 2 M (J + 1)] and [2L, M (J + 1)].
    grams = tf.reshape(tf.einsum("mlcj,mlci->lmji", design, design), [num_joints, -1])
    means = tf.reshape(tf.transpose(design, [1, 2, 0, 3]), [num_joints, -1])
    products = tf.reshape(means, [2 * num_joints, -1])
    noise_variance = tables.noise_stddev**2
    ridge = noise_variance[:, tf.newaxis, tf.newaxis] * tf.eye(size - 1, dtype=design.dtype)

    def solve(landmarks, weights):
        total = tf.reduce_sum(weights, -1)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        gram = tf.reshape(tf.matmul(weights, grams), [-1, num_candidates, size, size])
        if tables.free_scale:
            sums = tf.reshape(tf.matmul(weights, means), [-1, 2, num_candidates, size])
            for axis in range(2):
                outer = sums[:, axis, :, :, tf.newaxis] * sums[:, axis, :, tf.newaxis, :]
                gram -= tf.math.divide_no_nan(outer, total)
        weighted = tf.reshape(weights[..., tf.newaxis] * landmarks, [-1, 2 * num_joints])
        product = tf.reshape(tf.matmul(weighted, products), [-1, num_candidates, size])
        square = tf.reduce_sum(weights[..., tf.newaxis] * landmarks**2, [1, 2])[:, tf.newaxis]

        factor = tf.linalg.cholesky(gram[..., :-1, :-1] + ridge)
        sides = tf.stack([gram[..., :-1, -1], product[..., :-1]], -1)
        whitened = tf.linalg.triangular_solve(factor, sides)
        mean_part, landmark_part = whitened[..., 0], whitened[..., 1]
        log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
        dimensions = ppca.dimensions(weights, tables.free_scale)[:, tf.newaxis]
        log_determinant += (dimensions - (size - 1)) * tf.math.log(noise_variance)
        return (
            square - tf.reduce_sum(landmark_part**2, -1),
            product[..., -1] - tf.reduce_sum(mean_part * landmark_part, -1),
            gram[..., -1, -1] - tf.reduce_sum(mean_part**2, -1),
            log_determinant,
        )

    return solve
