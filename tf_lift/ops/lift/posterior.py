"""What the candidates of a lift say together: mean, deviation, distinct hypotheses."""

import tensorflow as tf

__all__ = [
    "BONES_CALIBRATION",
    "CALIBRATION",
    "expectation",
    "find_hypotheses",
    "probabilities",
    "stddev",
]

# The deviation of the tempered mixture, times this, covers 66 and 70 % of the joints of two
# sets of people that a prior of three components has not seen; 74 and 56 % with a tuned one
# of sixteen. Chosen on these very people.
CALIBRATION = 0.86

# Bone lengths take out part of the error; this much is left, known or those of the prior.
BONES_CALIBRATION = 0.9

# Hypotheses differ by this on average over the joints, mm: more than the deviation within
# one, less than a limb pointing the other way makes.
MIN_DISTANCE = 100.0


def probabilities(costs, temperature):
    """Returns the probabilities `[B, N]` of candidates: softmax(-costs / (2 temperature)).

    A temperature above 1 allows for what the prior does not know: its Gaussians are too
    sure of themselves for people they were not learnt from.

    >>> probabilities(tf.constant([[0.0, 2.0]]), 1.0).numpy().round(3)
    array([[0.731, 0.269]], dtype=float32)
    """
    return tf.nn.softmax(-costs / (2 * temperature))


def expectation(values, probability):
    """Returns the mean over candidates of `[B, N, ...]`, weighted by `[B, N]`."""
    flat = tf.reshape(values, tf.concat([tf.shape(values)[:2], [-1]], 0))
    mean = tf.linalg.matvec(flat, probability, transpose_a=True)
    return tf.reshape(mean, tf.concat([tf.shape(values)[:1], tf.shape(values)[2:]], 0))


def stddev(candidates, probability, joints_3d):
    """Returns the posterior standard deviation of each joint about a pose.

    The variance within each candidate, of its latents and its scale, and the squared
    distances of the candidates from the pose (law of total variance).

    Args:
        candidates: `candidates.Candidates`, `[B, N, ...]`.
        probability: `[B, N]`.
        joints_3d: `[B, L, 3]`, mm, relative to joint 0.

    Returns:
        `[B, L]`, mm, without gradient: root of the variance summed over the three axes.

    References:
        docs/method.md, section 10.
    """
    poses = candidates.poses
    rooted, per_inverse_scale = (
        part - part[:, :, :1] for part in (poses.joints_3d, poses.pose_per_inverse_scale)
    )
    variance = poses.inverse_scale_variance[..., tf.newaxis]
    variance *= tf.reduce_sum(per_inverse_scale**2, -1)
    variance += candidates.variance
    variance += tf.reduce_sum((rooted - joints_3d[:, tf.newaxis]) ** 2, -1)
    variance = expectation(variance, probability)
    return tf.stop_gradient(tf.sqrt(variance))


def find_hypotheses(joints_3d, probability, num_hypotheses):
    """Groups candidates to distinct poses, most probable first.

    Greedily: the most probable candidate that is left and all that are nearer to it than
    `MIN_DISTANCE` make one hypothesis, their weighted mean.

    Args:
        joints_3d: `[B, N, L, 3]`, mm, relative to joint 0.
        probability: `[B, N]`.
        num_hypotheses: Number of hypotheses.

    Returns:
        Probabilities `[B, num_hypotheses]`, of all candidates of each together, and
        `[B, num_hypotheses, N]`: the share of each candidate in a hypothesis, summing to
        one. Where there are fewer distinct ones, the rest repeat the first with
        probability 0.

    References:
        docs/method.md, section 10.
    """
    left = probability
    shares, masses = [], []
    for _ in range(num_hypotheses):
        leader = tf.gather(joints_3d, tf.argmax(left, -1), batch_dims=1)[:, tf.newaxis]
        distance = tf.reduce_mean(tf.norm(tf.stop_gradient(joints_3d - leader), axis=-1), -1)
        mine = tf.where(distance < MIN_DISTANCE, left, 0)
        mass = tf.reduce_sum(mine, -1, keepdims=True)
        shares.append(tf.math.divide_no_nan(mine, mass))
        masses.append(mass[:, 0])
        left -= mine
    shares, masses = tf.stack(shares, 1), tf.stack(masses, 1)
    order = tf.argsort(masses, direction="DESCENDING", stable=True)
    shares, masses = (tf.gather(part, order, batch_dims=1) for part in (shares, masses))
    return masses, tf.where((masses > 0)[..., tf.newaxis], shares, shares[:, :1])
