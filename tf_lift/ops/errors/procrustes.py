"""Procrustes analysis: alignment of joints by rotation, positive scale and translation."""

import tensorflow as tf

from tf_lift.ops import dtypes, shapes

__all__ = ["align", "fit"]


def align(source, target, visibility=None) -> tf.Tensor:
    """Aligns joints to others by Procrustes analysis.

    The rotation (never a reflection), positive scale and translation minimise the weighted
    squared distances of the visible joints. Hidden joints are moved too, but do not count.

    Args:
        source: Tensor of shape `[..., L, 3]`, any unit.
        target: Tensor of shape `[..., L, 3]`, any unit.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0; `None`: all visible.
            A joint whose `target` is not finite is hidden in any case.

    Returns:
        Tensor of shape `[..., L, 3]`: the moved source, in the unit of the target.

    Raises:
        ValueError: If shapes do not fit or are empty.

    References:
        Umeyama. Least-squares estimation of transformation parameters between two point
        patterns. PAMI 1991.

    >>> square = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]
    >>> turned = [[0.0, 2.0, 5.0], [-2.0, 0.0, 5.0], [0.0, -2.0, 5.0], [2.0, 0.0, 5.0]]
    >>> bool(np.allclose(align(square, turned), turned, atol=1e-5))
    True
    """
    with tf.name_scope("procrustes_align"):
        scale, rotation, translation = fit(source, target, visibility)
        source = tf.cast(dtypes.to_float(source), scale.dtype)
        # R is for column vectors; joints are rows.
        turned = tf.matmul(source, rotation, transpose_b=True)
        return scale[..., tf.newaxis, tf.newaxis] * turned + translation[..., tf.newaxis, :]


def fit(source, target, visibility=None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the similarity transform that takes joints closest to others.

    Value and gradient are finite at every degenerate configuration. For collinear joints the
    rotation about their line is arbitrary and has no gradient; for coincident source joints the
    scale is 0. Where no joint is visible, scale and translation are 0.

    Args:
        source: Tensor of shape `[..., L, 3]`.
        target: Tensor of shape `[..., L, 3]`.
        visibility: Tensor of shape `[..., L]`, as in `align`.

    Returns:
        Scale s `[...]`, rotation R `[..., 3, 3]` and translation t `[..., 3]` that minimise
        `sum_l weight_l * |s R source_l + t - target_l|**2` with `s >= 0`, `det R = 1`.

    Raises:
        ValueError: If shapes do not fit or are empty.

    >>> joints = tf.constant([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> scale, rotation, translation = fit(joints, 3.0 * joints + 1.0)
    >>> round(float(scale), 3), translation.numpy().round(3)
    (3.0, array([1., 1., 1.], dtype=float32))
    """
    with tf.name_scope("procrustes_fit"):
        source, target, weights = visible_joints(source, target, visibility, "source", "target", 3)
        weights = weights[..., tf.newaxis]
        total = tf.reduce_sum(weights, axis=-2, keepdims=True)
        weights = tf.math.divide_no_nan(weights, total)
        source_mean = tf.reduce_sum(weights * source, axis=-2, keepdims=True)
        target_mean = tf.reduce_sum(weights * target, axis=-2, keepdims=True)
        source -= source_mean
        target -= target_mean
        covariance = tf.matmul(weights * target, source, transpose_a=True)  # sum w t s'
        rotation = _nearest_rotation(covariance)
        spread = tf.reduce_sum(weights * source**2, axis=[-2, -1])
        # tr(R' M) is a sum of singular values, the last one perhaps negated: never < 0.
        overlap = tf.maximum(tf.reduce_sum(rotation * covariance, axis=[-2, -1]), 0.0)
        scale = tf.math.divide_no_nan(overlap, spread)
        moved_mean = tf.matmul(source_mean, rotation, transpose_b=True)[..., 0, :]
        return scale, rotation, target_mean[..., 0, :] - scale[..., tf.newaxis] * moved_mean


def visible_joints(moving, true, visibility, moving_name, true_name, dimension):
    """Checks two sets of joints and separates the visible ones from the rest.

    Args:
        moving: `[..., L, dimension]`, the joints to judge or move.
        true: `[..., L, dimension]`, the joints to compare with.
        visibility: `[..., L]`, bool or weights >= 0, or `None`.
        moving_name: Name of the first argument, for messages.
        true_name: Name of the second argument, for messages.
        dimension: 2, 3 or `None` for any.

    Returns:
        Both sets, of the same type, with zeros at hidden joints so that no NaN reaches a
        result or a gradient; and weights `[..., L]`, 0 at hidden joints and where `true`
        is not finite.

    Raises:
        ValueError: If shapes do not fit or are empty.
    """
    moving, true = dtypes.to_common_float(moving, true)
    for tensor, name in ((moving, moving_name), (true, true_name)):
        shapes.check_shape(tensor, name, None, dimension)
        shapes.check_not_empty(tensor, name)
    shapes.check_shape(true, true_name, *moving.shape[-2:])
    known = tf.reduce_all(tf.math.is_finite(true), axis=-1)
    if visibility is None:
        weights = tf.cast(known, moving.dtype)
    else:
        visibility = tf.convert_to_tensor(visibility)
        shapes.check_shape(visibility, "visibility", moving.shape[-2])
        weights = tf.where(known, tf.cast(visibility, moving.dtype), 0.0)
    visible = (weights > 0)[..., tf.newaxis]
    return (
        tf.where(visible, moving, tf.zeros_like(moving)),
        tf.where(visible, true, tf.zeros_like(true)),
        weights,
    )


@tf.custom_gradient
def _nearest_rotation(matrix):
    """Returns the rotation R that maximises tr(R' matrix), `[..., 3, 3]`."""
    singular_values, left, right = tf.linalg.svd(matrix)
    # tf.linalg.det does not compile under XLA.
    mirrored = _determinant(left) * _determinant(right) < 0
    sign = tf.where(mirrored, -tf.ones_like(left[..., 0, 0]), 1.0)
    signs = tf.stack([tf.ones_like(sign), tf.ones_like(sign), sign], axis=-1)
    right *= signs[..., tf.newaxis, :]
    singular_values *= signs
    rotation = tf.matmul(left, right, transpose_b=True)

    # With M = U S V' (the last value and column of V negated where det R would be -1),
    # R = U V'. For P = U' dM V, dR = U W V' with the antisymmetric
    #
    #   W_ij = (P_ij - P_ji) / (S_i + S_j),
    #
    # so for the upstream gradient G and Q = U' G V, the gradient of M is U K V' with
    # K_ij = (Q_ij - Q_ji) / (S_i + S_j). Unlike the gradients of U and V, it does not divide by
    # differences of singular values. Where S_i + S_j vanishes (collinear joints, or a mirror
    # image that fits as well as the pose), the data leave that turn open: no gradient.
    def grad(upstream):
        sums = singular_values[..., :, tf.newaxis] + singular_values[..., tf.newaxis, :]
        epsilon = 1e-5 if matrix.dtype == tf.float32 else 1e-13
        open_turn = sums <= epsilon * singular_values[..., :1, tf.newaxis]
        inverse = tf.math.reciprocal(tf.where(open_turn, tf.ones_like(sums), sums))
        inverse = tf.where(open_turn, tf.zeros_like(sums), inverse)
        rotated = tf.matmul(left, tf.matmul(upstream, right), transpose_a=True)
        core = (rotated - tf.linalg.matrix_transpose(rotated)) * inverse
        return tf.matmul(left, tf.matmul(core, right, transpose_b=True))

    return rotation, grad


def _determinant(matrix):
    a, b, c = (matrix[..., row, :] for row in range(3))
    return (
        a[..., 0] * (b[..., 1] * c[..., 2] - b[..., 2] * c[..., 1])
        - a[..., 1] * (b[..., 0] * c[..., 2] - b[..., 2] * c[..., 0])
        + a[..., 2] * (b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0])
    )
