"""The routes of a compiled lift with missing landmarks: each is the plain lift."""

import dataclasses

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift.fast import fast_lift, missing_landmarks
from tf_lift.prior import build_tables

MASKS = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1, 1]]) > 0

# Routes by what is missing: three masks at most; two landmarks at most; whatever is.
ROUTES = {
    "few masks": MASKS[[2, 0, 0, 1, 2, 1, 1, 0, 2]],
    "few missing": np.arange(7) != np.arange(9)[:, None] % 8,
    "many missing": (np.arange(7) + np.arange(9)[:, None]) % 7 >= 3,
    "many missing of few masks": np.arange(7) >= np.array([0, 0, 4, 4, 0, 0, 4, 4, 4])[:, None],
}


@pytest.fixture
def small_limits(monkeypatch):
    """Batches of nine are large, three masks are few, and so are two missing landmarks."""
    monkeypatch.setattr(fast_lift, "_MIN_GROUPED", 9)
    monkeypatch.setattr(fast_lift, "_MAX_MASKS", 3)
    monkeypatch.setattr(missing_landmarks, "MAX_WRITTEN_OUT", 2)


def make_tables(prior, scale, dtype="float64", rotations=6, pitches=(0.0,)):
    """Returns tables of which no program is known that was traced with other limits."""
    return dataclasses.replace(build_tables(prior, rotations, pitches, scale is None, dtype))


def make_landmarks(prior, scale):
    """Returns people seen from all around, pixels."""
    turns = np.stack([reference.rotation(0.5 + 2.4 * n) for n in range(9)])
    flat = np.einsum("bdc,blc->bld", turns, prior.sample(9, seed=5))[..., :2]
    return flat * (scale or 0.4) + (200 if scale is None else 0)


def spoil(landmarks, visible, scale):
    """Hides what is missing, makes one pose invalid, and two undetermined at a free scale."""
    landmarks, visible = np.where(visible[..., None], landmarks, np.nan), visible.copy()
    landmarks[1, np.argmax(visible[1])] = np.inf
    landmarks[3] = 80.0
    if scale is None:
        visible[5] = np.arange(7) == 3
        landmarks[5] = 80.0
    return landmarks, visible


def run(tables, landmarks, visible, scale, jit_compile, estimator="map"):
    """Returns all results, and gradients of all that has one."""
    landmarks = tf.convert_to_tensor(landmarks)
    scale = scale if scale is None else tf.convert_to_tensor(scale)
    sources = [landmarks] if scale is None else [landmarks, scale]
    random = np.random.default_rng(1)
    with tf.GradientTape() as tape:
        tape.watch(sources)
        lifted = helpers.lift(landmarks, tables, visible, scale, estimator, jit_compile=jit_compile)
        total = 0.0
        for name, size in (("joints_3d", 1), ("landmarks", 1), ("scale", 1e3), ("energy", 0.1)):
            upstream = size * random.standard_normal([9, *lifted[name].shape[1:]])
            # What is infinite or not a number has no gradient to speak of.
            terms = tf.where(tf.math.is_finite(lifted[name]), lifted[name], 0) * upstream
            total += tf.reduce_sum(terms)
    return lifted, tape.gradient(total, sources)


def check_same(compiled, plain):
    lifted, gradients = compiled
    for name, expected in plain[0].items():
        np.testing.assert_allclose(lifted[name], expected, rtol=1e-7, atol=1e-7, err_msg=name)
    for gradient, expected in zip(gradients, plain[1], strict=True):
        tolerance = 1e-9 * np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=tolerance)


def check_plain(plain, scale, spoilt):
    """What is compared is what it should be: poses of all kinds, and gradients."""
    assert np.abs(plain[1][0]).max() > 1e-2
    assert (plain[0]["mixture_index"].numpy() == -1).tolist() == [
        spoilt * (n == 1) for n in range(9)
    ]
    undetermined = [3, 5] if spoilt and scale is None else []
    np.testing.assert_array_equal(np.flatnonzero(plain[0]["scale"] == 0), undetermined)


def given_scale(scale):
    return None if scale is None else np.linspace(0.3, 0.5, 9)


@pytest.mark.parametrize("spoilt", [False, True])
@pytest.mark.parametrize(
    ("scale", "rotations", "pitches", "estimator"),
    [
        (None, 6, (0.0,), "map"),
        (0.4, 6, (0.0,), "map"),
        (None, 5, (0.0, 0.3), "map"),
        (0.4, 5, (0.0,), "min_energy"),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.usefixtures("small_limits")
def test_each_route_equals_the_plain_lift(
    small_prior, monkeypatch, route, scale, rotations, pitches, estimator, spoilt
):
    """Eagerly, so that it shows which of the routes is taken."""
    tables = make_tables(small_prior, scale, rotations=rotations, pitches=pitches)
    landmarks, visible = make_landmarks(small_prior, scale), ROUTES[route]
    if spoilt:
        landmarks, visible = spoil(landmarks, visible, scale)
    arguments = tables, landmarks, tf.constant(visible), given_scale(scale)
    plain = run(*arguments, False, estimator)
    check_plain(plain, scale, spoilt)
    taken = []
    of_masks, of_missing = fast_lift._lift_best_of_masks, fast_lift._lift_best_missing

    def lift_of_masks(*arguments):
        taken.append("few masks")
        return of_masks(*arguments)

    def lift_missing(*arguments):
        taken.append({2: "few missing", 7: "many missing"}[arguments[4]])
        return of_missing(*arguments)

    monkeypatch.setattr(fast_lift, "_lift_best_of_masks", lift_of_masks)
    monkeypatch.setattr(fast_lift, "_lift_best_missing", lift_missing)
    check_same(run(*arguments, "form", estimator), plain)
    assert taken == [route.removesuffix(" of few masks")]


@pytest.mark.usefixtures("small_limits")
def test_batch_is_grouped_from_some_size_on(small_prior, monkeypatch):
    tables, grouped, group = make_tables(small_prior, None), [], fast_lift.mask_groups.group

    def record(*arguments):
        grouped.append(arguments[0].shape[0])
        return group(*arguments)

    monkeypatch.setattr(fast_lift.mask_groups, "group", record)
    landmarks, visible = make_landmarks(small_prior, None), ROUTES["few masks"]
    for size in (8, 9):
        helpers.lift(landmarks[:size], tables, visible[:size], jit_compile="form")
    helpers.lift(landmarks, tables, visible)
    tf.function(
        lambda landmarks, visible: helpers.lift(landmarks, tables, visible, jit_compile="form"),
        [tf.TensorSpec([None, 7, 2], tf.float64), tf.TensorSpec([None, 7], tf.bool)],
        autograph=False,
    ).get_concrete_function()
    assert grouped == [9, None]


@pytest.mark.parametrize(
    ("scale", "jit_compile"),
    [(None, True), (0.4, True), pytest.param(None, "form", marks=pytest.mark.slow)],
)
@pytest.mark.usefixtures("small_limits")
def test_one_program_for_all_routes(small_prior, scale, jit_compile):
    tables = make_tables(small_prior, scale)

    def lift(landmarks, visible):
        return run(tables, landmarks, visible, given_scale(scale), jit_compile)

    if jit_compile == "form":
        lift = tf.function(lift, jit_compile=True, autograph=False)
    for visible in ROUTES.values():
        for spoilt in (False, True):
            landmarks = make_landmarks(small_prior, scale)
            if spoilt:
                landmarks, visible = spoil(landmarks, visible, scale)
            arguments = tf.constant(landmarks), tf.constant(visible)
            plain = run(tables, *arguments, given_scale(scale), False)
            check_plain(plain, scale, spoilt)
            check_same(lift(*arguments), plain)


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("jit_compile", [False, "form"])
@pytest.mark.usefixtures("small_limits")
def test_gradient_of_all_views_equals_finite_differences(small_prior, rng, scale, jit_compile):
    """Winners of both halves of the angles, with depths among what is differentiated."""
    tables, landmarks = make_tables(small_prior, scale), make_landmarks(small_prior, scale)
    visible = tf.constant(ROUTES["few masks"])
    upstream = rng.standard_normal([9, 7, 3])

    def total(landmarks):
        lifted = helpers.lift(landmarks, tables, visible, scale, jit_compile=jit_compile)
        assert {0, 1} == set(np.int32(lifted["rotation_angle"].numpy() > np.pi - 0.01))
        return tf.reduce_sum(lifted["joints_3d"] * upstream)

    variable = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = total(variable)
    gradient = tape.gradient(value, variable)
    direction = rng.standard_normal(landmarks.shape)
    difference = total(landmarks + 1e-5 * direction) - total(landmarks - 1e-5 * direction)
    np.testing.assert_allclose(np.sum(gradient * direction), difference / 2e-5, rtol=1e-6)


@pytest.mark.usefixtures("small_limits")
def test_tables_of_masks_are_bounded(small_prior, monkeypatch):
    """Where they would take too much memory, landmarks are completed pose by pose."""
    tables, built, build = make_tables(small_prior, None), [], fast_lift.masked_tables.build

    def record(*arguments):
        built.append(build(*arguments))
        return built[-1]

    monkeypatch.setattr(fast_lift.masked_tables, "build", record)
    landmarks, visible = make_landmarks(small_prior, None), ROUTES["few masks"]
    helpers.lift(landmarks, tables, visible, jit_compile="form")
    (masked,) = built
    numbers = sum(
        tf.size(table).numpy()
        for table in (masked.whitening, masked.growth, masked.decode_along, masked.decode_across)
    )
    monkeypatch.setattr(fast_lift, "_MAX_NUMBERS_OF_MASKS", int(0.9 * numbers))
    helpers.lift(landmarks, tables, visible, jit_compile="form")
    assert len(built) == 1
