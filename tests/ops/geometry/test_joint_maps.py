import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.geometry import joint_maps

PAIRS = [("coco17", "h36m17"), ("h36m17", "mpii16"), ("mediapipe33", "openpose25")]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("kind", ["none", "bool", "weights"])
def test_agrees_with_numpy(source, target, kind, rng):
    joints = skeletons.get(source).num_joints
    points = rng.standard_normal([3, 4, joints, 2])
    # Not finite, but marked visible by some masks.
    points[0, 1, 3, 0], points[2, 2, 11] = np.nan, np.inf
    visibility = {
        "none": None,
        "bool": rng.random([3, 4, joints]) < 0.8,
        "weights": np.maximum(rng.uniform(-0.3, 1, [3, 4, joints]), 0),
    }[kind]
    expected = skeletons.convert(points, source, target, visibility)
    weights = skeletons.joint_map(source, target)
    actual, visible = joint_maps.convert(points, weights, visibility)
    np.testing.assert_allclose(actual, np.nan_to_num(expected.points), atol=1e-6)
    np.testing.assert_array_equal(visible, expected.visibility)
    assert visible.dtype == (tf.float64 if kind == "weights" else tf.bool)
    assert actual.dtype == tf.float64


def test_gradient_and_modes(rng):
    weights = skeletons.joint_map("h36m17", "mpii16")
    visibility = np.ones(17, bool)
    visibility[[2, 14]] = False

    def convert(points):
        visible = tf.broadcast_to(visibility, tf.shape(points)[:-1])
        return joint_maps.convert(points, weights, visible)[0]

    points = rng.standard_normal([3, 17, 2])
    helpers.check_gradient(convert, [points], rng)
    helpers.check_modes(convert, [points], rng)


def test_hidden_points_may_be_nan(rng):
    weights = skeletons.joint_map("coco17", "h36m17")
    points = rng.standard_normal([2, 17, 2]).astype(np.float32)
    points[1, 11] = np.nan
    visibility = np.isfinite(points).all(-1)
    with tf.GradientTape() as tape:
        tensor = tf.constant(points)
        tape.watch(tensor)
        converted, visible = joint_maps.convert(tensor, weights, visibility)
        total = tf.reduce_sum(converted)
    assert np.isfinite(converted).all()
    assert np.isfinite(tape.gradient(total, tensor)).all()
    assert not visible[1, 0]
    assert visible[0, 0]
    weights_of_nan = np.where(visibility, 1.0, np.nan).astype(np.float32)
    _, least = joint_maps.convert(points, weights, weights_of_nan)
    np.testing.assert_array_equal(least, tf.cast(visible, tf.float32))


def test_bad_shapes():
    weights = skeletons.joint_map("coco17", "h36m17")
    with pytest.raises(ValueError, match=r"`points` must have shape \[..., 17, any\].*\(16, 2\)"):
        joint_maps.convert(np.zeros([16, 2]), weights)
    with pytest.raises(ValueError, match=r"`visibility` must have shape \[..., 17\].*\(3, 16\)"):
        joint_maps.convert(np.zeros([3, 17, 2]), weights, np.ones([3, 16]))
