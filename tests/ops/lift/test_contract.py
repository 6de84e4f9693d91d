"""The lift keeps the contract of fast paths: the winner and the results of the reference."""

import helpers
import lift_contract
import numpy as np
import pytest

import tf_lift
from tf_lift.prior import build_tables

PRIORS = ("small", "tiny", "cmu")
KINDS = ("bool", "float", "all")


@pytest.fixture(scope="module")
def priors(small_prior, tiny_prior):
    """The priors by name: two random ones and the one of 240 candidates."""
    return {"small": small_prior, "tiny": tiny_prior, "cmu": tf_lift.PosePrior.load("cmu")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("free_scale", [True, False])
@pytest.mark.parametrize("name", PRIORS)
def test_the_result_is_that_of_the_reference(priors, name, free_scale, kind):
    """In float32. Deviations have tests of their own: with landmarks missing, the fast path
    approximates the part of the second best candidate.
    """
    cases = lift_contract.make_cases(priors[name], kind, free_scale)
    tables = build_tables(priors[name], free_scale=free_scale)

    def lift(landmarks, weights):
        result = helpers.lift(landmarks, tables, weights, None if free_scale else 1.0)
        return {key: value for key, value in result.items() if key != "joints_3d_stddev"}

    lift_contract.check_lift(lift, cases)


# Number of missing landmarks of 17, and how far the mean of the joints may be from that over
# all candidates, mm: about 1.3 times the distance that was measured, which grows with the
# number of candidates that are about as probable.
_DISTANCES = {0: 0.3, 1: 0.2, 2: 1.5, 4: 7.5, 7: 16, 10: 29, 14: 70}


def test_the_mean_of_the_most_probable_is_near_that_of_all():
    """Of 1,280 candidates the lift of poses with missing landmarks averages 24."""
    prior = tf_lift.PosePrior.load("cmu-tuned")
    cases = lift_contract.make_cases(
        prior, estimator="mean", num_missing=tuple(_DISTANCES), num_poses=1
    )
    tables = build_tables(prior)
    assert tables.num_candidates == 1280
    result = helpers.lift(cases.landmarks, tables, cases.weights, estimator="mean")
    distance = np.linalg.norm(result["joints_3d"] - cases.result["joints_3d"], axis=-1).mean(1)
    assert np.all(distance < list(_DISTANCES.values())), distance
    for name in ("mixture_index", "rotation_angle"):
        np.testing.assert_allclose(result[name], cases.result[name], atol=1e-6)


def test_a_shortlist_without_the_winner_is_found(small_prior):
    cases = lift_contract.make_cases(small_prior)
    ranked = np.argsort(cases.result["costs"], 1)
    lift_contract.check_shortlist(lambda landmarks, weights: ranked[:, :2], cases)
    ranked[4, 0] = ranked[4, 1]
    with pytest.raises(AssertionError, match="The winner of 1 of 10 poses is not in"):
        lift_contract.check_shortlist(lambda landmarks, weights: ranked[:, :1], cases)


def test_a_lift_that_differs_in_one_output_is_found(small_prior):
    cases = lift_contract.make_cases(small_prior, "float")
    lift_contract.check_lift(lambda landmarks, weights: cases.result, cases)
    for name in cases.result.keys() - {"costs"}:
        changed = {**cases.result, name: cases.result[name] * 1.01 + 1}
        with pytest.raises(AssertionError, match=name):
            lift_contract.check_lift(lambda landmarks, weights, changed=changed: changed, cases)
