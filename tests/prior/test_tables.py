"""The tables of the lift: exact, shared, the same inside a traced graph."""

import dataclasses
import itertools
import sys

import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

import tf_lift
from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift.fast import visible_forms
from tf_lift.prior import build_tables


@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize(("angles", "pitches"), [(5, (0.0, 0.3)), (6, (0.0,))])
def test_tables_give_the_energy_of_every_candidate(tiny_prior, angles, pitches, scale):
    """The forms of all landmarks, those in coordinates of the axes, and the whitened ones."""
    tables = build_tables(tiny_prior, angles, pitches, scale is None, "float64")
    search, poses = tables.search, tables.poses
    landmarks = 0.5 * tiny_prior.sample(1, seed=2)[0][:, [0, 2]] * [1, -1]
    flat = landmarks.T.ravel()
    points = visible_forms.coordinates(tf.constant(landmarks[None]), tables)
    found = reference.every(landmarks, tiny_prior, None, scale, angles, pitches)
    u = np.array([1 / candidate["scale"] for candidate in found])
    energy = np.array([candidate["energy"] for candidate in found])
    half, signs = tables.fold_half_turn(tf.range(len(found)))
    points = tables.turn_landmarks(tf.repeat(points, len(found), 0), signs)
    turned = tables.turn_landmarks(tf.repeat([flat], len(found), 0), signs).numpy()
    form, linear = (tf.gather(table, half, axis=-1) for table in (tables.form, tables.linear))
    square = np.einsum("mi,ijm,mj->m", turned, form, turned)
    product = np.einsum("mi,im->m", turned, linear)
    np.testing.assert_allclose(u**2 * square - 2 * u * product + search.constant, energy, rtol=1e-7)
    form = tf.gather(tables.axes_form, half)
    np.testing.assert_allclose(np.einsum("mi,mij,mj->m", points, form, points), square, rtol=1e-7)
    whitened, added = (
        u[:, None] * tf.linalg.matvec(tf.gather(table, half), points, transpose_a=True)
        for table in (poses.whitening, poses.landmarks_to_pose)
    )
    whitened -= tf.gather(poses.whitened_mean, half)
    noise = tables.noise_stddev.numpy()
    np.testing.assert_allclose(np.sum(whitened**2, 1) * noise**2, energy, rtol=1e-7)
    joints = tables.turn_pose(tf.gather(poses.pose_offset, half) + added, signs)
    joints = np.reshape(joints, [len(found), 3, -1]).swapaxes(1, 2)
    for pose, candidate in zip(joints, found, strict=True):
        expected = candidate["joints_3d"]
        pose = np.concatenate([[[0, 0, 0]], pose]) if scale is None else pose - pose[0]
        np.testing.assert_allclose(pose, expected - expected[0], atol=1e-7)
    weight = tiny_prior.mixture_weights[[candidate["mixture_index"] for candidate in found]]
    normaliser = [candidate["log_determinant"] for candidate in found] - 2 * np.log(weight)
    np.testing.assert_allclose(search.normaliser, normaliser, rtol=1e-9)
    np.testing.assert_allclose(tables.mixture_cost, -2 * np.log(weight), rtol=1e-12)


def test_components_are_seen_by_every_candidate(tiny_prior):
    """Candidates turn the world axes of a level camera at angle 0: x, away from it, down."""
    angles, pitches = 5, (0.0, 0.3)
    tables = build_tables(tiny_prior, angles, pitches, dtype="float64")
    components = tables.components
    scaled = tiny_prior.basis * tiny_prior.stddev[..., None, None]
    axes = {0: (0, 1), 1: (1, 1), 2: (2, -1)}  # Of z up.
    for axis, (other, sign) in axes.items():
        expected = sign * tiny_prior.mean_pose[..., other].T
        np.testing.assert_allclose(components.mean[axis], expected, atol=1e-10)
    covariance = np.einsum("kjlc,kjmd->clkdm", scaled, scaled)
    for (p, (one, sign)), (q, (two, other)) in itertools.product(axes.items(), repeat=2):
        expected = sign * other * np.moveaxis(covariance[one, :, :, two], 1, -1)
        np.testing.assert_allclose(components.covariance[p, :, q], expected, atol=1e-8)
    indices = np.arange(tables.num_candidates)
    directions = components.directions(tf.constant(indices), tables.per_component)
    for index in indices:
        k, rest = divmod(index, 10)
        matrix = reference.rotation(2 * np.pi * (rest % angles) / angles, pitches[rest // angles])
        shapes = np.concatenate([scaled[k], tiny_prior.mean_pose[k][None]])
        expected = np.einsum("dc,jlc->ldj", matrix, shapes)
        np.testing.assert_allclose(directions[index], expected, atol=1e-9)
    np.testing.assert_allclose(components.noise_variance, tiny_prior.noise_stddev**2)
    np.testing.assert_allclose(components.mixture_cost, -2 * np.log(tiny_prior.mixture_weights))
    loadings = np.reshape(components.loadings, [3, 17, 2, 4])
    products = np.einsum("alkj,bmkj->albmk", loadings, loadings)
    np.testing.assert_allclose(components.covariance, products, atol=1e-8)


@pytest.mark.parametrize(
    ("num_rotations", "pitches", "halved"),
    [(12, (0.0,), True), (7, (0.0,), False), (12, (0.1,), False), (2, (0.0,), True)],
)
def test_search_keeps_half_where_half_a_turn_changes_signs(
    tiny_prior, num_rotations, pitches, halved
):
    tables = build_tables(tiny_prior, num_rotations, pitches)
    assert tables.uses_half_turn_symmetry == halved
    kept = tables.search.decode_cross_axis.shape[0]
    assert kept * (2 if halved else 1) == tables.num_candidates
    count = num_rotations // 2 if halved else num_rotations
    assert tables.num_coarse == tables.num_coarse_mean == count


@pytest.mark.parametrize("free_scale", [True, False])
def test_half_a_turn_before_a_level_camera_is_a_matter_of_signs(tiny_prior, free_scale):
    """With another pitch the same candidates are computed one by one."""
    halved = build_tables(tiny_prior, 6, (0.0,), free_scale, "float64")
    whole = build_tables(tiny_prior, 6, (0.0, 0.3), free_scale, "float64")
    level = np.arange(24).reshape(2, 2, 6)[:, 0]
    assert halved.uses_half_turn_symmetry and not whole.uses_half_turn_symmetry
    large = ("linear_same_axis", "linear_cross_axis", "whitening", "whitened_mean")
    large += ("landmarks_to_pose", "pose_offset")
    compared = 0
    for part in (None, "search", "poses"):
        one, other = ((each if part is None else getattr(each, part)) for each in (halved, whole))
        for name, table in vars(other).items():
            if not tf.is_tensor(table) or table.shape[0] != 24 or name.startswith("decode"):
                continue
            expected = table.numpy()[(level[:, :3] if name in large else level).ravel()]
            tolerance = 1e-12 * np.abs(expected).max()
            found = getattr(one, name)
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=name)
            compared += 1
    assert compared == len(large) + 5


@pytest.mark.parametrize(
    ("noise", "count", "count_mean"), [(1.0, 10, 10), (4.0, 10, 10), (0.25, 20, 40)]
)
def test_the_less_noise_the_more_angles_are_evaluated(noise, count, count_mean):
    """Of 40 over half a turn, for the prior that ships: the bases against the noise decide."""
    prior = tf_lift.PosePrior.load("cmu")
    prior = dataclasses.replace(prior, noise_stddev=noise * prior.noise_stddev)
    tables = build_tables(prior)
    assert (tables.num_coarse, tables.num_coarse_mean) == (count, count_mean)
    tables = build_tables(prior, 14)
    assert tables.num_coarse == tables.num_coarse_mean == 7


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
    for part in ("search", "poses", "components"):
        for name, table in vars(getattr(at_once, part)).items():
            if table is not None:
                found = getattr(getattr(by_chunks, part), name)
                np.testing.assert_allclose(found, table, rtol=1e-12, atol=1e-9, err_msg=name)


def test_compression_is_within_what_rounding_leaves():
    """The prior that ships: fewer numbers than products, forms to 3e-3 of the noise."""
    prior = tf_lift.PosePrior.load("cmu")
    tables = build_tables(prior)
    exact = build_tables(prior, dtype="float64")
    search = tables.search
    assert search.encode_same_axis.shape[0] < 100 < search.encode_same_axis.shape[1]
    poses = prior.sample(200, seed=0)[..., [0, 2]] * [1, -1]
    points = visible_forms.coordinates(tf.constant(poses), exact).numpy()
    flat = tf.constant(poses.swapaxes(1, 2).reshape(len(poses), -1))
    half, signs = exact.fold_half_turn(tf.range(240))
    turned = exact.turn_landmarks(flat[:, tf.newaxis], signs).numpy()
    form = tf.gather(exact.form, half, axis=-1)
    square = np.einsum("bmi,ijm,bmj->bm", turned, form, turned, optimize=True)
    square /= exact.noise_stddev.numpy() ** 2
    horizontal, vertical = np.split(points.T, 2)
    same, cross = visible_forms.products(tf.constant(horizontal), tf.constant(vertical))
    low = np.float64(search.decode_same_axis) @ np.float64(search.encode_same_axis) @ same.numpy()
    high = np.float64(search.decode_cross_axis) @ np.float64(search.encode_cross_axis)
    high = high @ cross.numpy()
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
    assert build_tables(first, 6) is not build_tables(tf_lift.PosePrior.load("people"), 6)


def test_first_use_inside_a_graph(tiny_prior):
    """Graphs refer to the tables, which are tensors outside of all graphs."""

    @tf.function
    def trace():
        tables = build_tables(tiny_prior, 9, (0.01,))
        parts = tables.search.decode_same_axis, tables.mean_pose, tables.form
        return [part + 0 for part in parts]

    decode, mean_pose, form = trace()
    tables = build_tables(tiny_prior, 9, (0.01,))
    np.testing.assert_array_equal(decode, tables.search.decode_same_axis)
    np.testing.assert_array_equal(mean_pose, tables.mean_pose)
    np.testing.assert_array_equal(form, tables.form)
    assert form.shape == (34, 34, 18)
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
