"""Mixtures that are their own mirror images."""

import dataclasses

import numpy as np
import pytest

import tf_lift
from tf_lift import skeletons
from tf_lift.prior.gaussian import alignment, symmetry

SKELETON = skeletons.CMU_17


def covariances(prior):
    loadings = (prior.basis * prior.stddev[..., None, None]).reshape(*prior.stddev.shape, -1)
    return np.swapaxes(loadings, 1, 2) @ loadings


def mirrored(prior):
    return dataclasses.replace(
        prior,
        mean_pose=alignment.mirror(prior.mean_pose, SKELETON),
        basis=alignment.mirror(prior.basis, SKELETON),
    )


@pytest.fixture
def uneven(tiny_prior):
    """A pair of components that are nearly mirror images, and one that is nearly its own."""
    rng = np.random.default_rng(0)
    first = tiny_prior.mean_pose[0] + 80 * rng.standard_normal([17, 3])
    own = (tiny_prior.mean_pose[1] + alignment.mirror(tiny_prior.mean_pose[1], SKELETON)) / 2
    mean = np.stack([first, own, alignment.mirror(first, SKELETON)])
    basis = np.linalg.qr(rng.standard_normal([3, 51, 4]))[0].swapaxes(1, 2).reshape(3, 4, 17, 3)
    return tf_lift.PosePrior(
        mean_pose=mean + rng.standard_normal(mean.shape),
        basis=basis,
        stddev=rng.uniform(20, 60, [3, 4]),
        noise_stddev=[10.0, 12.0, 14.0],
        mixture_weights=[0.3, 0.5, 0.2],
    )


def test_partners_are_the_nearest_images(uneven):
    assert symmetry.partners_of(uneven, SKELETON).tolist() == [2, 1, 0]


def test_every_point_gets_one_partner(rng):
    points = rng.standard_normal([9, 3])
    partners = symmetry.find_partners(points, -points)
    np.testing.assert_array_equal(partners[partners], np.arange(9))


def test_a_symmetrised_mixture_is_its_own_mirror_image(uneven):
    assert symmetry.mirror_error(uneven, SKELETON) > 1.0
    made = dataclasses.replace(uneven, **symmetry.symmetrise(uneven, SKELETON))
    order = [2, 1, 0]
    image = mirrored(made)
    np.testing.assert_allclose(made.mean_pose, image.mean_pose[order], atol=1e-9)
    np.testing.assert_allclose(covariances(made), covariances(image)[order], atol=1e-7)
    np.testing.assert_allclose(made.mixture_weights, [0.25, 0.5, 0.25])
    np.testing.assert_allclose(made.noise_stddev[[0, 2]], np.sqrt((100 + 196) / 2))
    assert symmetry.mirror_error(made, SKELETON) < 1e-9
    # Bases of the component that is its own image are symmetric or antisymmetric.
    products = np.sum(made.basis[1] * image.basis[1], (1, 2))
    np.testing.assert_allclose(np.abs(products), 1.0, atol=1e-9)


def test_symmetrising_again_changes_nothing(uneven):
    made = dataclasses.replace(uneven, **symmetry.symmetrise(uneven, SKELETON))
    again = dataclasses.replace(made, **symmetry.symmetrise(made, SKELETON))
    np.testing.assert_allclose(again.mean_pose, made.mean_pose, atol=1e-9)
    np.testing.assert_allclose(covariances(again), covariances(made), atol=1e-7)


@pytest.mark.parametrize("name", ["people", "cmu"])
def test_shipped_priors_lift_mirrored_landmarks_to_mirrored_poses(name, rng):
    prior = tf_lift.PosePrior.load(name)
    poses = prior.sample(30, seed=0, noise=True)
    angle = rng.uniform(0, 2 * np.pi, [30, 1])
    x = np.cos(angle) * poses[..., 0] - np.sin(angle) * poses[..., 1]
    landmarks = np.stack([x, -poses[..., 2]], -1)
    swap = list(SKELETON.swap)
    lifted, image = (
        tf_lift.lift(points, prior)["joints_3d"].numpy()
        for points in (landmarks, landmarks[:, swap] * [-1, 1])
    )
    np.testing.assert_allclose(image[:, swap] * [-1, 1, 1], lifted, atol=0.1)
