"""Rotations from joint angles and back, and positions from rotations."""

import itertools

import numpy as np
import pytest
from reference import motion_capture

from tf_lift.data.motion import forward_kinematics


@pytest.mark.parametrize("axes", ["ZXY", "XYZ", "ZXZ", "ZZX", "YZ", "X", "Y", "Z", "", "XYZXYZ"])
def test_euler_rotations_multiply_in_the_order_of_the_axes(rng, axes):
    angles = rng.uniform(-180, 180, [3, len(axes)])
    rotations = forward_kinematics.euler_rotations(axes, np.deg2rad(angles))
    assert rotations.shape == (3, 3, 3)
    for rotation, row in zip(rotations, angles, strict=True):
        expected = np.eye(4)
        for axis, angle in zip(axes, row, strict=True):
            expected = expected @ motion_capture.turn(axis, angle)
        np.testing.assert_allclose(rotation, expected[:3, :3], rtol=0, atol=1e-12)


def test_angles_give_their_rotation_back(rng):
    angles = rng.uniform([-3, -1.5, -3], [3, 1.5, 3], [50, 2, 3])
    rotations = forward_kinematics.euler_rotations("ZXY", angles)
    np.testing.assert_allclose(forward_kinematics.to_zxy(rotations), angles, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "x", [np.pi / 2, -np.pi / 2, np.pi / 2 - 1e-7, 1e-9 - np.pi / 2, np.pi / 2 - 1e-13]
)
def test_angles_at_a_right_angle_give_the_rotation_if_not_the_angles(x):
    angles = np.array([[z, x, y] for z, y in itertools.product([-3.0, -1.0, 0.0, 2.0], repeat=2)])
    rotations = forward_kinematics.euler_rotations("ZXY", angles)
    found = forward_kinematics.to_zxy(rotations)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        forward_kinematics.euler_rotations("ZXY", found), rotations, rtol=0, atol=1e-12
    )


def test_positions_follow_the_rotations_of_parents(rng):
    parents = (-1, 0, 1, 1, -1)
    angles, offsets = rng.uniform(-180, 180, [6, 5, 3]), rng.uniform(-5, 5, [5, 3])
    rotations = forward_kinematics.euler_rotations("XZY", np.deg2rad(angles))
    positions, world = forward_kinematics.joint_positions(parents, offsets[None], rotations)
    joints = [
        (str(j), None if p < 0 else str(p), offsets[j], ["Xrotation", "Zrotation", "Yrotation"])
        for j, p in enumerate(parents)
    ]
    for frame in range(6):
        expected = motion_capture.bvh_frame(joints, angles[frame].ravel())
        for joint in range(5):
            np.testing.assert_allclose(positions[frame, joint], expected[str(joint)], atol=1e-12)
    np.testing.assert_allclose(world[:, 2], rotations[:, 0] @ rotations[:, 1] @ rotations[:, 2])


def test_a_parent_after_its_child_is_refused():
    with pytest.raises(ValueError, match="`parents` must come before.*parent 1 of 0"):
        forward_kinematics.joint_positions(
            (1, -1), np.zeros([1, 2, 3]), np.broadcast_to(np.eye(3), [1, 2, 3, 3])
        )
