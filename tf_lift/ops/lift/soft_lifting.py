"""The lift as a smooth function of landmarks and prior, for training the prior."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import shapes
from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import scale_estimation

__all__ = ["SoftTables", "lift", "tables"]


class SoftTables(NamedTuple):
    """Linear maps and constants of each candidate, a component at a rotation.

    Landmarks here are 2L - 2 coordinates, mm, in an orthonormal basis of the space that no
    translation changes. The tensors are differentiable by the parameters of the prior.

    Attributes:
        precision: `[M, 2L - 2, 2L - 2]`: inverse covariance of the landmarks.
        linear: `[M, 2L - 2]`: `precision` times the projected mean pose.
        constant: `[M]`: its product with the projected mean pose.
        normaliser: `[M]`: log-determinant of the covariance less twice the log of the
            mixture weight.
        regression: `[M, 2L - 2, 3L]`: from landmarks to joints relative to joint 0, mm.
        offset: `[M, 3L]`.
    """

    precision: tf.Tensor
    linear: tf.Tensor
    constant: tf.Tensor
    normaliser: tf.Tensor
    regression: tf.Tensor
    offset: tf.Tensor


def tables(mean_pose, loadings, noise_stddev, log_mixture_weights, num_rotations, name="tables"):
    """Builds the tables of a mixture of PPCA models, in the graph.

    Gradients flow through them to every parameter, unlike those of `prior.build_tables`,
    which are constants. The covariance of the landmarks is factored, not that of the
    latents, so its size does not depend on the number of bases.

    Args:
        mean_pose: `[K, L, 3]`, mm, world frame, z up.
        loadings: `[K, J, L, 3]`, mm: bases times their standard deviations, not necessarily
            orthogonal.
        noise_stddev: `[K]`, mm, positive.
        log_mixture_weights: `[K]`.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        name: Name of the operation.

    Returns:
        `SoftTables`; candidates are ordered by component, then angle.

    Raises:
        ValueError: If static shapes do not fit.

    References:
        docs/method.md, sections 1 and 11.

    >>> prior = tf_lift.PosePrior.load()
    >>> loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    >>> built = tables(prior.mean_pose, loadings, prior.noise_stddev,
    ...                np.log(prior.mixture_weights), num_rotations=4)
    >>> built.precision.shape[1:]
    TensorShape([32, 32])
    """
    with tf.name_scope(name):
        mean_pose = tf.convert_to_tensor(mean_pose)
        loadings = tf.convert_to_tensor(loadings)
        num_joints = mean_pose.shape[-2]
        shapes.check_shape(loadings, "loadings", num_joints, 3)
        # Half a turn later only the signs of horizontal coordinates and of depths change.
        is_halved = num_rotations % 2 == 0
        num_angles = num_rotations // 2 if is_halved else num_rotations
        angles = 2 * np.pi * np.arange(num_angles) / num_rotations
        rotation = tf.constant(rotations.world_to_camera(angles), mean_pose.dtype)
        directions = tf.concat([loadings, mean_pose[:, tf.newaxis]], 1)
        directions = tf.einsum("rdc,kjlc->krjld", rotation, directions)
        size, num_rows = directions.shape[2], 2 * num_joints - 2
        design = tf.reshape(directions[..., :2], [-1, size, 2 * num_joints])
        design = tf.matmul(design, tf.constant(_free_coordinates(num_joints), mean_pose.dtype))
        rooted = tf.reshape(directions - directions[..., :1, :], [-1, size, 3 * num_joints])

        projected, mean = design[:, :-1], design[:, -1]
        identity = tf.eye(num_rows, dtype=mean_pose.dtype)
        noise_variance = tf.repeat(tf.convert_to_tensor(noise_stddev) ** 2, num_angles)
        covariance = tf.matmul(projected, projected, transpose_a=True)
        covariance += noise_variance[:, tf.newaxis, tf.newaxis] * identity
        factor = tf.linalg.cholesky(covariance)
        precision = tf.linalg.cholesky_solve(factor, tf.broadcast_to(identity, tf.shape(factor)))
        log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
        cross_covariance = tf.matmul(projected, rooted[:, :-1], transpose_a=True)
        regression = tf.matmul(precision, cross_covariance)
        linear = tf.linalg.matvec(precision, mean)
        built = SoftTables(
            precision=precision,
            linear=linear,
            constant=tf.reduce_sum(mean * linear, -1),
            normaliser=log_determinant - 2 * tf.repeat(log_mixture_weights, num_angles),
            regression=regression,
            offset=rooted[:, -1] - tf.linalg.matvec(regression, mean, transpose_a=True),
        )
        return _with_other_half(built, num_angles) if is_halved else built


def _with_other_half(tables, num_angles):
    """Returns the tables of all angles from those of the first half of a turn."""
    num_rows = tables.linear.shape[-1]
    dtype = tables.linear.dtype
    seen = tf.constant(np.tile([-1.0, 1.0], num_rows // 2), dtype)
    joints = tf.constant(np.tile([-1.0, 1.0, -1.0], num_rows // 2 + 1), dtype)
    signs = SoftTables(
        precision=seen[:, tf.newaxis] * seen,
        linear=seen,
        constant=tf.ones([], dtype),
        normaliser=tf.ones([], dtype),
        regression=seen[:, tf.newaxis] * joints,
        offset=joints,
    )

    def both(table, sign):
        first = tf.reshape(table, [-1, num_angles, *table.shape[1:]])
        return tf.reshape(tf.concat([first, sign * first], 1), [-1, *table.shape[1:]])

    return SoftTables(*(both(*pair) for pair in zip(tables, signs, strict=True)))


def lift(landmarks, tables, temperature=1.0, name="soft_lift"):
    """Lifts landmarks to the mean over all candidates, weighted by their probability.

    The probability of a candidate is softmax(-cost / (2 temperature)), where the cost is
    minus twice its log posterior at its most likely scale. At temperature 1 the mean is the
    pose of least expected squared error under the mixture. It is smooth in the landmarks and
    in the parameters of the tables. All landmarks must be visible.

    Args:
        landmarks: `[B, L, 2]`, (x right, y down), any unit, not all equal.
        tables: `SoftTables`.
        temperature: Positive number or scalar tensor.
        name: Name of the operation.

    Returns:
        Joints `[B, L, 3]`, mm, camera frame, origin at joint 0; probabilities `[B, M]`.

    Raises:
        ValueError: If static shapes do not fit.

    References:
        docs/method.md, M10, M12, M20 and M26.

    >>> prior = tf_lift.PosePrior.load()
    >>> loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    >>> built = tables(prior.mean_pose, loadings, prior.noise_stddev,
    ...                np.log(prior.mixture_weights), num_rotations=4)
    >>> lift(tf.random.normal([5, 17, 2], dtype="float64"), built)[0].shape
    TensorShape([5, 17, 3])
    """
    with tf.name_scope(name):
        num_rows = tables.linear.shape[-1]
        num_joints = num_rows // 2 + 1
        landmarks = tf.cast(tf.convert_to_tensor(landmarks), tables.linear.dtype)
        shapes.check_shape(landmarks, "landmarks", num_joints, 2)
        free = tf.constant(_free_coordinates(num_joints), landmarks.dtype)
        flat = tf.matmul(tf.reshape(landmarks, [-1, 2 * num_joints]), free)
        # Scale to size 1, so that products of float32 landmarks stay in range.
        flat /= tf.sqrt(tf.reduce_mean(flat**2, -1, keepdims=True))

        outer = tf.reshape(flat[:, :, tf.newaxis] * flat[:, tf.newaxis], [-1, num_rows**2])
        square = tf.matmul(outer, tf.reshape(tables.precision, [-1, num_rows**2]), transpose_b=True)
        product = tf.matmul(flat, tables.linear, transpose_b=True)
        # In float32, rounding may make the square of a precise candidate negative.
        square = tf.maximum(square, float(np.finfo(square.dtype.as_numpy_dtype).tiny))
        inverse_scale = scale_estimation.most_likely_inverse_scale(
            square, product, 1.0, float(num_rows)
        )
        # The precision has the noise in it, so the energy is in units of the noise variance.
        energy = inverse_scale * (inverse_scale * square - 2 * product) + tables.constant
        cost = scale_estimation.cost(energy, inverse_scale, 1.0, tables.normaliser, num_rows)
        probabilities = tf.nn.softmax(-cost / (2 * tf.cast(temperature, cost.dtype)))

        # The candidates' maps are affine: average the maps first, then apply their mean.
        regression = tf.matmul(
            probabilities * inverse_scale,
            tf.reshape(tables.regression, [-1, num_rows * 3 * num_joints]),
        )
        regression = tf.reshape(regression, [-1, num_rows, 3 * num_joints])
        joints_3d = tf.einsum("bi,bij->bj", flat, regression)
        joints_3d += tf.matmul(probabilities, tables.offset)
        return tf.reshape(joints_3d, [-1, num_joints, 3]), probabilities


def _free_coordinates(num_joints):
    """Returns `[2L, 2L - 2]`: an orthonormal basis of the space that no translation changes."""
    ones = np.ones([num_joints, 1])
    basis, _ = np.linalg.qr(np.concatenate([ones, np.eye(num_joints)[:, 1:]], axis=1))
    return np.kron(basis[:, 1:], np.eye(2))
