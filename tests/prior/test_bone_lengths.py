"""Tests the bone lengths and the height of a prior's people."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.prior import bone_lengths


def test_typical_lengths_are_those_of_samples(tiny_prior):
    poses = tiny_prior.sample(20000, seed=0)
    parents = np.array(skeletons.get(tiny_prior.skeleton).parents[1:])
    bones = poses[:, 1:] - poses[:, parents]
    expected = np.sqrt(np.mean(np.sum(bones**2, -1), 0))
    # Samples hold the noise of both ends of a bone as well.
    noise = tiny_prior.mixture_weights @ tiny_prior.noise_stddev**2
    expected = np.sqrt(expected**2 - 6 * noise)
    np.testing.assert_allclose(bone_lengths.typical_bone_lengths(tiny_prior), expected, rtol=0.03)


def test_height_scales_bones(tiny_prior):
    typical = bone_lengths.typical_height(tiny_prior)
    lengths = bone_lengths.typical_bone_lengths(tiny_prior)
    found = bone_lengths.resolve(tiny_prior, height=np.float64([typical, 1.1 * typical]))
    np.testing.assert_allclose(found, [lengths, 1.1 * lengths])
    assert bone_lengths.resolve(tiny_prior) is None
    np.testing.assert_array_equal(bone_lengths.resolve(tiny_prior, "prior"), lengths)


def test_bad_arguments_are_named(tiny_prior):
    with pytest.raises(ValueError, match="`height` must be None"):
        bone_lengths.resolve(tiny_prior, "prior", 1700.0)
    with pytest.raises(ValueError, match="`bone_lengths` must be lengths"):
        bone_lengths.resolve(tiny_prior, "mine")
