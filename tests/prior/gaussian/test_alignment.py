import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.prior.gaussian import alignment, ppca

SKELETON = skeletons.H36M_17


@pytest.fixture
def model(tiny_prior):
    return (
        tiny_prior.mean_pose[0].ravel(),
        tiny_prior.basis[0].reshape(tiny_prior.num_bases, -1),
        tiny_prior.stddev[0],
        tiny_prior.noise_stddev[0],
    )


def distances(poses, angles, model):
    vectors = alignment.rotate(poses, angles).reshape(len(poses), -1)
    return ppca.squared_distance(vectors - model[0], *model[1:])


def test_rotation_keeps_height_and_composes(rng):
    poses = rng.standard_normal([4, 17, 3])

    turned = alignment.rotate(alignment.rotate(poses, 0.4), np.full(4, 0.5))

    np.testing.assert_allclose(turned, alignment.rotate(poses, 0.9), atol=1e-12)
    np.testing.assert_array_equal(turned[..., 2], poses[..., 2])


def test_mirror_is_its_own_inverse_and_swaps_sides(rng):
    poses = rng.standard_normal([4, 17, 3])
    left, right = (SKELETON.joint_names.index(f"{side}_wrist") for side in ("left", "right"))

    mirrored = alignment.mirror(poses, SKELETON)

    np.testing.assert_array_equal(mirrored[:, right], poses[:, left] * [-1.0, 1.0, 1.0])
    np.testing.assert_array_equal(alignment.mirror(mirrored, SKELETON), poses)


def test_a_person_who_faces_minus_y_needs_no_rotation(tiny_prior):
    # The left hip at +x and z up: the person faces -y, towards the camera at rotation 0.
    angles = np.array([-3.0, -1.0, 0.0, 2.0])
    poses = alignment.rotate(np.tile(tiny_prior.mean_pose[0], [4, 1, 1]), angles)

    found = alignment.facing_angles(poses, SKELETON)

    np.testing.assert_allclose(found, -angles, atol=1e-12)


def test_best_angle_is_that_of_a_brute_force_search(rng, tiny_prior, model):
    poses = tiny_prior.sample(50, seed=1, noise=True)
    poses = alignment.rotate(poses, rng.uniform(-np.pi, np.pi, 50))
    # Random points have no front: the two minima of the distance compete.
    poses[25:] = rng.standard_normal([25, 17, 3]) * 400.0

    angles, _ = alignment.best_angles(poses, np.zeros(50), *model)

    grid = np.deg2rad(np.arange(0.0, 360.0, 0.25))
    brute = np.stack([distances(poses, np.full(50, angle), model) for angle in grid])
    found = distances(poses, angles, model)
    # Between the points of the grid the search may be better, by a known bound.
    assert (found <= brute.min(axis=0) + 1e-9 * found).all()
    gap = np.angle(np.exp(1j * (grid[brute.argmin(axis=0)] - angles)))
    assert np.abs(gap).max() < np.deg2rad(0.25)


def test_best_angle_is_stationary(rng, tiny_prior, model):
    poses = tiny_prior.sample(20, seed=2, noise=True)

    angles, _ = alignment.best_angles(poses, np.full(20, 1.0), *model)

    step = 1e-4
    slope = distances(poses, angles + step, model) - distances(poses, angles - step, model)
    curvature = distances(poses, angles + step, model) + distances(poses, angles - step, model)
    curvature -= 2.0 * distances(poses, angles, model)
    assert (curvature > 0.0).all()
    # Newton's error, in radians: half the slope over the curvature, times the step.
    assert np.abs(slope / curvature * step / 2.0).max() < 1e-7


def test_an_angle_is_never_made_worse(rng, tiny_prior, model):
    poses = tiny_prior.sample(30, seed=3, noise=True)
    best, _ = alignment.best_angles(poses, np.zeros(30), *model)

    again, _ = alignment.best_angles(poses, best, *model)

    np.testing.assert_allclose(again, best, atol=1e-7)
    assert (distances(poses, again, model) <= distances(poses, best, model) * (1 + 1e-12)).all()
