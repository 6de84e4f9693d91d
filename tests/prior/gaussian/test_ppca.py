import numpy as np
import pytest
from reference import ppca as oracle

from tf_lift.prior.gaussian import ppca


def random_model(rng, dimensions=12, num_bases=4):
    basis = np.linalg.qr(rng.standard_normal([dimensions, num_bases]))[0].T
    return rng.standard_normal(dimensions), basis, np.array([9.0, 6.0, 4.0, 2.0]), 1.5


def test_log_density_is_that_of_the_full_covariance(rng):
    model = random_model(rng)
    vectors = rng.standard_normal([20, 12]) * 5.0

    density = ppca.log_density(vectors, *model)

    np.testing.assert_allclose(density, oracle.log_density(vectors, *model), rtol=1e-10)


def test_squared_distance_is_that_of_the_full_covariance(rng):
    _, *model = random_model(rng)
    residuals = rng.standard_normal([5, 4, 12])

    inverse = np.linalg.inv(oracle.covariance(*model))
    expected = np.einsum("abc,cd,abd->ab", residuals, inverse, residuals)

    np.testing.assert_allclose(ppca.squared_distance(residuals, *model), expected, rtol=1e-10)


def test_a_covariance_of_ppca_is_recovered(rng):
    _, basis, stddev, noise_stddev = random_model(rng)
    matrix = oracle.covariance(basis, stddev, noise_stddev)

    found, found_stddev, found_noise = ppca.maximum_likelihood(matrix, 4)

    np.testing.assert_allclose(np.abs(np.diag(found @ basis.T)), 1.0, atol=1e-10)
    np.testing.assert_allclose(found_stddev, stddev, rtol=1e-10)
    np.testing.assert_allclose(found_noise, noise_stddev, rtol=1e-10)


# Fixed noises below, between and above the deviations of the bases (about 6, 7 and 8), and an
# estimated noise at its lower bound.
@pytest.mark.parametrize(
    ("noise_stddev", "bound"), [(None, 0.0), (1.2, 0.0), (3.0, 0.0), (7.0, 0.0), (None, 7.0)]
)
def test_no_other_model_near_is_more_likely(rng, noise_stddev, bound):
    data = rng.standard_normal([60, 8]) * np.arange(1.0, 9.0)
    matrix = np.cov(data.T)
    basis, stddev, noise = ppca.maximum_likelihood(matrix, 3, noise_stddev, bound)
    best = oracle.expected_log_likelihood(matrix, oracle.covariance(basis, stddev, noise))

    for _ in range(200):
        other = np.linalg.qr((basis + 0.05 * rng.standard_normal(basis.shape)).T)[0].T
        other_stddev = np.abs(stddev + 0.2 * rng.standard_normal(3))
        other_noise = noise
        if noise_stddev is None:
            other_noise = max(noise * np.exp(0.05 * rng.standard_normal()), bound)
        for candidate in [
            (other, stddev, noise),
            (basis, other_stddev, noise),
            (basis, stddev, other_noise),
            (other, other_stddev, other_noise),
        ]:
            value = oracle.expected_log_likelihood(matrix, oracle.covariance(*candidate))
            assert value <= best + 1e-12


def test_noise_is_the_mean_of_what_is_left_out_or_the_bound():
    matrix = np.diag([100.0, 50.0, 9.0, 4.0, 2.0])

    assert ppca.maximum_likelihood(matrix, 2)[2] == pytest.approx(np.sqrt(5.0))
    assert ppca.maximum_likelihood(matrix, 2, min_noise_stddev=3.0)[2] == 3.0
    assert ppca.maximum_likelihood(matrix, 2, noise_stddev=1.0)[2] == 1.0


def test_noise_above_a_variance_leaves_it_no_deviation():
    _, stddev, _ = ppca.maximum_likelihood(np.diag([100.0, 4.0, 1.0]), 2, noise_stddev=5.0)

    np.testing.assert_allclose(stddev, [np.sqrt(75.0), 0.0])


def test_principal_axes_are_sorted_with_a_sign_that_does_not_depend_on_chance(rng):
    axes = np.linalg.qr(rng.standard_normal([5, 5]))[0]
    matrix = axes @ np.diag([1.0, 5.0, 2.0, 4.0, 3.0]) @ axes.T

    eigenvalues, found = ppca.principal_axes(matrix)

    np.testing.assert_allclose(eigenvalues, [5.0, 4.0, 3.0, 2.0, 1.0])
    np.testing.assert_allclose(found @ matrix @ found.T, np.diag(eigenvalues), atol=1e-12)
    assert (found[np.arange(5), np.abs(found).argmax(axis=1)] > 0.0).all()
