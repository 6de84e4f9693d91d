"""One person's bone lengths, and poses that have them."""

import helpers
import numpy as np
import tensorflow as tf

from tf_lift.ops.sequences import shape

PARENTS = (-1, 0, 1, 0, 3)
SWAP = (0, 3, 4, 1, 2)
TYPICAL = np.array([100.0, 80.0, 100.0, 80.0])


def test_restored_bones_have_their_lengths_and_directions(rng):
    joints = rng.standard_normal([6, 5, 3]) * 100
    lengths = np.array([90.0, 70.0, 110.0, 60.0])
    restored = shape.restore(tf.constant(joints), tf.constant(lengths), PARENTS).numpy()
    np.testing.assert_array_equal(restored[:, 0], 0)
    for bone, (child, parent) in enumerate([(1, 0), (2, 1), (3, 0), (4, 3)]):
        old, new = joints[:, child] - joints[:, parent], restored[:, child] - restored[:, parent]
        length = np.linalg.norm(old, axis=-1, keepdims=True)
        np.testing.assert_allclose(new, lengths[bone] * old / length, rtol=1e-9)


def test_gradient_of_restored_poses(rng):
    joints, lengths = rng.standard_normal([2, 5, 3]) * 10, rng.uniform(5, 20, 4)
    helpers.check_gradient(lambda x, y: shape.restore(x, y, PARENTS), [joints, lengths], rng)
    # Joints that coincide give no direction and no infinite gradient.
    _, gradients = helpers.upstream_gradients(
        lambda x: shape.restore(x, tf.constant(lengths), PARENTS), [np.zeros([1, 5, 3])], 1.0
    )
    assert np.isfinite(gradients[0]).all()


def poses(lengths, directions):
    """Returns poses `[T, 5, 3]` whose bones all point along the directions `[T, 3]`."""
    joints = np.zeros([len(directions), 5, 3])
    for bone, (child, parent) in enumerate([(1, 0), (2, 1), (3, 0), (4, 3)]):
        joints[:, child] = joints[:, parent] + lengths[bone] * directions
    return joints


def estimate(joints, stddev=1.0, interval=0.1):
    stddev = tf.fill(joints.shape[:2], tf.constant(stddev, tf.float64))
    return shape.estimate(tf.constant(joints), stddev, interval, TYPICAL, PARENTS, SWAP).numpy()


def test_foreshortened_frames_hardly_count():
    lengths = np.array([110.0, 60.0, 110.0, 60.0])
    flat = np.tile([0.0, 1.0, 0.0], [100, 1])
    deep = np.tile([0.0, 0.1, 1.0], [100, 1]) * 0.7  # Lifted too short.
    both = estimate(np.concatenate([poses(lengths, flat), poses(lengths, deep)]))
    np.testing.assert_allclose(both, estimate(poses(lengths, flat)), rtol=1e-3)


def test_estimate_lies_between_the_typical_lengths_and_those_seen():
    # As large as the typical ones: their logarithms, weighted by length, have the same mean.
    lengths = np.tile([110.0, 80 * 1.1 ** (-100 / 80)], 2)
    direction = np.array([[0.0, 1.0, 0.0]])
    errors = []
    for frames, stddev in ((1, 1.0), (10, 1.0), (1000, 1.0), (10, 300.0)):
        found = estimate(poses(lengths, np.repeat(direction, frames, 0)), stddev)
        assert np.all(np.abs(found - TYPICAL) > 0)
        errors.append(np.abs(found - lengths).sum())
    assert errors[2] < 0.5 < errors[1] < errors[0]
    assert errors[1] < errors[3]


def test_sides_are_equal(rng):
    joints = poses(np.array([120.0, 70.0, 90.0, 90.0]), np.tile([1.0, 0.0, 0.0], [50, 1]))
    found = estimate(joints)
    np.testing.assert_allclose(found[:2], found[2:])


def test_gradient_of_the_estimate(rng):
    joints = 50 * rng.standard_normal([4, 5, 3])
    stddev = tf.constant(rng.uniform(1, 30, [4, 5]))
    helpers.check_gradient(
        lambda x: shape.estimate(x, stddev, 0.1, TYPICAL, PARENTS, SWAP), [joints], rng
    )
