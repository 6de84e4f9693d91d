"""The search with some landmarks missing: the tables of all, less the missing rows."""

import numpy as np
import tensorflow as tf

from tf_lift.ops import ppca

__all__ = ["MAX_MISSING", "solver"]

# Landmarks of a pose that may be missing here; with more, the normal equations of those that
# are left are the smaller problem.
MAX_MISSING = 8


def solver(tables):
    """Returns the function that gives the search what it needs of every candidate.

    It minimises over what the missing landmarks might have been: with the rows of M split
    into observed (o) and missing (m),

        y'My  ->  y_o' (M_oo - M_om M_mm^-1 M_mo) y_o,

    and likewise p'My and p'My. Only M_mm, of twice the number of missing landmarks, is
    factored for each candidate, where the normal equations take the number of bases.

    Args:
        tables: `LiftTables`.

    Returns:
        Function of `landmarks` `[B, L, 2]`, zero where missing and, at a free scale, less
        the mean of the visible ones, and `weights` `[B, L]`, 0 or 1, at most `MAX_MISSING`
        of a pose 0. It returns y'My, p'My, p'Mp and the log-determinant of the visible
        landmarks' covariance, each `[B, M]`.

    References:
        docs/method.md, equation 14a.

    >>> tables = tf_lift.prior.build_tables(tf_lift.PosePrior.load("cmu"), num_rotations=8)
    >>> square, product, constant, log_determinant = solver(tables)(
    ...     tf.random.normal([5, 17, 2]), tf.ones([5, 17]))
    >>> square.shape
    TensorShape([5, 24])
    """
    num_joints, num_candidates = tables.num_joints, tables.constant.shape[0]
    num_rows = 2 * num_joints
    # [2L, 2L, M]: the quadratic form holds each pair of rows once, products of two twice.
    pairs = np.zeros([num_rows, num_rows], np.int64)
    rows, columns = np.triu_indices(num_rows)
    pairs[rows, columns] = pairs[columns, rows] = np.arange(len(rows))
    share = np.where(np.eye(num_rows, dtype=bool), 1.0, 0.5)[..., np.newaxis]
    form = tf.gather(tables.quadratic, pairs) * tf.constant(share, tables.dtype)
    form_rows = tf.reshape(form, [num_rows, num_rows * num_candidates])
    form_pairs = tf.reshape(form, [num_rows * num_rows, num_candidates])
    count = min(MAX_MISSING, num_joints)

    def solve(landmarks, weights):
        missing, joints = tf.math.top_k(tf.cast(weights <= 0, tables.dtype), count)
        # [B, 2 count]: the missing coordinates; places left over take part as ones.
        missing = tf.repeat(missing, 2, axis=-1)
        index = tf.reshape(2 * joints[..., tf.newaxis] + [0, 1], [-1, 2 * count])

        both = (missing[:, :, tf.newaxis] * missing[:, tf.newaxis])[..., tf.newaxis]
        pair = index[:, :, tf.newaxis] * num_rows + index[:, tf.newaxis]
        block = tf.gather(form_pairs, pair) * both
        block = tf.transpose(block, [0, 3, 1, 2]) + tf.linalg.diag(1 - missing)[:, tf.newaxis]

        flat = tf.reshape(landmarks, [-1, num_rows])
        product_rows = tf.reshape(tf.matmul(flat, form_rows), [-1, num_rows, num_candidates])
        landmark_side = tf.gather(product_rows, index, batch_dims=1)
        mean_side = tf.gather(tables.linear, index)
        sides = tf.stack([landmark_side, mean_side], -1) * missing[..., tf.newaxis, tf.newaxis]
        factor = tf.linalg.cholesky(block)
        whitened = tf.linalg.triangular_solve(factor, tf.transpose(sides, [0, 2, 1, 3]))
        landmark_part, mean_part = whitened[..., 0], whitened[..., 1]

        square = tf.einsum("br,brm->bm", flat, product_rows)
        product = tf.matmul(flat, tables.linear)
        log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
        return (
            square - tf.reduce_sum(landmark_part**2, -1),
            product - tf.reduce_sum(landmark_part * mean_part, -1),
            tables.constant - tf.reduce_sum(mean_part**2, -1),
            log_determinant + _log_determinant_of_all(weights, tables),
        )

    return solve


def _log_determinant_of_all(weights, tables):
    """Returns what the missing rows' block has to be added to, `[B, M]`.

    The block is that of noise^2 times the inverse covariance. Where the position is free,
    coordinates are those that no translation changes, and each axis of the missing rows
    has seen / all landmarks of its volume there.
    """
    log_determinant = tables.normaliser - tables.mixture_cost
    dropped = ppca.dimensions(tf.ones_like(weights), tables.free_scale)
    dropped -= ppca.dimensions(weights, tables.free_scale)
    log_determinant -= dropped[:, tf.newaxis] * tf.math.log(tables.noise_stddev**2)
    if tables.free_scale:
        seen = tf.reduce_sum(tf.cast(weights > 0, tables.dtype), -1, keepdims=True)
        log_determinant -= 2 * tf.math.log(tf.maximum(seen, 1) / tables.num_joints)
    return log_determinant
