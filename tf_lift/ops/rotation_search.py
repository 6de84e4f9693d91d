"""Exhaustive search of the mixture component and the rotation of the lift."""

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca

__all__ = ["NUM_CANDIDATES", "SELECTIONS", "quadratic_features", "search"]

SELECTIONS = ("posterior", "energy")

# The search ranks by a float32 quadratic form, good to about 1e-4 of the energy; so many
# of the best are then ranked exactly, and their spread is part of the uncertainty.
NUM_CANDIDATES = 4

# Poses whose normal equations of all candidates stand in memory at once: 240 candidates
# of 25 bases take 0.6 MB a pose.
_CHUNK = 32


def search(landmarks, tables, weights=None, selection="posterior"):
    """Finds the best candidates of each pose, and the best of all.

    Every component is tried at every rotation. With all landmarks visible this is one
    matrix product of the landmarks' quadratic features with `tables.quadratic`; with
    weights, the weighted normal equations of every candidate are solved.

    Args:
        landmarks: `[B, L, 2]`.
        tables: `LiftTables`.
        weights: `[B, L]`, >= 0, or `None` for all visible.
        selection: "posterior" ranks by energy / noise^2 + log-determinant - 2 log mixture
            weight; "energy" by the energy alone, as the paper's eq. 2.

    Returns:
        Indices `[B, NUM_CANDIDATES]` of the candidates by their search score, best
        first, and the normaliser of each to add to its energy / noise^2 (zero for
        "energy"). No gradient flows through either.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2.
    """
    landmarks = tf.stop_gradient(landmarks)
    if weights is None:
        score, normaliser = _search_visible(landmarks, tables, selection)
    else:
        score, normaliser = _search_weighted(
            landmarks, tf.stop_gradient(weights), tables, selection
        )
    num_candidates = min(NUM_CANDIDATES, tables.directions.shape[0])
    _, indices = tf.math.top_k(-score, num_candidates)
    return indices, tf.gather(normaliser, indices, batch_dims=1)


def quadratic_features(landmarks, free_scale):
    """Returns the products of all pairs of coordinates, each pair once.

    At a given scale a coordinate 1 is appended, so that linear and constant terms are
    among the products.

    Args:
        landmarks: `[B, L, 2]`.
        free_scale: Whether the quadratic form is homogeneous.

    Returns:
        `[B, D (D + 1) / 2]`, D = 2L, or 2L + 1 at a given scale.

    >>> quadratic_features(tf.constant([[[2.0, 3.0]]]), True).numpy()
    array([[4., 6., 9.]], dtype=float32)
    """
    flat = tf.reshape(landmarks, [-1, 2 * landmarks.shape[-2]])
    if not free_scale:
        flat = tf.concat([flat, tf.ones_like(flat[:, :1])], -1)
    rows, columns = np.triu_indices(flat.shape[-1])
    return tf.gather(flat, rows, axis=-1) * tf.gather(flat, columns, axis=-1)


def _search_visible(landmarks, tables, selection):
    if tables.free_scale:
        landmarks -= tf.reduce_mean(landmarks, -2, keepdims=True)
    energy = tf.matmul(quadratic_features(landmarks, tables.free_scale), tables.quadratic)
    if tables.free_scale:
        num_candidates, num_rows = tables.matrix.shape[0], 2 * tables.num_joints
        scale_rows = tf.reshape(tables.matrix[:, -1], [num_candidates, num_rows])
        scale = tf.matmul(tf.reshape(landmarks, [-1, num_rows]), scale_rows, transpose_b=True)
        energy = _over_squared_scale(energy, scale)
    if selection == "energy":
        return energy, tf.zeros_like(energy)
    normaliser = tf.broadcast_to(tables.normaliser, tf.shape(energy))
    return energy / tables.noise_stddev**2 + normaliser, normaliser


def _over_squared_scale(energy, scale):
    """A person cannot be mirrored through a point: candidates with s <= 0 are out."""
    usable = scale > 0
    return tf.where(usable, energy / tf.where(usable, scale, 1) ** 2, float("inf"))


def _search_weighted(landmarks, weights, tables, selection):
    mean = ppca.mean_weights(weights, tables.free_scale)
    landmarks -= tf.einsum("bl,blc->bc", mean, landmarks)[:, tf.newaxis]
    design = tables.directions[:, :, :2]
    shape = design.shape
    size = shape[-1]
    # Sums over the landmarks become matrix products with these, made once a call:
    # [L, M (J + 1)^2], [L, 2 M (J + 1)] and [2L, M (J + 1)].
    grams = tf.reshape(tf.einsum("mlcj,mlci->lmji", design, design), [shape[1], -1])
    means = tf.reshape(tf.transpose(design, [1, 2, 0, 3]), [shape[1], -1])
    products = tf.reshape(tf.transpose(design, [1, 2, 0, 3]), [2 * shape[1], -1])
    identity = tf.eye(size - 1, dtype=design.dtype)
    noise_variance = tables.noise_stddev**2

    def score_chunk(chunk):
        landmarks, weights = chunk
        total = tf.reduce_sum(weights, -1)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        gram = tf.reshape(tf.matmul(weights, grams), [-1, shape[0], size, size])
        if tables.free_scale:
            sums = tf.reshape(tf.matmul(weights, means), [-1, 2, shape[0], size])
            for axis in range(2):
                outer = sums[:, axis, :, :, tf.newaxis] * sums[:, axis, :, tf.newaxis, :]
                gram -= tf.math.divide_no_nan(outer, total)
        weighted = tf.reshape(weights[..., tf.newaxis] * landmarks, [-1, 2 * shape[1]])
        product = tf.reshape(tf.matmul(weighted, products), [-1, shape[0], size])
        square = tf.reduce_sum(weights[..., tf.newaxis] * landmarks**2, [1, 2])[:, tf.newaxis]

        inner = gram[..., :-1, :-1] + noise_variance[:, tf.newaxis, tf.newaxis] * identity
        factor = tf.linalg.cholesky(inner)
        sides = tf.stack([gram[..., :-1, -1], product[..., :-1]], -1)
        whitened = tf.linalg.triangular_solve(factor, sides)
        mean_part, landmark_part = whitened[..., 0], whitened[..., 1]
        mean_square = gram[..., -1, -1]
        pivot = mean_square - tf.reduce_sum(mean_part**2, -1)
        cross = product[..., -1] - tf.reduce_sum(mean_part * landmark_part, -1)
        square -= tf.reduce_sum(landmark_part**2, -1)
        if tables.free_scale:
            scale = tf.where(pivot > 1e-5 * mean_square, tf.math.divide_no_nan(cross, pivot), 0)
            energy = _over_squared_scale(square - scale * cross, scale)
        else:
            energy = square - 2 * cross + pivot
        log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
        visible = tf.reduce_sum(tf.cast(weights > 0, weights.dtype), -1, keepdims=True)
        dimensions = tf.maximum(2 * visible - 2, 0) if tables.free_scale else 2 * visible
        log_determinant += (dimensions - (size - 1)) * tf.math.log(noise_variance)
        return energy, log_determinant + tables.mixture_cost

    energy, normaliser = _map_chunks(score_chunk, landmarks, weights, shape[0])
    if selection == "energy":
        return energy, tf.zeros_like(energy)
    return energy / noise_variance + normaliser, normaliser


def _map_chunks(function, landmarks, weights, num_candidates):
    """Applies a function to `_CHUNK` poses at a time: bounds the memory of a large batch."""
    batch = tf.shape(landmarks)[0]
    chunk = tf.clip_by_value(batch, 1, _CHUNK)
    num_joints = landmarks.shape[1]
    padding = [[0, -batch % chunk], [0, 0]]
    landmarks = tf.reshape(
        tf.pad(landmarks, [*padding, [0, 0]]), tf.stack([-1, chunk, num_joints, 2])
    )
    weights = tf.reshape(tf.pad(weights, padding), tf.stack([-1, chunk, num_joints]))
    landmarks.set_shape([None, None, num_joints, 2])
    weights.set_shape([None, None, num_joints])
    energy, normaliser = tf.map_fn(
        function, (landmarks, weights), fn_output_signature=(landmarks.dtype, landmarks.dtype)
    )
    return (
        tf.reshape(energy, [-1, num_candidates])[:batch],
        tf.reshape(normaliser, [-1, num_candidates])[:batch],
    )
