"""Errors of velocity and acceleration against NumPy, their masks and gradients."""

import helpers
import numpy as np
import pytest

from tf_lift.ops.errors import motion_errors

ERRORS = {1: motion_errors.mpjve, 2: motion_errors.acceleration_error}


@pytest.mark.parametrize("order", [1, 2])
def test_equals_oracle(rng, order):
    predicted, true = rng.standard_normal([2, 2, 8, 5, 3])
    found = ERRORS[order](predicted, true, 25.0)
    changes = [np.diff(each, order, axis=-3) * 25.0**order for each in (predicted, true)]
    expected = np.linalg.norm(changes[0] - changes[1], axis=-1).mean((-2, -1))
    np.testing.assert_allclose(found, expected)
    # A constant offset has no velocity.
    np.testing.assert_allclose(ERRORS[order](true + 7.0, true, 25.0), 0, atol=1e-10)


def test_hidden_joints_count_in_no_difference(rng):
    predicted, true = rng.standard_normal([2, 8, 5, 3])
    visibility = np.ones([8, 5], bool)
    visibility[3, 2] = False
    hidden = predicted.copy()
    hidden[3, 2] = np.nan
    rows = np.linalg.norm(np.diff(predicted - true, axis=0), axis=-1)
    expected = np.delete(rows.ravel(), [2 * 5 + 2, 3 * 5 + 2]).mean()
    np.testing.assert_allclose(motion_errors.mpjve(hidden, true, 1.0, visibility), expected)
    assert motion_errors.mpjve(hidden, true, 1.0, visibility & False) == 0
    assert np.isnan(motion_errors.mpjve(hidden, true, 1.0))


@pytest.mark.parametrize("order", [1, 2])
def test_gradient(rng, order):
    predicted, true = rng.standard_normal([2, 4, 2, 3])
    helpers.check_gradient(lambda x: ERRORS[order](x, true, 5.0), [predicted], rng)
    _, gradients = helpers.upstream_gradients(lambda x: ERRORS[order](x, true, 5.0), [true], 1.0)
    np.testing.assert_array_equal(gradients[0], 0)


def test_bad_arguments():
    pose = np.zeros([4, 2, 3])
    with pytest.raises(ValueError, match="`fps` must be a positive number. Received: 0"):
        motion_errors.mpjve(pose, pose, 0)
    with pytest.raises(ValueError, match=r"`predicted` must have shape \[\.\.\., T, L, 3\]"):
        motion_errors.acceleration_error(pose[0], pose[0], 10.0)
