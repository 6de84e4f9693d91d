"""Procrustes alignment against SciPy, and at degenerate configurations."""

import itertools

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import pose_errors as oracle
from scipy.spatial import transform

from tf_lift.ops.errors import procrustes


def random_weights(rng, shape):
    weights = rng.uniform(0.2, 1.0, shape)
    weights[..., 1] = 0.0
    return weights


def test_align_equals_oracle(rng):
    source, target = rng.standard_normal([2, 5, 7, 3])
    weights = random_weights(rng, [5, 7])
    expected = [oracle.align(s, t, w) for s, t, w in zip(source, target, weights, strict=True)]
    np.testing.assert_allclose(procrustes.align(source, target, weights), expected, atol=1e-12)


def test_fit_recovers_a_similarity(rng):
    source = rng.standard_normal([6, 5, 3])
    rotation = transform.Rotation.random(6, random_state=1).as_matrix()
    scale = rng.uniform(0.1, 10, 6)
    translation = rng.standard_normal([6, 3])
    target = scale[:, None, None] * source @ rotation.swapaxes(1, 2) + translation[:, None]
    for actual, expected in zip(
        procrustes.fit(source, target), (scale, rotation, translation), strict=True
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_mirror_image_is_rotated_not_reflected(rng):
    source = rng.standard_normal([20, 5, 3])
    _, rotation, _ = procrustes.fit(source, source * [1, 1, -1])
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    error = np.abs(procrustes.align(source, source * [1, 1, -1]) - source * [1, 1, -1])
    assert np.all(error.max(axis=(1, 2)) > 0.05)


def test_hidden_joints_change_nothing(rng):
    source, target = rng.standard_normal([2, 3, 7, 3])
    visibility = np.ones([3, 7], bool)
    visibility[:, 2] = False
    expected = procrustes.fit(np.delete(source, 2, 1), np.delete(target, 2, 1))
    for junk in (100.0, np.nan, np.inf):
        source[:, 2] = target[:, 2] = junk
        for actual, value in zip(procrustes.fit(source, target, visibility), expected, strict=True):
            np.testing.assert_allclose(actual, value, atol=1e-12)
    # A target that is not finite hides the joint without a mask.
    scale, _, _ = procrustes.fit(source, target)
    np.testing.assert_allclose(scale, expected[0], atol=1e-12)


def test_permutation_of_joints_changes_nothing(rng):
    source, target = rng.standard_normal([2, 3, 7, 3])
    order = rng.permutation(7)
    expected = procrustes.align(source, target).numpy()[:, order]
    np.testing.assert_allclose(
        procrustes.align(source[:, order], target[:, order]), expected, atol=1e-12
    )


def check_gradient(function, inputs, rng):
    """As the shared check, but in a graph: finite differences take hundreds of calls."""
    helpers.check_gradient(tf.function(function, autograph=False), inputs, rng, atol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_gradient(rng, mirrored):
    """Also where a reflection would fit better, with weights and a hidden joint."""
    source = rng.standard_normal([3, 6, 3])
    target = source + 0.3 * rng.standard_normal([3, 6, 3])
    if mirrored:
        target *= [-1, 1, 1]
    weights = random_weights(rng, [3, 6])
    check_gradient(lambda s, t: procrustes.align(s, t, weights), [source, target], rng)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_gradient_of_each_part(rng, part):
    source, target = rng.standard_normal([2, 2, 5, 3])
    check_gradient(lambda s, t: procrustes.fit(s, t)[part], [source, target], rng)


def test_gradient_at_repeated_singular_values(rng):
    """The covariance of the corners of a cube is a multiple of the identity."""
    cube = np.array(np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0])).reshape(3, 8).T[None]
    check_gradient(procrustes.align, [cube, 2.0 * cube + 1.0], rng)


DEGENERATE = {
    "planar": np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [3, 1, 0.0]]),
    "collinear": np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 0, 0.0]]),
    "coincident": np.ones([4, 3]),
    "zero": np.zeros([4, 3]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_degenerate_joints_are_finite(rng, jit_compile, dtype):
    pairs = list(itertools.product(DEGENERATE.values(), repeat=2))
    source, target = np.array(pairs, dtype).swapaxes(0, 1)
    upstream = rng.standard_normal(source.shape)
    aligned, gradients = tf.function(
        lambda s, t: helpers.upstream_gradients(procrustes.align, [s, t], upstream),
        jit_compile=jit_compile,
    )(source, target)
    assert np.isfinite(aligned).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    equal = np.all(source == target, axis=(1, 2))
    assert np.count_nonzero(equal) == len(DEGENERATE)
    np.testing.assert_allclose(aligned[equal], target[equal], atol=1e-5)


@pytest.mark.parametrize("num_visible", [0, 1, 2])
def test_few_visible_joints_are_finite(rng, num_visible):
    source, target = rng.standard_normal([2, 1, 5, 3])
    visibility = np.arange(5)[None] < num_visible
    aligned, gradients = helpers.upstream_gradients(
        lambda s, t: procrustes.align(s, t, visibility), [source, target], 1.0
    )
    expected = target[:, :num_visible]
    np.testing.assert_allclose(aligned[:, :num_visible], expected, atol=1e-12)
    assert np.isfinite(aligned).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert num_visible > 0 or not np.any(aligned)


def test_nan_in_a_visible_source_joint_shows(rng):
    source, target = rng.standard_normal([2, 2, 5, 3])
    source[0, 1] = np.nan
    aligned = procrustes.align(source, target)
    assert np.isnan(aligned[0]).all() and np.isfinite(aligned[1]).all()


def test_modes(rng):
    # In float32 the two decompositions differ by about 1e-6 of a pose of one metre: 0.01 mm.
    source, target = 300 * rng.standard_normal([2, 4, 17, 3]).astype(np.float32)
    helpers.check_modes(procrustes.align, [source, target], rng, rtol=1e-4, atol=1e-2)


def test_errors():
    with pytest.raises(ValueError, match=r"`source` must have shape \[..., any, 3\].*\(2, 4, 2\)"):
        procrustes.align(np.zeros([2, 4, 2]), np.zeros([2, 4, 3]))
    with pytest.raises(ValueError, match=r"`target` must have shape \[..., 4, 3\].*\(2, 5, 3\)"):
        procrustes.align(np.zeros([2, 4, 3]), np.zeros([2, 5, 3]))
    with pytest.raises(ValueError, match=r"`visibility` must have shape \[..., 4\].*\(2, 5\)"):
        procrustes.fit(np.zeros([2, 4, 3]), np.zeros([2, 4, 3]), np.ones([2, 5]))
    with pytest.raises(ValueError, match=r"`source` must not be empty.*\(0, 4, 3\)"):
        procrustes.fit(np.zeros([0, 4, 3]), np.zeros([0, 4, 3]))
