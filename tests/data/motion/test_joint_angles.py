"""Rotations that replay positions."""

import numpy as np
import pytest
from scipy.spatial import transform

from tf_lift.data.motion import forward_kinematics, joint_angles


def directions(rng, count):
    vectors = rng.standard_normal([count, 3])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_shortest_rotations_bring_a_direction_to_others(rng):
    goals = directions(rng, 200)
    start = directions(rng, 1)[0]
    rotations = joint_angles.shortest_rotations(start, goals)
    np.testing.assert_allclose(rotations @ start, goals, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0)
    angles = transform.Rotation.from_matrix(rotations).magnitude()
    np.testing.assert_allclose(angles, np.arccos(goals @ start), rtol=0, atol=1e-9)


@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-8, 1e-6, 1e-3])
def test_shortest_rotations_at_and_near_the_opposite(off):
    start = np.array([0.0, 0.0, 1.0])
    goal = np.array([[off, 0.0, -np.sqrt(1.0 - off**2)]])
    rotation = joint_angles.shortest_rotations(start, goal)[0]
    np.testing.assert_allclose(rotation @ start, goal[0], rtol=0, atol=2e-7)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def replayed(replay):
    """Positions of all joints of a replay, by its offsets but for those that move."""
    moves = replay.moves[None, :, None]
    translations = np.where(moves, replay.translations, replay.offsets[None])
    return forward_kinematics.joint_positions(replay.parents, translations, replay.rotations)[0]


def chain(rng, frames=30):
    """Returns a tree whose joints all rotate; offsets in mm."""
    parents = (-1, 0, 1, 1, 1, 4, 0)
    offsets = np.array(
        [[0, 0, 0], [0, 100, 0], [80, 20, 0], [-80, 20, 0], [0, 90, 30], [0, 50, 0], [60, 0, 0]],
        np.float64,
    )
    rotations = transform.Rotation.random(frames * 7, random_state=3).as_matrix()
    rotations = rotations.reshape(frames, 7, 3, 3)
    positions = forward_kinematics.joint_positions(parents, offsets[None], rotations)[0]
    return parents, offsets, rotations, positions + rng.normal(0, 500, [frames, 1, 3])


NAMES = ("a", "b", "c", "d", "e", "f", "g")


def test_bones_that_rotate_together_share_their_joints_rotation(rng):
    parents, offsets, rotations, positions = chain(rng)
    rest = forward_kinematics.joint_positions(
        parents, offsets[None], np.broadcast_to(np.eye(3), [1, 7, 3, 3])
    )[0][0]
    replay = joint_angles.solve(positions, NAMES, parents, rest)
    assert replay.joint_names == NAMES  # Nothing in between, ...
    assert replay.moves.tolist() == [True] + [False] * 6  # ... and nothing but the root moves.
    np.testing.assert_allclose(replay.offsets, offsets, rtol=0, atol=1e-9)
    # Three bones determine a joint's whole rotation in the world, and so do two.
    world = forward_kinematics.joint_positions(parents, offsets[None], rotations)[1]
    found = forward_kinematics.joint_positions(replay.parents, offsets[None], replay.rotations)[1]
    np.testing.assert_allclose(found[:, [0, 1]], world[:, [0, 1]], rtol=0, atol=1e-9)
    # A leaf does not rotate, and a single bone does not twist.
    assert np.abs(replay.rotations[:, 5] - np.eye(3)).max() < 1e-12
    twist = transform.Rotation.from_matrix(replay.rotations[:, 4]).as_rotvec()
    np.testing.assert_allclose(twist @ offsets[5], 0.0, atol=1e-6)
    np.testing.assert_allclose(replayed(replay), positions, rtol=0, atol=1e-9)


def test_bones_that_rotate_separately_get_an_extra_joint(rng):
    parents, _, _, positions = chain(rng)
    positions[:, 6] = positions[:, 0] + 60.0 * directions(rng, 30)
    replay = joint_angles.solve(positions, NAMES, parents, positions[4])
    assert replay.joint_names == (*NAMES[:6], "a_to_g", "g")
    assert replay.parents == (-1, 0, 1, 1, 1, 4, 0, 6)
    assert not replay.offsets[6].any()
    assert replay.moves.tolist() == [True] + [False] * 7
    order = [replay.joint_names.index(name) for name in NAMES]
    np.testing.assert_allclose(replayed(replay)[:, order], positions, rtol=0, atol=1e-9)


def test_a_bone_that_changes_its_length_rotates_and_moves(rng):
    parents, _, _, positions = chain(rng)
    lengths = rng.uniform(30, 70, [30, 1])
    positions[:, 5] = positions[:, 4] + lengths * directions(rng, 30)
    replay = joint_angles.solve(positions, NAMES, parents, positions[4])
    assert replay.moves.tolist() == [True, False, False, False, False, True, False]
    np.testing.assert_allclose(replayed(replay), positions, rtol=0, atol=1e-9)
    # The angles hold the bone's rotation, so its end moves along a fixed direction.
    direction = replay.offsets[5] / np.linalg.norm(replay.offsets[5])
    np.testing.assert_allclose(replay.translations[:, 5], lengths * direction, rtol=0, atol=1e-9)
    assert np.linalg.norm(replay.offsets[5]) == pytest.approx(np.median(lengths))


def test_small_changes_are_left_out(rng):
    parents, _, _, positions = chain(rng)
    rest = positions[0]
    rounded = positions + rng.uniform(-1, 1, positions.shape) * joint_angles.RIGID_MM / 10
    replay = joint_angles.solve(rounded, NAMES, parents, rest)
    assert replay.moves.sum() == 1
    assert replay.joint_names == NAMES
    assert np.abs(replayed(replay) - rounded).max() < 0.1


def test_mirrored_frames_do_not_give_reflections(rng):
    # No rotation gives the mirror image of three bones, so at most two keep their positions.
    parents, _, _, positions = chain(rng)
    positions[15:] = positions[15:] * [1, 1, -1]
    replay = joint_angles.solve(positions, NAMES, parents, positions[0])
    np.testing.assert_allclose(np.linalg.det(replay.rotations), 1.0)
    order = [replay.joint_names.index(name) for name in NAMES]
    np.testing.assert_allclose(replayed(replay)[:, order], positions, rtol=0, atol=1e-9)


def test_names_of_extra_joints_are_new(rng):
    parents, _, _, positions = chain(rng)
    positions[:, 6] = positions[:, 0] + 60.0 * directions(rng, 30)
    names = ("a", "b", "c", "a_to_g", "e", "f", "g")
    replay = joint_angles.solve(positions, names, parents, positions[4])
    assert replay.joint_names[6] == "a_to_g_"


def test_collinear_bones_rotate_without_twist(rng):
    # The middle of the hips: its two bones lie on a line through it.
    goals = directions(rng, 20)
    positions = np.stack([0 * goals, 130 * goals, -140 * goals], axis=1)
    replay = joint_angles.solve(positions, NAMES[:3], (-1, 0, 0), positions[3])
    assert replay.joint_names == NAMES[:3]
    np.testing.assert_allclose(replayed(replay), positions, rtol=0, atol=1e-9)
    angles = transform.Rotation.from_matrix(replay.rotations[:, 0]).magnitude()
    np.testing.assert_allclose(angles, np.arccos(goals @ goals[3]), rtol=0, atol=1e-6)
