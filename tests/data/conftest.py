"""Poses for the tests of data: no prior and no file needed."""

import numpy as np
import pytest

from tf_lift.data.synthetic import bodies


def rotation(rng, largest):
    """A rotation by up to `largest` rad about a random axis (Rodrigues)."""
    axis = rng.standard_normal(3)
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = rng.uniform(-largest, largest)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.fixture(scope="session")
def poses():
    """Twenty people [20, 17, 3], mm, z up, who stand with limbs bent at random."""
    rng = np.random.default_rng(5)
    people = np.repeat(bodies.STANDING[None].astype(np.float64), 20, axis=0)
    limbs = [(4, (5, 6)), (5, (6,)), (1, (2, 3)), (2, (3,)), (11, (12, 13)), (12, (13,))]
    limbs += [(14, (15, 16)), (15, (16,)), (9, (10,))]
    for pose in people:
        for joint, below in limbs:
            turned = rotation(rng, 1.0 if joint > 7 else 0.6)
            pose[list(below)] = (pose[list(below)] - pose[joint]) @ turned.T + pose[joint]
    return people.astype(np.float32)
