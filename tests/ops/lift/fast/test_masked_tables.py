"""The tables of some masks: every number against brute force of the visible landmarks."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift import rotation_search
from tf_lift.ops.lift.fast import masked_tables, visible_forms
from tf_lift.prior import build_tables

# As many are missing as there may be; none; one, the joint that is the origin.
MASKS = np.array([[1, 0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1.0]])


# What no mask changes, and has no need to be repeated.
SHARED = ("axes", "whitening", "growth", "loadings", "one")


def make(prior, rotations, pitches, scale, dtype="float64"):
    tables = build_tables(prior, rotations, pitches, scale is None, dtype)
    return tables, masked_tables.build(tables, tf.constant(MASKS, dtype), 2)


def of_mask(masked, number):
    """Returns the tables of one mask alone, those that are of masks."""

    def take(table):
        size = len(table) // len(MASKS)
        return table[number * size : (number + 1) * size]

    names = [
        field.name
        for field in dataclasses.fields(masked)
        if field.name not in (*SHARED, "regression") and tf.is_tensor(getattr(masked, field.name))
    ]
    return dataclasses.replace(masked, **{name: take(getattr(masked, name)) for name in names})


def observe(prior, weights, scale):
    """Returns the landmarks of a person as the search takes them, zero where missing."""
    landmarks = prior.sample(1, seed=4)[0][:, [0, 2]] * [1, -1]
    if scale is None:
        landmarks = (landmarks - weights @ landmarks / weights.sum()) / 500
    return landmarks * weights[:, None]


CASES = pytest.mark.parametrize(
    ("rotations", "pitches", "scale"),
    [(6, (0.0,), None), (6, (0.0,), 1.0), (5, (0.0,), None), (4, (0.0, 0.3), 1.0)],
)


@CASES
@pytest.mark.parametrize("number", range(3))
def test_search_needs_no_more_than_these(small_prior, rotations, pitches, scale, number):
    """y'My, p'My and p'Mp, of landmarks that are zero where missing, and the normaliser."""
    tables, masked = make(small_prior, rotations, pitches, scale)
    assert masked.is_halved == tables.is_halved == (rotations == 6)
    assert masked.num_candidates == 3 * tables.num_candidates
    tables, landmarks = of_mask(masked, number), observe(small_prior, MASKS[number], scale)
    parts = visible_forms.evaluate(tf.constant(landmarks[None]), tables)
    square, product = (visible_forms.join(part, tables) for part in zip(*parts, strict=True))
    found = np.stack([square[:, 0], product[:, 0], tables.constant, tables.normaliser], 1)
    expected = [
        [each["square"], each["product"], each["constant"]]
        + [each["log_determinant"] - 2 * np.log(small_prior.mixture_weights[each["mixture_index"]])]
        for each in reference.every(
            landmarks, small_prior, MASKS[number], scale, rotations, pitches
        )
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@CASES
@pytest.mark.parametrize("number", range(3))
def test_poses_and_whitened_landmarks(small_prior, rotations, pitches, scale, number):
    _, masked = make(small_prior, rotations, pitches, scale)
    tables, landmarks = of_mask(masked, number), observe(small_prior, MASKS[number], scale)
    points = rotation_search.coordinates(tf.constant(landmarks[None]), tables)
    found = reference.every(landmarks, small_prior, MASKS[number], scale, rotations, pitches)
    half, signs = tables.find_half(tf.range(len(found)))
    points = tables.turn_landmarks(tf.repeat(points, len(found), 0), signs)
    slope = tf.linalg.matvec(tf.gather(tables.completion, half), points, transpose_a=True)
    points += tf.matmul(slope, tables.places[0])
    whitened, growth = (
        tf.linalg.matvec(tf.gather(table, half), points, transpose_a=True).numpy()
        for table in (tables.whitening, tables.growth)
    )
    mean = tf.gather(tables.whitened_mean, half).numpy()
    for i, each in enumerate(found):
        noise_variance = small_prior.noise_stddev[each["mixture_index"]] ** 2
        pairs = (whitened[i], whitened[i]), (whitened[i], mean[i]), (mean[i], mean[i])
        products = [one @ other for one, other in pairs]
        expected = [each[name] for name in ("square", "product", "constant")]
        np.testing.assert_allclose(noise_variance * np.array(products), expected, rtol=1e-8)
        pose = tables.turn_pose(
            tables.rest[int(half[i])] + growth[i] / each["scale"],
            None if signs is None else signs[i],
        )
        pose = np.reshape(pose, [3, -1]).T
        pose = np.concatenate([[[0, 0, 0]], pose]) if scale is None else pose - pose[0]
        np.testing.assert_allclose(pose, each["joints_3d"], atol=1e-7)


@CASES
def test_variance_is_that_of_the_visible_landmarks(small_prior, rotations, pitches, scale):
    tables, masked = make(small_prior, rotations, pitches, scale)
    assert masked.missing_variance.shape == (3 * tables.num_candidates, 7)
    found = np.reshape(masked.variance + masked.missing_variance, [3, -1, 7])
    directions = tables.directions.numpy()[..., :-1]
    for i, candidate in enumerate(directions):
        noise_variance = tables.noise_stddev.numpy()[i] ** 2
        for mask, variance in zip(MASKS, found[:, i], strict=True):
            seen = candidate[mask > 0, :2]
            if scale is None:
                seen = seen - seen.mean(0)
            rows = seen.reshape(-1, candidate.shape[-1])
            covariance = np.linalg.inv(np.eye(rows.shape[1]) + rows.T @ rows / noise_variance)
            rooted = candidate - candidate[:1]
            expected = np.einsum("lcj,ji,lci->l", rooted, covariance, rooted) + 3 * noise_variance
            np.testing.assert_allclose(variance, expected, rtol=1e-8)


def test_what_no_mask_changes_is_repeated(small_prior):
    tables, masked = make(small_prior, 6, (0.0,), None)
    for name in ("variance", "noise_stddev", "mixture_cost", "rotation"):
        expected = np.concatenate([getattr(tables, name)] * 3)
        np.testing.assert_array_equal(getattr(masked, name), expected)
    assert masked.encode_along is None and masked.encode_across is None
    for name in (*SHARED, "num_rotations", "pitches", "free_scale"):
        assert getattr(masked, name) is getattr(tables, name)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_nothing_missing_changes_nothing(small_prior, scale):
    """But for the compression of the forms, of which there is none here."""
    tables, masked = make(small_prior, 6, (0.0,), scale)
    assert tables.encode_along is None and tables.encode_across is None
    visible = of_mask(masked, 1)
    assert np.all(visible.missing_variance.numpy() == 0)
    assert np.all(visible.completion.numpy() == 0)
    for field in dataclasses.fields(tables):
        expected = getattr(tables, field.name)
        if tf.is_tensor(expected):
            tolerance = 1e-12 * np.abs(expected).max()
            np.testing.assert_allclose(
                getattr(visible, field.name), expected, rtol=0, atol=tolerance, err_msg=field.name
            )


@pytest.mark.parametrize("scale", [None, 1.0])
def test_float32_by_xla_is_within_rounding(small_prior, scale):
    tables, exact = make(small_prior, 6, (0.0,), scale)
    tables = build_tables(small_prior, 6, free_scale=scale is None)
    names = [name for name in vars(exact) if tf.is_tensor(getattr(exact, name))]

    @tf.function(jit_compile=True, autograph=False)
    def build(masks):
        masked = masked_tables.build(tables, masks, 2)
        return {name: getattr(masked, name) for name in names}

    for name, found in build(tf.constant(MASKS, tf.float32)).items():
        expected = getattr(exact, name).numpy()
        tolerance = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=name)
