"""Rendered people: coverage, visibility, faces, randomness."""

import dataclasses

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.synthetic import bodies, rendering, views, wardrobe

UP = np.array([0.0, -1.0, 0.0])
FACING_US, FACING_AWAY = -np.pi / 2, np.pi / 2


def view(pose, yaw, size=96, distance=4000.0):
    """Returns joints and camera of a person in the middle of a level camera's image."""
    joints = pose.astype(np.float64) @ views.view_rotation(yaw, 0.0, 0.0).T
    joints = joints + [0.0, 100.0, distance]
    return joints, views.crop_camera(joints[0], np.array([0.0, 0.0, 0.6]), size)


def draw(pose, yaw, size=96, seed=0):
    joints, camera = view(pose, yaw, size)
    rng = np.random.default_rng(seed)
    outfit = wardrobe.suited(wardrobe.draw_outfit(rng), joints)
    light = rendering.draw_light(rng, UP)
    return joints, camera, rendering.draw_body(joints, UP, camera, size, outfit, light)


def pixels(joints, camera, body):
    """Projects joints to the window of a drawn body, px."""
    positions = camera.focal_px * joints[:, :2] / joints[:, 2:] + camera.principal_point_px
    return positions - body.corner[::-1]


def with_right_hand_at(position):
    """Returns the standing person with the right wrist at a position."""
    pose = bodies.STANDING.copy()
    pose[16] = position
    pose[15] = [0, -330, 300]
    return pose


@pytest.mark.parametrize("yaw", [FACING_US, FACING_AWAY, 0.0, 0.7, 2.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_body_covers_its_joints(poses, yaw, seed):
    joints, camera, body = draw(poses[seed], yaw, seed=seed)
    x, y = np.rint(pixels(joints, camera, body)).astype(int).T
    assert (body.layer[3, y, x] == 1).all()
    depth = body.depth[2 * y + 1, 2 * x + 1]
    # The surface is in front of every joint.
    assert (depth < joints[:, 2]).all()
    assert (depth > joints[:, 2].min() - 300).all()
    # The same holds for the limbs' bones; those of the trunk are off its middle.
    upper_ends = (1, 2, 4, 5, 11, 12, 14, 15)
    limbs = np.array([bone for bone in skeletons.H36M_17.bones if bone[0] in upper_ends])
    x, y = np.rint(pixels(joints[limbs].mean(1), camera, body)).astype(int).T
    assert (body.layer[3, y, x] == 1).all()
    assert (body.depth[2 * y + 1, 2 * x + 1] < joints[limbs].mean(1)[:, 2]).all()


def test_the_body_is_as_large_as_a_person():
    joints, camera, body = draw(bodies.STANDING, FACING_US, size=200)
    rows = np.flatnonzero(body.layer[3].any(1))
    mm = joints[0, 2] / camera.focal_px
    height = len(rows) * mm
    # Soles are about 80 mm below the ankles, the crown about 120 mm above joint 10.
    assert 1591 + 150 < height < 1591 + 260
    assert 0.05 < (body.layer[3].sum() * mm**2) / 1e6 / 1.75 < 0.6


def test_surfaces_have_no_holes(poses):
    for index, size in ((0, 64), (1, 128), (2, 256)):
        _, _, body = draw(poses[index], 0.3 * index, size=size, seed=index)
        cover = body.layer[3]
        neighbours = np.minimum.reduce([cover[:-2, 1:-1], cover[2:, 1:-1]])
        neighbours = np.minimum(neighbours, np.minimum(cover[1:-1, :-2], cover[1:-1, 2:]))
        holes = (cover[1:-1, 1:-1] < 0.8) & (neighbours == 1)
        assert holes.sum() <= 2


def test_a_hand_behind_the_body_is_hidden():
    behind, before = with_right_hand_at([-300, 0, 250]), with_right_hand_at([300, 0, 250])
    for pose, yaw, expected in (
        (behind, FACING_US, False),
        (before, FACING_US, True),
        (behind, FACING_AWAY, True),
        (before, FACING_AWAY, False),
    ):
        joints, camera = view(pose, yaw)
        for seed in range(4):
            _, visibility = rendering.render(joints, UP, camera, 96, np.random.default_rng(seed))
            assert visibility[16] == expected
            # Head and legs are visible in all of them.
            assert visibility[[2, 3, 5, 6, 10]].all()


def test_the_face_is_in_front_and_the_hair_behind():
    """The face distinguishes left and right, as in photos."""
    for yaw, facing in ((FACING_US, True), (FACING_AWAY, False)):
        joints, camera = view(bodies.STANDING, yaw, size=200)
        # A person who faces the camera has the left hip on the right of the image.
        assert (joints[4, 0] > joints[1, 0]) == facing
        rng = np.random.default_rng(1)
        outfit = dataclasses.replace(
            wardrobe.draw_outfit(rng),
            skin=np.array([230.0, 60.0, 60.0]),
            hair=np.array([60.0, 60.0, 230.0]),
            **dict.fromkeys(("beard", "glasses", "cap", "bald"), False),
        )
        light = rendering.draw_light(rng, UP)
        body = rendering.draw_body(joints, UP, camera, 200, outfit, light)
        x, y = np.rint(pixels(joints, camera, body)[10]).astype(int)
        red, _, blue = body.layer[:3, y - 2 : y + 8, x - 3 : x + 4].mean((1, 2))
        assert (red > blue) == facing


def test_image_depends_on_the_generator_only(poses):
    joints, camera = view(poses[0], 0.3)
    first, second = (
        rendering.render(joints, UP, camera, 96, np.random.default_rng(8)) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    other, _ = rendering.render(joints, UP, camera, 96, np.random.default_rng(9))
    assert np.abs(first[0].astype(int) - other).mean() > 10
