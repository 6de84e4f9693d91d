"""Bodies of other bone lengths."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion.bones import vary_bones

SKELETON = skeletons.H36M_17
PARENT, CHILD = np.array(SKELETON.bones).T


def bones(poses):
    return poses[:, CHILD] - poses[:, PARENT]


def test_directions_stay_and_lengths_vary(tiny_prior, rng):
    poses = tiny_prior.sample(2000, seed=0)
    varied = vary_bones(poses, SKELETON, rng, 0.07)
    before, after = (np.linalg.norm(bones(p), axis=-1) for p in (poses, varied))
    factors = after / before
    np.testing.assert_allclose(bones(varied), factors[..., None] * bones(poses), atol=1e-9)
    np.testing.assert_array_equal(varied[:, 0], poses[:, 0])
    logs = np.log(factors)
    np.testing.assert_allclose(logs.std(axis=0), 0.07, rtol=0.1)
    np.testing.assert_allclose(logs.mean(axis=0), 0.0, atol=0.008)
    # Left and right of a pair are alike, other bones are not.
    correlation = np.corrcoef(logs.T)
    position = {child: n for n, child in enumerate(CHILD)}
    for child in CHILD:
        for other in CHILD:
            value = correlation[position[child], position[other]]
            if other in (child, SKELETON.swap[child]):
                assert value > 0.999
            else:
                assert abs(value) < 0.1


def test_nothing_varies_at_zero(tiny_prior, rng):
    poses = tiny_prior.sample(3, seed=0)
    np.testing.assert_allclose(vary_bones(poses, SKELETON, rng, 0.0), poses, atol=1e-9)


def test_bad_arguments_are_named(rng):
    with pytest.raises(ValueError, match=r"`poses` must have shape \[N, 17, 3\]"):
        vary_bones(np.zeros([4, 16, 3]), SKELETON, rng, 0.1)
    with pytest.raises(ValueError, match="`stddev` must not be negative"):
        vary_bones(np.zeros([4, 17, 3]), SKELETON, rng, -0.1)


def test_one_factor_is_common_to_all_bones(tiny_prior, rng):
    poses = tiny_prior.sample(2000, seed=0)
    varied = vary_bones(poses, SKELETON, rng, 0.0, overall=0.04)
    factors = np.linalg.norm(bones(varied), axis=-1) / np.linalg.norm(bones(poses), axis=-1)
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones(16), rtol=1e-9)
    np.testing.assert_allclose(np.log(factors[:, 0]).std(), 0.04, rtol=0.1)
    with pytest.raises(ValueError, match="`overall` must not be negative"):
        vary_bones(poses, SKELETON, rng, 0.0, overall=-1.0)
