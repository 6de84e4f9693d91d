"""The tables of the lift: exact, shared, the same inside a traced graph."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

import tf_lift
from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import rotation_search
from tf_lift.ops.lift.fast import visible_forms
from tf_lift.prior import build_tables


@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize(("angles", "pitches"), [(5, (0.0, 0.3)), (6, (0.0,))])
def test_tables_give_the_energy_of_every_candidate(tiny_prior, angles, pitches, scale):
    """The forms that the search has, those for missing landmarks, and the whitened ones."""
    tables = build_tables(tiny_prior, angles, pitches, scale is None, "float64")
    landmarks = 0.5 * tiny_prior.sample(1, seed=2)[0][:, [0, 2]] * [1, -1]
    flat = landmarks.T.ravel()
    points = rotation_search.coordinates(tf.constant(landmarks[None]), tables)
    found = [
        reference.candidate(
            landmarks, tiny_prior, k, reference.rotation(2 * np.pi * n / angles, pitch), scale=scale
        )
        for k in range(2)
        for pitch in pitches
        for n in range(angles)
    ]
    u = np.array([1 / candidate["scale"] for candidate in found])
    energy = np.array([candidate["energy"] for candidate in found])
    half, signs = tables.find_half(tf.range(len(found)))
    points = tables.turn_landmarks(tf.repeat(points, len(found), 0), signs)
    turned = tables.turn_landmarks(tf.repeat([flat], len(found), 0), signs).numpy()
    form, linear = (tf.gather(table, half, axis=-1) for table in (tables.form, tables.linear))
    square = np.einsum("mi,ijm,mj->m", turned, form, turned)
    product = np.einsum("mi,im->m", turned, linear)
    np.testing.assert_allclose(u**2 * square - 2 * u * product + tables.constant, energy, rtol=1e-7)
    whitened, growth = (
        u[:, None] * tf.linalg.matvec(tf.gather(table, half), points, transpose_a=True)
        for table in (tables.whitening, tables.growth)
    )
    whitened -= tf.gather(tables.whitened_mean, half)
    noise = tables.noise_stddev.numpy()
    np.testing.assert_allclose(np.sum(whitened**2, 1) * noise**2, energy, rtol=1e-7)
    poses = tables.turn_pose(tf.gather(tables.rest, half) + growth, signs)
    poses = np.reshape(poses, [len(found), 3, -1]).swapaxes(1, 2)
    for pose, candidate in zip(poses, found, strict=True):
        expected = candidate["joints_3d"]
        pose = np.concatenate([[[0, 0, 0]], pose]) if scale is None else pose - pose[0]
        np.testing.assert_allclose(pose, expected - expected[0], atol=1e-7)


@pytest.mark.parametrize(
    ("num_rotations", "pitches", "halved"),
    [(12, (0.0,), True), (7, (0.0,), False), (12, (0.1,), False), (2, (0.0,), True)],
)
def test_search_keeps_half_where_half_a_turn_changes_signs(
    tiny_prior, num_rotations, pitches, halved
):
    tables = build_tables(tiny_prior, num_rotations, pitches)
    assert tables.is_halved == halved
    assert tables.decode_across.shape[0] * (2 if halved else 1) == tables.num_candidates


@pytest.mark.parametrize("free_scale", [True, False])
def test_half_a_turn_before_a_level_camera_is_a_matter_of_signs(tiny_prior, free_scale):
    """With another pitch the same candidates are computed one by one."""
    halved = build_tables(tiny_prior, 6, (0.0,), free_scale, "float64")
    whole = build_tables(tiny_prior, 6, (0.0, 0.3), free_scale, "float64")
    level = np.arange(24).reshape(2, 2, 6)[:, 0]
    assert halved.is_halved and not whole.is_halved
    large = ("linear_along", "linear_across", "whitening", "whitened_mean", "growth", "rest")
    for name, table in vars(whole).items():
        rows = level[:, :3] if name in large else level
        if hasattr(table, "shape") and table.shape[:1] == (24,) and not name.startswith("decode"):
            expected = table.numpy()[rows.ravel()]
            tolerance = 1e-12 * np.abs(expected).max()
            np.testing.assert_allclose(
                getattr(halved, name), expected, rtol=0, atol=tolerance, err_msg=name
            )


def test_typical_landmarks_are_those_of_all_angles(tiny_prior):
    """What they are compressed by is no other where half the candidates follow from half."""
    module = sys.modules[build_tables.__module__]
    rotation = rotations.world_to_camera(np.arange(6) * np.pi / 3)
    axes = module._axes(17, True)
    halved, whole = (
        module._candidates(tiny_prior, rotation, axes, True, is_halved, "float64")[2]
        for is_halved in (True, False)
    )
    np.testing.assert_allclose(halved, whole, rtol=0, atol=1e-12 * whole.max())
    assert np.abs(whole[:16, 16:]).max() < 1e-9 * whole.max() < whole[:16, :16].max()


@pytest.mark.parametrize(("num_rotations", "pitches"), [(7, (0.0, 0.3)), (14, (0.0,))])
def test_candidates_are_computed_some_at_a_time(tiny_prior, num_rotations, pitches, monkeypatch):
    at_once = build_tables(tiny_prior, num_rotations, pitches, dtype="float64")
    monkeypatch.setattr(sys.modules[build_tables.__module__], "_CHUNK", 4)
    again = dataclasses.replace(tiny_prior)
    by_chunks = build_tables(again, num_rotations, pitches, dtype="float64")
    for name, table in vars(at_once).items():
        if hasattr(table, "shape"):
            np.testing.assert_allclose(
                getattr(by_chunks, name), table, rtol=1e-12, atol=1e-9, err_msg=name
            )


def test_compression_is_within_what_rounding_leaves():
    """The prior that ships: fewer numbers than products, forms to 3e-3 of the noise."""
    prior = tf_lift.PosePrior.load("cmu")
    tables = build_tables(prior)
    exact = build_tables(prior, dtype="float64")
    assert tables.encode_along.shape[0] < 100 < tables.encode_along.shape[1]
    poses = prior.sample(200, seed=0)[..., [0, 2]] * [1, -1]
    points = rotation_search.coordinates(tf.constant(poses), exact).numpy()
    flat = tf.constant(poses.swapaxes(1, 2).reshape(len(poses), -1))
    half, signs = exact.find_half(tf.range(240))
    turned = exact.turn_landmarks(flat[:, tf.newaxis], signs).numpy()
    form = tf.gather(exact.form, half, axis=-1)
    square = np.einsum("bmi,ijm,bmj->bm", turned, form, turned, optimize=True)
    square /= exact.noise_stddev.numpy() ** 2
    across, along = np.split(points.T, 2)
    same, mixed = visible_forms.products(tf.constant(across), tf.constant(along))
    low = np.float64(tables.decode_along) @ np.float64(tables.encode_along) @ same.numpy()
    high = np.float64(tables.decode_across) @ np.float64(tables.encode_across) @ mixed.numpy()
    kept = np.arange(240).reshape(3, 2, 40)
    for sign, part in ((1, kept[:, 0]), (-1, kept[:, 1])):
        found = (low + sign * high).T / exact.noise_stddev.numpy()[part.ravel()] ** 2
        error = np.abs(found - square[:, part.ravel()])
        assert np.sqrt(np.mean(error**2)) < 6e-3
        assert error.max() > 1e-6  # It is a compression.


def test_tables_are_built_once(tiny_prior):
    tables = build_tables(tiny_prior, 6)
    assert build_tables(tiny_prior, num_rotations=np.int64(6)) is tables
    assert build_tables(tiny_prior, 6, [0.0], True, dtype=tf.float32) is tables
    assert build_tables(tiny_prior, 7) is not tables


def test_tables_of_a_prior_loaded_again_by_name_are_built_once():
    first, second = (tf_lift.PosePrior.load("cmu") for _ in range(2))
    assert build_tables(first, 6) is build_tables(second, 6)
    assert build_tables(first, 6) is not build_tables(tf_lift.PosePrior.load("cmu-tuned"), 6)


def test_first_use_inside_a_graph(tiny_prior):
    """Graphs refer to the tables, which are tensors outside of all graphs."""

    @tf.function
    def trace():
        tables = build_tables(tiny_prior, 9, (0.01,))
        return tables.regression + 0, tables.directions + 0

    regression, directions = trace()
    tables = build_tables(tiny_prior, 9, (0.01,))
    np.testing.assert_array_equal(regression, tables.regression)
    np.testing.assert_array_equal(directions, tables.directions)
    assert regression.shape == (18, 34, 4)
    constants = [
        op for op in trace.get_concrete_function().graph.get_operations() if op.type == "Const"
    ]
    assert sum(len(op.get_attr("value").tensor_content) for op in constants) < 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_rotations": 0}, "`num_rotations` must be a positive integer"),
        ({"num_rotations": 2.5}, "`num_rotations` must be a positive integer"),
        ({"pitches": ()}, "`pitches` must be finite angles"),
        ({"pitches": (np.nan,)}, "`pitches` must be finite angles"),
    ],
)
def test_bad_arguments_are_named(tiny_prior, arguments, message):
    with pytest.raises(ValueError, match=message):
        build_tables(tiny_prior, **arguments)
