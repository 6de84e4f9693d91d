"""Poses laid out by axes."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import pose_layout


def test_poses_of_a_given_scale_are_made_relative_to_joint_0(rng):
    poses = rng.standard_normal([2, 5, 4, 3])
    flat = tf.constant(poses.swapaxes(2, 3).reshape(2, 5, 12))
    found = pose_layout.rooted(flat, SimpleNamespace(free_scale=False))
    expected = (poses - poses[:, :, :1])[:, :, 1:].swapaxes(2, 3).reshape(2, 5, 9)
    np.testing.assert_allclose(found, expected)
    assert pose_layout.rooted(flat, SimpleNamespace(free_scale=True)) is flat


def test_sums_are_over_the_axes(rng):
    poses = rng.standard_normal([2, 4, 3])
    found = pose_layout.sum_coordinates(tf.constant(poses.swapaxes(1, 2).reshape(2, 12)))
    np.testing.assert_allclose(found, poses.sum(-1))
