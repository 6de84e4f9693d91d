"""Rotations from the world to the camera, against a reference and by hand."""

import numpy as np
from reference import lifting as reference

from tf_lift.ops.geometry.rotations import world_to_camera


def test_equals_reference(rng):
    angles, pitches = rng.uniform(-4, 4, [2, 20])
    matrices = world_to_camera(angles, pitches)
    for matrix, angle, pitch in zip(matrices, angles, pitches, strict=True):
        np.testing.assert_allclose(matrix, reference.rotation(angle, pitch), atol=1e-12)


def test_is_a_rotation(rng):
    matrices = world_to_camera(rng.uniform(-4, 4, 20), rng.uniform(-1, 1, 20))
    products = matrices @ np.swapaxes(matrices, 1, 2)
    np.testing.assert_allclose(products, np.tile(np.eye(3), [20, 1, 1]), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1)


def test_directions_by_hand():
    # Up in the world is up in the image; -y points to the camera.
    np.testing.assert_allclose(world_to_camera(0.0) @ [0, 0, 1], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(world_to_camera(0.0) @ [0, -1, 0], [0, 0, -1], atol=1e-12)
    # A quarter turn, counter-clockwise from above, takes x to the world's y: away.
    np.testing.assert_allclose(world_to_camera(np.pi / 2) @ [1, 0, 0], [0, 0, 1], atol=1e-12)
    # Seen from above, what is farther away on the ground is higher in the image.
    far = world_to_camera(0.0, 0.3) @ [0, 1000, 0]
    assert far[1] < -100 and far[2] > 0


def test_broadcasts():
    assert world_to_camera(np.zeros(5), np.zeros([3, 1])).shape == (3, 5, 3, 3)
