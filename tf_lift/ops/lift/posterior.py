"""Statistics over the candidates of a lift: mean, deviation, distinct hypotheses."""

import tensorflow as tf

__all__ = ["expectation", "find_hypotheses", "probabilities", "stddev"]

# Least mean distance of the joints of two hypotheses, mm: more than the deviation within one,
# less than the difference of a limb that points the other way.
MIN_DISTANCE = 100.0


def probabilities(costs, temperature, axis=-1):
    """Returns the probabilities of candidates along an axis: softmax(-costs / (2 temperature)).

    A temperature above 1 allows for differences between people: the prior's Gaussians are
    too narrow for people whom it was not learnt from.

    References:
        docs/method.md, M20.

    >>> probabilities(tf.constant([[0.0, 2.0]]), 1.0).numpy().round(3)
    array([[0.731, 0.269]], dtype=float32)
    """
    return tf.nn.softmax(-costs / (2 * temperature), axis)


def expectation(values, probability):
    """Returns the mean of `[B, N, ...]` over candidates, weighted by probabilities `[B, N]`."""
    flat = tf.reshape(values, tf.concat([tf.shape(values)[:2], [-1]], 0))
    mean = tf.linalg.matvec(flat, probability, transpose_a=True)
    return tf.reshape(mean, tf.concat([tf.shape(values)[:1], tf.shape(values)[2:]], 0))


def stddev(candidates, probability, joints_3d, is_rooted=False):
    """Computes the posterior standard deviation of each joint about a pose.

    By the law of total variance: the mean variance within the candidates, of their latents
    and their scale, plus the mean squared distance of the candidates from the pose.

    Args:
        candidates: Candidates `[B, N, ...]` with `poses`, a `ppca.PPCAPose`, and `variance`,
            see `ppca.PPCAFit`; the first axis of `variance` may be 1.
        probability: `[B, N]`.
        joints_3d: `[B, L, 3]`, mm, relative to joint 0.
        is_rooted: Whether the candidates' poses are relative to joint 0 as well.

    Returns:
        `[B, L]`, mm, without gradient: root of the variance summed over the three axes.

    References:
        docs/method.md, sections 4 and 10, "Uncertainty".
    """
    poses = candidates.poses

    def rooted(values):
        # Coordinates of all joints along one axis: three by themselves make slow loops.
        if not is_rooted:
            values = values - values[:, :, :1]
        return tf.reshape(values, tf.concat([tf.shape(values)[:2], [-1]], 0))

    steps, joints = rooted(poses.pose_per_inverse_scale), rooted(poses.joints_3d)
    mean = tf.reshape(joints_3d, [-1, 1, 3 * joints_3d.shape[1]])
    of_scale = (probability * poses.inverse_scale_variance)[..., tf.newaxis]
    squares = of_scale * steps**2 + probability[..., tf.newaxis] * (joints - mean) ** 2
    squares = tf.reduce_sum(squares, 1)
    variance = tf.reduce_sum(tf.reshape(squares, [-1, joints_3d.shape[1], 3]), -1)
    variance += tf.reduce_sum(probability[..., tf.newaxis] * candidates.variance, 1)
    return tf.stop_gradient(tf.sqrt(variance))


def find_hypotheses(joints_3d, probability, num_hypotheses):
    """Groups candidates into distinct poses, most probable first.

    The grouping is greedy: the most probable remaining candidate and all remaining ones
    nearer to it than `MIN_DISTANCE` form one hypothesis, their weighted mean.

    Args:
        joints_3d: `[B, N, L, 3]`, mm, relative to joint 0.
        probability: `[B, N]`.
        num_hypotheses: Number of hypotheses.

    Returns:
        Probabilities `[B, num_hypotheses]`, each the sum over the candidates of a
        hypothesis, and weights `[B, num_hypotheses, N]` of the candidates in the mean of a
        hypothesis, which sum to one. Where there are fewer distinct poses, the others repeat
        the first with probability 0.

    References:
        docs/method.md, section 10.
    """
    remaining = probability
    weights, totals = [], []
    for _ in range(num_hypotheses):
        leader = tf.gather(joints_3d, tf.argmax(remaining, -1), batch_dims=1)[:, tf.newaxis]
        distance = tf.reduce_mean(tf.norm(tf.stop_gradient(joints_3d - leader), axis=-1), -1)
        is_near = distance < MIN_DISTANCE
        members = tf.where(is_near, remaining, 0)
        total = tf.reduce_sum(members, -1, keepdims=True)
        weights.append(tf.math.divide_no_nan(members, total))
        totals.append(total[:, 0])
        # Not a difference: the gradient of an improbable hypothesis is large, and its rounding
        # would drown that of a probable one.
        remaining = tf.where(is_near, tf.zeros_like(remaining), remaining)
    weights, totals = tf.stack(weights, 1), tf.stack(totals, 1)
    order = tf.argsort(totals, direction="DESCENDING", stable=True)
    weights, totals = (tf.gather(part, order, batch_dims=1) for part in (weights, totals))
    return totals, tf.where((totals > 0)[..., tf.newaxis], weights, weights[:, :1])
