"""Bone lengths: they set size and depth, on the side of the lift, and never x and y."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.lift import bone_lengths

PARENTS = skeletons.H36M_17.parents


def lengths_of(joints):
    parents = np.array(PARENTS[1:])
    return np.linalg.norm(joints[..., 1:, :] - joints[..., parents, :], axis=-1)


@pytest.fixture
def poses(rng):
    """Random trees [3, 17, 3], mm, with the root first at the origin."""
    joints = np.zeros([3, 17, 3])
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            joints[:, joint] = joints[:, parent] + rng.normal(0, 170, [3, 3])
    return joints


def test_the_image_stays_and_lengths_are_nearer(poses):
    true_lengths = lengths_of(poses)
    flattened = 0.8 * poses * [1, 1, 0.6]
    joints, size_factor = bone_lengths.apply(
        tf.constant(flattened), tf.constant(true_lengths), PARENTS
    )
    joints = joints.numpy()
    expected = size_factor[:, None, None] * flattened[..., :2]
    np.testing.assert_allclose(joints[..., :2], expected, atol=1e-9)
    np.testing.assert_allclose(joints[:, 0], 0, atol=1e-12)
    before = np.abs(lengths_of(flattened) - true_lengths).mean()
    assert np.abs(lengths_of(joints) - true_lengths).mean() < 0.5 * before
    np.testing.assert_allclose(lengths_of(joints).sum(-1), true_lengths.sum(-1), rtol=0.003)
    # Towards the camera or away: the side of the lift.
    parents = np.array(PARENTS[1:])
    sides = [np.sign(part[:, 1:, 2] - part[:, parents, 2]) for part in (joints, poses)]
    np.testing.assert_array_equal(*sides)


def test_size_does_not_matter(poses):
    lengths = tf.constant(lengths_of(poses)[0])
    one, size_factor = bone_lengths.apply(tf.constant(poses), lengths, PARENTS)
    other, other_size_factor = bone_lengths.apply(tf.constant(3 * poses), lengths, PARENTS)
    np.testing.assert_allclose(other_size_factor, size_factor / 3, rtol=0.05)
    np.testing.assert_allclose(other, one, atol=25)


def test_known_depth_of_one_bone():
    """60 mm of depth, trusted 60 / root(60^2 + 50^2), of a bone of 100 mm seen as 80 mm."""
    parents = (-1, 0)
    bone = tf.constant([[[80.0, 0.0, 60.0]]], tf.float64)
    deeper = bone_lengths._deepen(bone, tf.constant([[100.0]], tf.float64)).numpy()
    target = 60 * 60 / np.hypot(60, 50)
    np.testing.assert_allclose(deeper[0, 0], [80, 0, 60 + 0.6 * (target - 60)])
    joints, size_factor = bone_lengths.apply(
        tf.constant([[[0.0, 0, 0], [80, 0, 60]]], tf.float64), tf.constant([100.0], tf.float64),
        parents,
    )  # fmt: skip
    assert joints.shape == (1, 2, 3) and size_factor.shape == (1,)


def test_degenerate_poses_are_finite():
    joints = tf.zeros([1, 17, 3])
    lengths = tf.ones([16])
    with tf.GradientTape() as tape:
        tape.watch(joints)
        result, size_factor = bone_lengths.apply(joints, lengths, PARENTS)
    assert np.all(result.numpy() == 0) and np.all(np.isfinite(size_factor))
    assert np.all(np.isfinite(tape.gradient(result, joints)))
