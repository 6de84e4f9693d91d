"""Deviations of joints: posterior sampling, Laplace's approximation and the total variance."""

import dataclasses

import helpers
import lift_inputs
import numpy as np
import pytest
from reference import lifting as reference

from tf_lift.prior import build_tables

ROTATIONS = 12


def test_stddev_equals_posterior_sampling(tiny_prior, rng):
    """At a given scale the deviation is that of the Gaussian posterior of the latents."""
    single = _single(tiny_prior)
    tables = build_tables(single, 1, free_scale=False, dtype="float64")
    landmarks = lift_inputs.make_landmarks(single, rng, 1, 1.0)
    visible = np.arange(17) % 3 != 1
    result = helpers.lift(landmarks, tables, visible[None], scale=1.0)
    matrix = reference.rotation(0.0)
    rows = np.repeat(visible, 2)
    loadings = single.basis[0] * single.stddev[0][:, None, None]
    design = np.stack([(w @ matrix[:2].T).reshape(-1) for w in loadings], 1)[rows]
    noise = single.noise_stddev[0] ** 2
    covariance = np.linalg.inv(design.T @ design / noise + np.eye(single.num_bases))
    rooted = loadings - loadings[:, :1]
    variance = np.einsum("jlc,ji,ilc->l", rooted, covariance, rooted) + 3 * noise
    variance *= reference.calibration(float(result["misfit"][0]), 2 * visible.sum()) ** 2
    np.testing.assert_allclose(result["joints_3d_stddev"][0, 1:], np.sqrt(variance[1:]), rtol=1e-8)
    assert result["joints_3d_stddev"][0, 0] == 0


def test_free_scale_stddev_equals_laplace_posterior(tiny_prior, rng):
    """At a free scale: the inverse Hessian of the cost in latents, scale and position."""
    single = _single(tiny_prior)
    tables = build_tables(single, 1, dtype="float64")
    matrix = reference.rotation(0.0)
    landmarks = 0.5 * (single.sample(1, seed=3)[0] @ matrix[:2].T) + 7
    landmarks += rng.normal(0, 5, landmarks.shape)
    result = helpers.lift(landmarks, tables)
    loadings = single.basis[0] * single.stddev[0][:, None, None]
    design = np.stack([(w @ matrix[:2].T).reshape(-1) for w in loadings], 1)
    shift = np.tile(np.eye(2), [17, 1])
    noise, inverse_scale = single.noise_stddev[0], 1 / float(result["scale"])
    # Half the cost is |u y - p - D z - t|^2 / (2 noise^2) + |z|^2 / 2 - 32 log u.
    rows = np.concatenate([-design, -shift, landmarks.reshape(-1, 1)], 1) / noise
    ridge = np.diag([1.0] * 4 + [0.0] * 2 + [32 / inverse_scale**2])
    covariance = np.linalg.inv(rows.T @ rows + ridge)
    # The scale's joint part belongs to latents that follow it; keep latents alone.
    covariance = covariance[:4, :4]
    rooted = loadings - loadings[:, :1]
    variance = np.einsum("jlc,ji,ilc->l", rooted, covariance, rooted) + 3 * noise**2
    variance *= reference.calibration(float(result["misfit"]), 32) ** 2
    np.testing.assert_allclose(result["joints_3d_stddev"][1:], np.sqrt(variance[1:]), rtol=1e-8)


# With masks the fast path gives the second best candidate the best one's variance of missing
# landmarks. These change the deviation of the pose by less than this.
_STDDEV_RTOL = {"visible": 2e-3, "real": 1e-8}


@pytest.mark.parametrize("estimator", ["mean", "map"])
@pytest.mark.parametrize("weights_kind", ["visible", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_stddev_with_joints_missing_is_the_total_variance(
    tiny_prior, rng, scale, weights_kind, estimator
):
    """24 candidates, of which the mean with weights takes all."""
    landmarks = lift_inputs.make_landmarks(tiny_prior, rng, 5, scale)
    weights = lift_inputs.random_weights(rng, weights_kind, [5, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    stddev = helpers.lift(landmarks, tables, weights, scale, estimator)["joints_3d_stddev"]
    rtol = 1e-8 if estimator == "mean" else _STDDEV_RTOL[weights_kind]
    for i in range(5):
        candidates = reference.lift(landmarks[i], tiny_prior, weights[i], scale, ROTATIONS)
        expected = reference.read_out(candidates, estimator)["joints_3d_stddev"]
        np.testing.assert_allclose(stddev[i], expected, rtol=rtol, atol=1e-9)


def _single(prior):
    return dataclasses.replace(
        prior,
        mean_pose=prior.mean_pose[:1],
        basis=prior.basis[:1],
        stddev=prior.stddev[:1],
        noise_stddev=prior.noise_stddev[:1],
        mixture_weights=np.ones(1),
    )
