import numpy as np
import pytest
import scipy.special
from reference import ppca as oracle

from tf_lift.prior.gaussian import alignment, distribution


def test_samples_have_the_mean_and_covariance_of_the_mixture(tiny_prior):
    poses = tiny_prior.sample(20000, seed=1, noise=True).reshape(20000, -1)

    weights = tiny_prior.mixture_weights
    means = tiny_prior.mean_pose.reshape(2, -1)
    mean = weights @ means
    covariance = sum(
        weights[k]
        * (
            oracle.covariance(
                tiny_prior.basis[k].reshape(4, -1), tiny_prior.stddev[k], tiny_prior.noise_stddev[k]
            )
            + np.outer(means[k] - mean, means[k] - mean)
        )
        for k in range(2)
    )
    # Five standard errors of a mean, and of a covariance of two variables.
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(poses.mean(axis=0) - mean) < 5.0 * spread / np.sqrt(20000)).all()
    error = np.abs(np.cov(poses.T) - covariance) / np.outer(spread, spread)
    assert error.max() < 5.0 * np.sqrt(2.0 / 20000)


def test_samples_without_noise_lie_in_the_span_of_the_basis(tiny_prior):
    poses = tiny_prior.sample(50, seed=2)

    residuals = [
        (pose - tiny_prior.mean_pose[k]).ravel()
        - np.tensordot(
            np.tensordot(tiny_prior.basis[k], pose - tiny_prior.mean_pose[k], 2),
            tiny_prior.basis[k],
            axes=1,
        ).ravel()
        for pose in poses
        for k in range(2)
    ]
    lengths = np.linalg.norm(residuals, axis=1).reshape(50, 2)
    assert lengths.min(axis=1).max() < 1e-9
    np.testing.assert_allclose(poses[:, 0], 0.0, atol=1e-9)


def test_samples_depend_on_the_seed_alone(tiny_prior):
    np.testing.assert_array_equal(tiny_prior.sample(4, seed=3), tiny_prior.sample(4, seed=3))
    assert (tiny_prior.sample(4, seed=3) != tiny_prior.sample(4, seed=4)).any()
    with pytest.raises(ValueError, match="`num_poses` must be at least 1.*0"):
        tiny_prior.sample(0)


@pytest.mark.parametrize("chunk", [7, 2048])
def test_log_likelihood_is_that_of_full_covariances(tiny_prior, chunk, monkeypatch):
    monkeypatch.setattr(distribution, "_CHUNK", chunk)
    poses = tiny_prior.sample(30, seed=5, noise=True)

    density = tiny_prior.log_likelihood(poses)

    expected = oracle.mixture_log_likelihood(tiny_prior, poses)
    np.testing.assert_allclose(density, expected, rtol=1e-9)


def test_log_likelihood_over_rotations_is_the_log_of_the_mean(tiny_prior):
    poses = tiny_prior.sample(3, seed=6, noise=True)

    density = tiny_prior.log_likelihood(poses, num_rotations=4)

    turned = [
        oracle.mixture_log_likelihood(tiny_prior, alignment.rotate(poses, angle))
        for angle in (0.0, np.pi / 2, np.pi, 3 * np.pi / 2)
    ]
    expected = scipy.special.logsumexp(turned, axis=0, b=0.25)
    np.testing.assert_allclose(density, expected, rtol=1e-9)


def test_log_likelihood_checks_its_arguments(tiny_prior):
    with pytest.raises(ValueError, match=r"`poses` must have shape \[N, 17, 3\].*\(17, 3\)"):
        tiny_prior.log_likelihood(np.zeros([17, 3]))
    with pytest.raises(ValueError, match="`poses` must be finite"):
        tiny_prior.log_likelihood(np.full([1, 17, 3], np.nan))
    with pytest.raises(ValueError, match="`num_rotations` must be at least 1"):
        tiny_prior.log_likelihood(np.zeros([1, 17, 3]), num_rotations=0)
