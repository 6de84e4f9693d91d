"""Turning a camera towards a person: against matrices, and at degenerate points."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import cameras as reference

from tf_lift.ops.geometry import recentring, rotations


def test_level_rotation_undoes_pitch_and_roll(rng):
    for yaw, pitch, roll in rng.uniform(-1.5, 1.5, [5, 3]):
        level = recentring.level_rotation(np.float64(pitch), np.float64(roll)).numpy()
        expected = reference.world_to_camera(yaw, 0.0, 0.0)
        actual = level @ reference.world_to_camera(yaw, pitch, roll)
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_pitch_is_that_of_the_lift(rng):
    """The pitch has the convention of the tables, `rotations.world_to_camera`."""
    for yaw, pitch in rng.uniform(-1.5, 1.5, [5, 2]):
        np.testing.assert_allclose(
            rotations.world_to_camera(yaw, pitch),
            reference.world_to_camera(yaw, pitch, 0.0),
            atol=1e-12,
        )


def test_recentred_camera_is_a_camera_of_that_pitch(rng):
    """For any ray the turned camera is upright, and the angle is the change of yaw."""
    for yaw, pitch, roll, table_pitch in rng.uniform(-1.4, 1.4, [8, 4]):
        ray = rng.normal(size=3)
        level = recentring.level_rotation(np.float64(pitch), np.float64(roll))
        turn, angle = recentring.recentring_rotation(ray, level, table_pitch)
        expected = rotations.world_to_camera(yaw - float(angle), table_pitch)
        actual = turn.numpy() @ reference.world_to_camera(yaw, pitch, roll)
        np.testing.assert_allclose(actual, expected, atol=1e-12)
        # At the ray's own pitch the person is in the middle.
        turn, _ = recentring.recentring_rotation(ray, level, recentring.ray_pitch(ray, level))
        np.testing.assert_allclose(
            turn.numpy() @ ray, [0, 0, np.linalg.norm(ray)], rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_straight_up_and_down_have_the_heading_of_the_camera(sign, rng):
    level = recentring.level_rotation(np.float64(0.3), np.float64(-0.2))
    ray = sign * level.numpy()[1]
    with tf.GradientTape() as tape:
        variable = tf.constant(ray)
        tape.watch(variable)
        turn, angle = recentring.recentring_rotation(variable, level, np.float64(0.1))
        pitch = recentring.ray_pitch(variable, level)
        total = tf.reduce_sum(turn * rng.normal(size=[3, 3])) + angle + pitch
    assert float(angle) == 0
    np.testing.assert_allclose(pitch, sign * np.pi / 2, atol=1e-7)
    expected = reference.about_x(0.1) @ level.numpy()
    np.testing.assert_allclose(turn, expected, atol=1e-12)
    assert np.isfinite(tape.gradient(total, variable)).all()


def test_mean_ray_counts_visible_landmarks(rng):
    rays = rng.normal(size=[3, 5, 2])
    visible = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
    expected = []
    for pose, counted in zip(rays[:2], visible[:2], strict=True):
        total = np.zeros(3)
        for (x, y), counts in zip(pose, counted, strict=True):
            total += counts * np.array([x, y, 1]) / np.sqrt(x**2 + y**2 + 1)
        expected.append(total / np.linalg.norm(total))
    expected.append([0, 0, 1])  # No ray is visible: the optical axis.
    rays[~visible] = np.nan
    np.testing.assert_allclose(recentring.mean_ray(rays, visible), expected, rtol=1e-12)
    weighted = recentring.mean_ray(rays, visible * 0.3)
    np.testing.assert_allclose(weighted, expected, rtol=1e-12)
    _, (gradient,) = helpers.upstream_gradients(
        lambda x: recentring.mean_ray(x, visible), [rays], rng.normal(size=[3, 3])
    )
    assert np.all(gradient.numpy()[~visible] == 0) and np.all(gradient.numpy()[visible] != 0)


def test_rotated_rays_point_the_same_way(rng):
    points = rng.normal(size=[4, 3, 3]) + [0, 0, 5]
    turn = reference.world_to_camera(0.3, 0.2, 0.1) @ reference.world_to_camera(0.1, 0, 0.2).T
    turned = points @ turn.T
    rays = recentring.rotate_rays(points[..., :2] / points[..., 2:], turn)
    np.testing.assert_allclose(rays, turned[..., :2] / turned[..., 2:], rtol=1e-11)


def test_a_ray_that_points_away_has_no_place_in_the_image(rng):
    turn = reference.world_to_camera(np.pi * 0.9, 0, 0) @ reference.world_to_camera(0, 0, 0).T
    rays = np.array([[0.1, 0.2], [8.0, 0.0]])
    upstream = np.array([[0.0, 0.0], [0.7, -0.4]])  # The caller masks the NaN.
    value, (gradient,) = helpers.upstream_gradients(
        lambda x: recentring.rotate_rays(x, turn), [rays], upstream
    )
    in_front = (np.concatenate([rays, np.ones([2, 1])], 1) @ turn.T)[:, 2] > 0
    assert in_front.tolist() in ([False, True], [True, False])
    np.testing.assert_array_equal(np.isnan(value).any(-1), ~in_front)
    assert np.isfinite(gradient).all()


def test_rays_that_are_not_finite_leave_the_gradient_of_the_rotation(rng):
    rays = rng.uniform(-0.4, 0.4, [3, 2])
    turn = reference.world_to_camera(0.2, 0.1, 0) @ reference.world_to_camera(0, 0, 0).T
    upstream = rng.normal(size=[3, 2])
    upstream[1] = 0  # The caller masks the NaN.
    _, expected = helpers.upstream_gradients(recentring.rotate_rays, [rays, turn], upstream)
    rays[1] = [np.nan, 1.0]
    value, actual = helpers.upstream_gradients(recentring.rotate_rays, [rays, turn], upstream)
    assert np.isnan(value[1]).all()
    for x, y in zip(actual, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)


def test_straightened_landmarks_are_those_of_weak_perspective(rng):
    joints_3d = rng.normal(size=[3, 17, 3]) * 300
    joints_3d -= joints_3d[:, :1]
    root = np.array([[200.0, -100.0, 2000.0], [0, 0, 3000], [500, 500, 5000]])
    points = joints_3d + root[:, np.newaxis]
    rays = points[..., :2] / points[..., 2:]
    expected = points[..., :2] / root[:, np.newaxis, 2:]
    actual = rays * recentring.depth_ratio(joints_3d[..., 2], root[:, 2])[..., np.newaxis]
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("depth", [0.0, -500.0, np.inf, np.nan])
def test_an_unknown_depth_straightens_nothing(depth, rng):
    value, gradients = helpers.upstream_gradients(
        recentring.depth_ratio, [rng.normal(size=17), np.float64(depth)], rng.normal(size=17)
    )
    np.testing.assert_array_equal(value, np.ones(17))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    # Joints stay in front of the camera.
    np.testing.assert_allclose(recentring.depth_ratio(np.full(17, -5000.0), 1000.0), 0.1)


def test_gradients(rng):
    rays = rng.uniform(-0.4, 0.4, [2, 4, 2])
    joints_3d = rng.normal(size=[2, 4, 3])
    level = recentring.level_rotation(np.float64(0.3), np.float64(-0.2)).numpy()
    ray = rng.normal(size=[2, 3])
    helpers.check_gradient(recentring.mean_ray, [rays], rng)
    depths = np.array([4.0, 9.0])
    helpers.check_gradient(recentring.depth_ratio, [joints_3d[..., 2], depths], rng)
    helpers.check_gradient(recentring.rotate_rays, [rays, np.stack([level, level.T])], rng)
    helpers.check_gradient(lambda x: recentring.ray_pitch(x, level), [ray], rng)
    for i in range(2):
        helpers.check_gradient(
            lambda x, p, i=i: recentring.recentring_rotation(x, level, p)[i],
            [ray, np.array([0.1, 0.2])],
            rng,
        )
    helpers.check_gradient(recentring.level_rotation, [np.float64(0.2), np.float64(0.4)], rng)


def test_eager_equals_graph_and_compiled(rng):
    rays = rng.uniform(-0.4, 0.4, [4, 17, 2])
    joints_3d = 100 * rng.normal(size=[4, 17, 3])
    pitch = rng.uniform(-1, 1, [4])

    def recentre(rays, joints_3d, pitch):
        level = recentring.level_rotation(pitch, pitch / 2)
        ray = recentring.mean_ray(rays)
        turn, angle = recentring.recentring_rotation(ray, level, recentring.ray_pitch(ray, level))
        turned = recentring.rotate_rays(rays, turn)
        points = recentring.rotate_points(joints_3d, turn)
        ratio = recentring.depth_ratio(points[..., 2], 3000.0 + angle)
        straight = turned * ratio[..., tf.newaxis]
        return tf.concat([straight, points], -1)

    helpers.check_modes(recentre, [rays, joints_3d, pitch], rng, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (recentring.mean_ray, (np.zeros([4, 3]),), "rays"),
        (recentring.mean_ray, (np.zeros([4, 2]), np.ones(3)), "visibility"),
        (recentring.recentring_rotation, (np.zeros(2), np.eye(3), 0.0), "ray"),
        (recentring.recentring_rotation, (np.zeros(3), np.eye(2), 0.0), "level"),
    ],
)
def test_shapes_are_checked(function, arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must have shape"):
        function(*arguments)
