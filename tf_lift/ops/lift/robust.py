"""Landmarks of a detector that may be wrong altogether, each with a probability."""

import functools

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import inputs, noise

__all__ = ["find_weights", "inlier_probability", "view_without_roll"]

# Area, mm^2, over which a landmark that is wrong may lie anywhere: that of a standing person's box.
_AREA = 1e6

# Rounds of a lift and the probabilities after it. A third changes few joints by a millimetre.
_NUM_ROUNDS = 3

# The first round weighs landmarks by this power of the probability that they are right: those that
# are likely wrong then have no influence on the pose that they are judged by.
_FIRST_POWER = 8


def find_weights(batch, tables, lift, view=None):
    """Computes the weights of landmarks that may be wrong, without a gradient.

    Each landmark has the error that its weight says or, with its outlier probability, lies anywhere
    near the person. In turns, the landmarks are lifted, and each is weighed by the probability that
    it is right, given the pose that all others show.

    Args:
        batch: Dict of `landmarks` and `outlier`, the probabilities `[B, L]`, and perhaps `weights`,
            `noise` and `scale`, see `inputs.without_invalid`.
        tables: `LiftTables`.
        lift: Function of such a batch without `outlier` to the results of the most probable
            candidate.
        view: Function of such results to the index `[B]` of that candidate and its loadings in
            the image, `[B, L, 2, J]`, mm; `None` for those of a camera without roll.

    Returns:
        `[B, L]`: the weights, of the landmarks' noise as well, times the probabilities.

    References:
        docs/method.md, M34 to M36.
    """
    batch = {name: tf.stop_gradient(values) for name, values in batch.items()}
    landmarks, weights, valid = inputs.without_invalid(batch)
    if "noise" in batch:
        weights = noise.trust_landmarks(landmarks, weights, batch, tables)
    elif weights is None:
        weights = tf.ones_like(landmarks[..., 0])
    prior_odds = batch["outlier"]
    parts = {"landmarks": landmarks} | {name: batch[name] for name in ("scale",) if name in batch}

    def step(index, right):
        result = lift(parts | {"weights": weights * right})
        candidate, design = (view or functools.partial(view_without_roll, tables))(result)
        found = inlier_probability(
            landmarks, weights, right, prior_odds, result, tables, candidate, design
        )
        return index + 1, tf.ensure_shape(found, right.shape)

    # A loop of the graph, because it takes seconds to trace and to compile a lift.
    first = (1 - prior_odds) ** _FIRST_POWER
    _, right = tf.while_loop(lambda index, _: index < _NUM_ROUNDS, step, [0, first])
    # A pose that is not valid stays so: its weights may be negative or NaN.
    weights = weights * right
    if "weights" in batch:
        return tf.where(valid[:, tf.newaxis], weights, batch["weights"])
    return weights


def inlier_probability(landmarks, weights, right, outlier, result, tables, index, design):
    """Computes the probability of each landmark to be right, given the pose that others show.

    Args:
        landmarks: `[B, L, 2]`, pixels.
        weights: `[B, L]`: of the landmarks if they are right.
        right: `[B, L]`: what `weights` were multiplied by for the fit.
        outlier: `[B, L]`; probability of each to be wrong, whatever the pose.
        result: Results of the fitted candidate.
        tables: `LiftTables`.
        index: `[B]`; that candidate.
        design: `[B, L, 2, J]`; its loadings in the image.

    Returns:
        `[B, L]`.

    References:
        docs/method.md, M34 to M36.
    """
    tiny = float(np.finfo(tables.dtype.as_numpy_dtype).tiny)
    usable = tf.math.is_finite(result["energy"])
    noise_variance = tf.gather(tables.noise_stddev, index) ** 2
    scale = tf.where(usable & (result["scale"] > 0), result["scale"], 1)
    seen = weights > 0
    known = (seen & usable[:, tf.newaxis])[..., tf.newaxis]
    residuals = tf.where(known, landmarks - result["landmarks"], 0) / scale[:, None, None]

    # D G^-1 D', two rows and columns of a landmark, where a free position is two more latents.
    num_bases = design.shape[-1]
    ridge = tf.tile(noise_variance[:, tf.newaxis], [1, num_bases])
    fitted = weights * right
    if tables.free_scale:
        shift = tf.broadcast_to(tf.eye(2, dtype=design.dtype), tf.shape(design[..., :2]))
        design = tf.concat([design, shift], -1)
        ridge = tf.pad(ridge, [[0, 0], [0, 2]], constant_values=1e-6)
    flat = tf.reshape(design, [-1, 2 * tables.num_joints, design.shape[-1]])
    gram = tf.matmul(tf.repeat(fitted, 2, axis=-1)[..., tf.newaxis] * flat, flat, transpose_a=True)
    factor = tf.linalg.cholesky(gram + tf.linalg.diag(ridge))
    spread = tf.linalg.triangular_solve(factor, tf.linalg.matrix_transpose(flat))
    spread = tf.reshape(spread, [-1, design.shape[-1], tables.num_joints, 2])
    spread = tf.einsum("bjlc,bjld->blcd", spread, spread)

    # Without the landmark itself, by Woodbury's identity (M34).
    identity = tf.eye(2, dtype=design.dtype)
    without = identity - fitted[..., tf.newaxis, tf.newaxis] * spread
    residuals = tf.linalg.matvec(_inverse(without), residuals)
    own = tf.where(seen, weights, 1)[..., tf.newaxis, tf.newaxis]
    covariance = tf.matmul(spread, _inverse(without)) + identity / own
    covariance *= noise_variance[:, tf.newaxis, tf.newaxis, tf.newaxis]
    distance = tf.einsum("blc,blcd,bld->bl", residuals, _inverse(covariance), residuals)
    log_odds = tf.math.log(tf.maximum(1 - outlier, tiny)) - tf.math.log(tf.maximum(outlier, tiny))
    log_odds += np.log(_AREA / (2 * np.pi)) - tf.math.log(_determinant(covariance)) / 2
    probability = tf.where(outlier > 0, tf.sigmoid(log_odds - distance / 2), 1)
    return tf.where(known[..., 0] & tf.math.is_finite(probability), probability, 1)


def view_without_roll(tables, result):
    """Returns index and loadings of the candidate nearest to the rotation of results."""
    component = tf.maximum(result["mixture_index"], 0)
    turns = result["rotation_angle"] / (2 * np.pi) * tables.num_rotations
    turns = tf.where(tf.math.is_finite(turns), turns, 0)
    angle = tf.cast(tf.round(turns), tf.int32) % tables.num_rotations
    pitches = tf.constant(tables.pitches, tables.dtype)
    pitch = tf.argmin(tf.abs(result["pitch"][:, tf.newaxis] - pitches), -1, tf.int32)
    index = component * tables.per_component + pitch * tables.num_rotations + angle
    return index, tables.components.directions(index, tables.per_component)[..., :2, :-1]


def _determinant(matrix):
    """Returns the determinants of `[..., 2, 2]`."""
    return matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]


def _inverse(matrix):
    """Returns the inverses of `[..., 2, 2]`."""
    (a, b), (c, d) = (tf.unstack(row, axis=-1) for row in tf.unstack(matrix, axis=-2))
    adjugate = tf.stack([tf.stack([d, -b], -1), tf.stack([-c, a], -1)], -2)
    return adjugate / (a * d - b * c)[..., tf.newaxis, tf.newaxis]
