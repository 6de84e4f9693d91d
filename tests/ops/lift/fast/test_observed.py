"""Landmarks as their weights have them: scaled, centred, the visible ones first."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import observed

FREE = pytest.mark.parametrize("free_scale", [True, False])
WEIGHTS = np.array([[0.5, 0, 2, 1, 0, 3.5], [1, 1, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0]])


def observe(rng, free_scale, size=None):
    """Returns landmarks and how they are observed."""
    landmarks = rng.standard_normal([3, 6, 2])
    return landmarks, observed.observe(
        tf.constant(landmarks), tf.constant(WEIGHTS), free_scale, size
    )


@FREE
def test_centring_is_the_matrix_that_it_should_be(rng, free_scale):
    """Roots of weights, and what the weighted mean leaves: diag(r) (I - 1 m'), m = w / sum w."""
    landmarks, found = observe(rng, free_scale)
    values = rng.standard_normal([2, 6, 3])
    for pose, weights in enumerate(WEIGHTS):
        mean = np.outer(np.ones(6), weights / weights.sum()) if free_scale else 0
        matrix = np.diag(np.sqrt(weights)) @ (np.eye(6) - mean)
        for name, product in (("centre", matrix), ("spread", matrix.T)):
            made = getattr(found, name)(tf.constant(values))[..., pose]
            np.testing.assert_allclose(made, values[..., pose] @ product.T, atol=1e-12)
        np.testing.assert_allclose(
            found.landmarks[..., pose], (matrix @ landmarks[pose]).T, atol=1e-12
        )


def test_translation_changes_nothing_at_a_free_position(rng):
    landmarks, found = observe(rng, True)
    moved = observed.observe(tf.constant(landmarks + [3.0, -5.0]), tf.constant(WEIGHTS), True)
    np.testing.assert_allclose(moved.landmarks, found.landmarks, atol=1e-12)


@FREE
def test_counts_of_coordinates(rng, free_scale):
    free = 2 * np.array([4, 4, 1]) - 2 * free_scale
    for size, places in ((None, 6), (4, 4)):
        _, found = observe(rng, free_scale, size)
        np.testing.assert_array_equal(found.dimensions, free)
        np.testing.assert_array_equal(found.unused, 2 * places - free)


@FREE
def test_the_visible_ones_are_kept_first(rng, free_scale):
    landmarks, compact = observe(rng, free_scale, 4)
    whole = observed.observe(tf.constant(landmarks), tf.constant(WEIGHTS), free_scale)
    assert whole.joints is None and compact.joints.shape == (4, 3)
    values = rng.standard_normal([6, 3])
    for pose, weights in enumerate(WEIGHTS):
        joints = compact.joints.numpy()[:, pose]
        assert len(set(joints)) == 4
        visible = np.flatnonzero(weights)
        np.testing.assert_array_equal(joints[: len(visible)], visible)
        for name in ("root", "mean", "landmarks"):
            expected = getattr(whole, name).numpy()[..., joints, pose]
            np.testing.assert_allclose(getattr(compact, name)[..., pose], expected, atol=1e-12)
    chosen = np.take_along_axis(values, compact.joints.numpy(), 0)
    expected = np.take_along_axis(
        whole.centre(tf.constant(values)).numpy(), compact.joints.numpy(), 0
    )
    np.testing.assert_allclose(compact.centre(tf.constant(chosen)), expected, atol=1e-12)


def test_as_many_places_as_joints_are_all_in_order(rng):
    assert observe(rng, True, 6)[1].joints is None


@pytest.mark.parametrize("size", [None, 4])
def test_repetition_is_candidate_by_candidate(rng, size):
    _, found = observe(rng, True, size)
    repeated = found.repeat(2)
    for name, part in zip(found._fields, found, strict=True):
        if part is None:
            assert getattr(repeated, name) is None
            continue
        expected = part.numpy()[..., [0, 1, 2, 0, 1, 2]]
        np.testing.assert_array_equal(getattr(repeated, name), expected, err_msg=name)
