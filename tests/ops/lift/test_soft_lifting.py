"""The smooth lift: brute force, gradients of landmarks and prior, invariances."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift import skeletons
from tf_lift.ops.lift import soft_lifting
from tf_lift.prior import PosePrior

NUM_ROTATIONS = 6


@pytest.fixture(scope="module")
def small_prior():
    """Two components of two bases over the first five joints: few parameters to differentiate."""
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal([2, 15, 2]))[0].swapaxes(1, 2).reshape(2, 2, 5, 3)
    return {
        "mean_pose": 100 * rng.standard_normal([2, 5, 3]),
        "loadings": basis * np.array([[[[60.0]], [[20.0]]], [[[50.0]], [[30.0]]]]),
        "noise_stddev": np.array([15.0, 12.0]),
        "log_mixture_weights": np.log([0.7, 0.3]),
    }


def tables_of(prior, num_rotations=NUM_ROTATIONS):
    loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
    return soft_lifting.tables(
        prior.mean_pose,
        loadings,
        prior.noise_stddev,
        np.log(prior.mixture_weights),
        num_rotations,
    )


def views(prior, num_poses):
    poses = prior.sample(num_poses, seed=5)
    return 0.3 * poses[..., [0, 2]] * [1, -1] + 200


# At 300, many candidates have a say, so that weights and temperature show.
@pytest.mark.parametrize("temperature", [1.0, 300.0])
def test_equals_brute_force(tiny_prior, temperature):
    landmarks = views(tiny_prior, 4)
    joints_3d, probabilities = soft_lifting.lift(landmarks, tables_of(tiny_prior), temperature)
    assert temperature == 1.0 or np.max(probabilities) < 0.9
    angles = 2 * np.pi * np.arange(NUM_ROTATIONS) / NUM_ROTATIONS
    for n, pose in enumerate(landmarks):
        candidates = [
            reference.candidate(pose, tiny_prior, k, reference.rotation(angle))
            for k in range(2)
            for angle in angles
        ]
        costs = np.array([candidate["cost"] for candidate in candidates])
        expected = np.exp(-(costs - costs.min()) / (2 * temperature))
        expected /= expected.sum()
        np.testing.assert_allclose(probabilities[n], expected, atol=1e-8)
        poses = np.stack([candidate["joints_3d"] for candidate in candidates])
        mean = np.tensordot(expected, poses - poses[:, :1], 1)
        np.testing.assert_allclose(joints_3d[n], mean, atol=1e-6)


def test_gradients_of_landmarks_and_of_the_prior(small_prior, rng):
    landmarks = rng.standard_normal([2, 5, 2])

    def lift(landmarks, *parameters):
        built = soft_lifting.tables(*parameters, num_rotations=3)
        return soft_lifting.lift(landmarks, built, temperature=30.0)[0]

    built = soft_lifting.tables(*small_prior.values(), num_rotations=3)
    shares = soft_lifting.lift(landmarks, built, temperature=30.0)[1].numpy()
    # More than one candidate has a say, or the test would not see the probabilities move.
    assert (shares.max(axis=1) < 0.95).all()
    helpers.check_gradient(
        lift, [landmarks, *small_prior.values()], rng, delta=1e-5, rtol=1e-5, atol=1e-6
    )


def test_eager_equals_graph_and_compiled(tiny_prior, rng):
    built = soft_lifting.SoftTables(*(tf.cast(t, tf.float32) for t in tables_of(tiny_prior)))
    helpers.check_modes(
        lambda landmarks: soft_lifting.lift(landmarks, built, 3.0)[0],
        [np.float32(views(tiny_prior, 3))],
        rng,
        rtol=1e-3,
        atol=2e-2,
    )


def test_float32_is_near_float64(tiny_prior):
    landmarks = views(tiny_prior, 64)
    exact = tables_of(tiny_prior)
    rounded = soft_lifting.SoftTables(*(tf.cast(t, tf.float32) for t in exact))
    expected = soft_lifting.lift(landmarks, exact, 3.0)[0]
    actual = soft_lifting.lift(landmarks, rounded, 3.0)[0]
    np.testing.assert_allclose(actual, expected, atol=0.1)


def test_place_and_size_of_the_landmarks_do_not_matter(tiny_prior):
    landmarks = views(tiny_prior, 3)
    built = tables_of(tiny_prior)
    expected = soft_lifting.lift(landmarks, built)[0]
    moved = soft_lifting.lift(7.0 * landmarks + [30.0, -80.0], built)[0]
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    np.testing.assert_array_equal(expected[:, 0], 0)


def test_mirrored_people_have_mirrored_poses(tiny_prior):
    swap = list(skeletons.H36M_17.swap)
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = PosePrior(
        mean_pose=tiny_prior.mean_pose[:, swap] * flip,
        basis=tiny_prior.basis[:, :, swap] * flip,
        stddev=tiny_prior.stddev,
        noise_stddev=tiny_prior.noise_stddev,
        mixture_weights=tiny_prior.mixture_weights,
    )
    landmarks = views(tiny_prior, 2)
    expected = soft_lifting.lift(landmarks, tables_of(tiny_prior))[0].numpy()
    actual = soft_lifting.lift(landmarks[:, swap] * [-1, 1], tables_of(mirrored))[0]
    np.testing.assert_allclose(actual, expected[:, swap] * flip, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 16, 2), (2, 17, 3)])
def test_wrong_landmarks_are_named(tiny_prior, shape):
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[..., 17, 2\]"):
        soft_lifting.lift(np.zeros(shape), tables_of(tiny_prior))


def test_wrong_loadings_are_named(tiny_prior):
    with pytest.raises(ValueError, match="`loadings` must have shape"):
        soft_lifting.tables(
            tiny_prior.mean_pose, tiny_prior.basis[:, :, 1:], [1.0, 1.0], [0.0, 0.0], 4
        )


def test_the_other_half_of_the_angles_is_that_of_an_odd_number(tiny_prior):
    """Angles 0, 120 and 240 degrees of six, two of them of the second half, and of three."""
    loadings = tiny_prior.basis * tiny_prior.stddev[..., np.newaxis, np.newaxis]
    parameters = (tiny_prior.mean_pose, loadings, tiny_prior.noise_stddev, np.log([0.7, 0.3]))
    six, three = (soft_lifting.tables(*parameters, number) for number in (6, 3))
    for some, all_of in zip(six, three, strict=True):
        picked = np.reshape(some, [2, 6, *some.shape[1:]])[:, ::2]
        np.testing.assert_allclose(picked.reshape(all_of.shape), all_of, rtol=1e-9, atol=1e-9)
