"""Statistics over candidates: probabilities, mean, deviation and hypotheses."""

import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import posterior, reference


def make_candidates(rng, num_poses=3, num_candidates=4, num_joints=5):
    """Returns `reference.Candidates` of random numbers."""
    shape = [num_poses, num_candidates]
    poses = ppca.PPCAPose(
        joints_3d=tf.constant(rng.normal(0, 300, [*shape, num_joints, 3])),
        pose_per_inverse_scale=tf.constant(rng.normal(0, 900, [*shape, num_joints, 3])),
        inverse_scale=tf.constant(rng.uniform(1, 3, shape)),
        inverse_scale_variance=tf.constant(rng.uniform(0.1, 0.3, shape)),
        energy=tf.constant(rng.uniform(1, 2, shape)),
    )
    variance = tf.constant(rng.uniform(100, 900, [*shape, num_joints]))
    return reference.Candidates(tf.constant(rng.uniform(0, 9, shape)), poses, variance)


def test_probabilities_are_those_of_half_the_cost(rng):
    costs = rng.uniform(0, 9, [3, 4])
    expected = np.exp(-costs / 2 / 1.7)
    expected /= expected.sum(1, keepdims=True)
    probability = posterior.probabilities(tf.constant(costs), 1.7)
    np.testing.assert_allclose(probability, expected, rtol=1e-12)


def test_probabilities_of_large_costs_are_finite():
    costs = tf.constant([[3e5, 3e5 + 1e-3, np.inf, 4e6]], tf.float32)
    probability = posterior.probabilities(costs, 1.0)
    np.testing.assert_allclose(probability, [[0.5, 0.5, 0, 0]], atol=0.01)


@pytest.mark.parametrize("shape", [[], [5], [5, 3]])
def test_expectation_is_the_weighted_mean(rng, shape):
    values, probability = rng.normal(0, 1, [2, 4, *shape]), rng.dirichlet(np.ones(4), 2)
    expected = np.einsum("bn,bn...->b...", probability, values)
    mean = posterior.expectation(tf.constant(values), tf.constant(probability))
    np.testing.assert_allclose(mean, expected, rtol=1e-12)


def test_stddev_is_that_of_samples_of_the_candidates(rng):
    """Samples of Gaussians about each candidate, the scale's part along its own direction."""
    found = make_candidates(rng, num_poses=1)
    probability = np.array([[0.4, 0.3, 0.2, 0.1]])
    about = rng.normal(0, 200, [1, 5, 3])
    about -= about[:, :1]
    stddev = posterior.stddev(found, tf.constant(probability), tf.constant(about))
    index = rng.choice(4, 40000, p=probability[0])
    poses = found.poses
    change, joints = (
        part.numpy()[0] - part.numpy()[0, :, :1]
        for part in (poses.pose_per_inverse_scale, poses.joints_3d)
    )
    scale_stddev = np.sqrt(poses.inverse_scale_variance.numpy()[0])
    samples = joints[index]
    samples += (rng.normal(size=40000) * scale_stddev[index])[:, None, None] * change[index]
    within = np.sqrt(found.variance.numpy()[0] / 3)[index]
    samples += within[..., None] * rng.normal(size=samples.shape)
    expected = np.sqrt(np.mean(np.sum((samples - about) ** 2, -1), 0))
    np.testing.assert_allclose(stddev[0], expected, rtol=0.02)


def test_rooted_poses_are_taken_as_they_are(rng):
    found = make_candidates(rng)
    probability = posterior.probabilities(found.costs, 1.0)
    about = tf.constant(rng.normal(0, 200, [3, 5, 3]))
    expected = posterior.stddev(found, probability, about)
    names = "joints_3d", "pose_per_inverse_scale"
    parts = {name: getattr(found.poses, name) for name in names}
    rooted = {name: part - part[:, :, :1] for name, part in parts.items()}
    poses = found.poses._replace(**rooted)
    stddev = posterior.stddev(found._replace(poses=poses), probability, about, is_rooted=True)
    np.testing.assert_allclose(stddev, expected, rtol=1e-12)
    for name in names:
        poses = found.poses._replace(**(rooted | {name: parts[name]}))
        other = posterior.stddev(found._replace(poses=poses), probability, about, is_rooted=True)
        assert np.all(np.abs(other / expected - 1) > 1e-6), name


def test_stddev_has_no_gradient_and_broadcasts_the_variance(rng):
    found = make_candidates(rng)
    probability = posterior.probabilities(found.costs, 1.0)
    joints = found.poses.joints_3d[:, 0] - found.poses.joints_3d[:, 0, :1]
    with tf.GradientTape() as tape:
        tape.watch(joints)
        stddev = posterior.stddev(found, probability, joints)
    assert tape.gradient(stddev, joints) is None
    shared = found._replace(variance=found.variance[:1])
    repeated = found._replace(variance=tf.repeat(found.variance[:1], 3, 0))
    stddevs = [posterior.stddev(each, probability, joints) for each in (shared, repeated)]
    np.testing.assert_allclose(*stddevs, rtol=1e-12)


def make_groups():
    """Two poses 300 mm apart, each with a neighbour 20 mm away, and their probabilities."""
    joints = np.zeros([1, 4, 3, 3])
    joints[0, :, 1:, 0] = np.array([0, 20, 300, 320])[:, None]
    return joints, np.array([[0.3, 0.1, 0.2, 0.4]])


def test_hypotheses_are_groups_ordered_by_probability():
    joints, probability = make_groups()
    totals, weights = posterior.find_hypotheses(tf.constant(joints), tf.constant(probability), 3)
    np.testing.assert_allclose(totals, [[0.6, 0.4, 0]], atol=1e-12)
    second = [[0, 0, 1 / 3, 2 / 3], [0.75, 0.25, 0, 0], [0, 0, 1 / 3, 2 / 3]]
    np.testing.assert_allclose(weights[0], second, rtol=1e-12)


def test_the_first_hypothesis_is_the_most_probable_group_not_candidate():
    joints, _ = make_groups()
    probability = tf.constant([[0.35, 0.33, 0.32, 0.0]], tf.float64)
    probability = tf.gather(probability, [2, 0, 1, 3], axis=1)  # 0.32, 0.35 and 0.33, 0.
    totals, weights = posterior.find_hypotheses(tf.constant(joints), probability, 2)
    np.testing.assert_allclose(totals, [[0.67, 0.33]], rtol=1e-12)
    np.testing.assert_allclose(weights[0, 0], [0.32 / 0.67, 0.35 / 0.67, 0, 0], rtol=1e-12)


def test_gradient_of_hypotheses_equals_finite_differences(rng):
    joints, probability = make_groups()

    def poses(joints, probability):
        totals, weights = posterior.find_hypotheses(joints, probability, 2)
        means = tf.einsum("bhn,bnlc->bhlc", weights, joints)
        return tf.concat([tf.reshape(means, [-1]), tf.reshape(totals, [-1])], 0)

    helpers.check_gradient(poses, [joints, probability], rng, atol=1e-6)
