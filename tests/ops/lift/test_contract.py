"""The lift keeps the contract of fast paths: the winner and the results of the reference."""

import dataclasses
import functools
import itertools

import helpers
import lift_contract
import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift.ops.lift.fast import (
    few_missing,
    few_missing_coarse,
    visible_search,
    weighted_search,
)
from tf_lift.prior import build_tables

PRIORS = ("small", "tiny", "cmu")
FREE = pytest.mark.parametrize("free_scale", [True, False])

# Numbers of missing landmarks of 17.
NUM_MISSING = tuple(range(15))


@pytest.fixture(scope="module")
def priors(small_prior, tiny_prior):
    """The priors by name: two random ones and those of 240 and of 1,280 candidates."""
    loaded = {name: tf_lift.PosePrior.load(name) for name in ("cmu", "people")}
    return {"small": small_prior, "tiny": tiny_prior, **loaded}


def shortlists(tables, estimator, free_scale):
    """Returns the searches of all routes, and which numbers of visible landmarks they take."""

    def to_search(landmarks, weights):
        seen = np.ones(landmarks.shape[:2]) if weights is None else np.float64(weights)
        points = lift_contract.to_search(landmarks, seen, free_scale)
        return tf.constant(points, tables.dtype), tf.constant(seen, tables.dtype)

    def visible(landmarks, weights):
        points, _ = to_search(landmarks, weights)
        return visible_search.shortlist(points, tables, 2, estimator, False)

    def few(module, most_missing, landmarks, weights):
        batch = to_search(landmarks, weights)
        return module.shortlist(*batch, tables, 2, estimator, most_missing)

    def weighted(landmarks, weights, size=None):
        batch = to_search(landmarks, weights)
        return weighted_search.shortlist(*batch, tables, 2, estimator, False, size)

    num_joints = tables.num_joints
    searches = {
        "visible": (visible, num_joints, num_joints),
        "any": (weighted, 2, num_joints),
    }
    for most in (3, 6):
        for module in (few_missing, few_missing_coarse)[most == 3 :]:
            name = f"few {most} {module.__name__}"
            least = max(num_joints - most, 2)
            searches[name] = functools.partial(few, module, most), least, num_joints
    for size in (7, 10):
        searches[f"many {size}"] = functools.partial(weighted, size=size), 2, size
    return searches


def choose(cases, rows):
    """Returns the `Cases` of some poses."""
    parts = tf.nest.map_structure(lambda part: part[rows], cases)
    return lift_contract.Cases(*parts)


@pytest.mark.parametrize(
    ("name", "free_scale", "estimator"),
    [
        *itertools.product(PRIORS, (True, False), ("map", "min_energy")),
        ("people", True, "map"),
    ],
)
def test_shortlists_hold_the_winner(priors, name, free_scale, estimator):
    """For masks and weights, each search by the poses that its route takes; in float32."""
    tables = build_tables(priors[name], free_scale=free_scale)
    if name == "tiny":
        # Costs of random bases change faster with the angle where 3 to 5 landmarks are visible
        # than where all are, by which the number of angles to interpolate from is chosen.
        tables = dataclasses.replace(tables, num_coarse=20)
    for kind in ("bool", "float"):
        cases = lift_contract.make_cases(priors[name], kind, free_scale, estimator=estimator)
        visible = np.sum(cases.weights > 0, 1)
        for route, (search, least, most) in shortlists(tables, estimator, free_scale).items():
            if kind == "float" and route.startswith(("visible", "few")):
                continue
            rows = (visible >= least) & (visible <= most)
            assert np.any(rows)
            # Float32 takes two costs for equal that differ by less.
            lift_contract.check_shortlist(search, choose(cases, rows), 1e-4)


def make_mixed(prior, free_scale, estimator="map", num_rotations=80):
    """Returns `Cases` with every number of missing landmarks, masks and weights, and bad input.

    75 poses are good: more than are lifted without sorting. The last four are not: a visible
    landmark is NaN; a negative weight; no landmark visible; one landmark visible.
    """
    make = functools.partial(
        lift_contract.make_cases,
        prior,
        free_scale=free_scale,
        num_rotations=num_rotations,
        estimator=estimator,
        num_missing=NUM_MISSING,
    )
    masks, weights = make("bool", num_poses=3), make("float", num_poses=2)
    landmarks = np.concatenate([masks.landmarks, weights.landmarks, masks.landmarks[:4]])
    seen = np.concatenate([masks.weights, weights.weights, np.ones([4, 17])])
    # Nothing is read of missing landmarks.
    landmarks[seen == 0] = np.nan
    landmarks[-4, 3, 1] = np.nan
    seen[-3, 5], seen[-2], seen[-1] = -1.0, 0.0, np.arange(17) == 6
    order = np.random.default_rng(3).permutation(len(seen))
    landmarks, seen = landmarks[order], seen[order]
    result = lift_contract.lift_in_chunks(
        landmarks, seen, prior, free_scale, num_rotations, estimator
    )
    return lift_contract.Cases(landmarks, seen, result), np.argsort(order)[-4:]


# Prior, whether the scale is free, estimator, number of angles. 24 candidates are all that the
# mean with weights is over.
MIXED = [
    ("cmu", True, "map", 80),
    ("cmu", False, "min_energy", 80),
    ("tiny", True, "mean", 12),
]


class Mixed:
    """One batch of poses of all kinds, and the lifts of it that are compared."""

    def __init__(self, prior, free_scale, estimator, num_rotations):
        self.cases, self.bad = make_mixed(prior, free_scale, estimator, num_rotations)
        self.prior, self.free_scale, self.estimator = prior, free_scale, estimator
        self.num_rotations = num_rotations
        two_lowest = np.partition(self.cases.result["costs"], 1, axis=1)[:, :2]
        self.clear = two_lowest[:, 1] - two_lowest[:, 0] > 1e-3
        self.clear[self.bad] = True
        assert np.mean(self.clear) > 0.8
        rng = np.random.default_rng(5)
        # In the results' units: gradients of all are of a size.
        self.upstream = {
            "joints_3d": rng.standard_normal([79, 17, 3]),
            "landmarks": rng.standard_normal([79, 17, 2]),
            "scale": 100 * rng.standard_normal(79),
        }

    def with_few_rotations(self):
        """Returns the same at no more than 16 angles."""
        number = min(self.num_rotations, 16)
        return make_batch(self.prior, self.free_scale, self.estimator, number)

    def tables(self, dtype="float32"):
        return build_tables(self.prior, self.num_rotations, free_scale=self.free_scale, dtype=dtype)

    def lift(self, landmarks, weights, dtype="float32", **options):
        """Returns results as tensors."""
        batch = tf.cast(landmarks, dtype), tf.cast(weights, dtype)
        scale = None if self.free_scale else 1.0
        return helpers.lift(
            batch[0], self.tables(dtype), batch[1], scale, self.estimator, **options
        )

    def lift_with_gradient(self, landmarks, weights, upstream, dtype="float32", **options):
        """Returns results, and the gradient of the landmarks."""
        landmarks = tf.cast(landmarks, dtype)
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = self.lift(landmarks, weights, dtype, **options)
            total = tf.add_n(
                [
                    tf.reduce_sum(tf.where(tf.math.is_finite(each), each, 0) * upstream[name])
                    for name, each in result.items()
                    if name in upstream
                ]
            )
        return result, tape.gradient(total, landmarks)

    @functools.cached_property
    def compiled(self):
        """Program of landmarks, weights and upstream gradients of this number of poses."""
        return tf.function(self.lift_with_gradient, jit_compile=True, autograph=False)

    @functools.cached_property
    def plain(self):
        """Results and gradient without XLA."""
        return self.lift_with_gradient(*self.cases[:2], self.float32_upstream())

    def float32_upstream(self):
        return {name: tf.constant(each, tf.float32) for name, each in self.upstream.items()}


@functools.cache
def make_batch(prior, *arguments):
    return Mixed(prior, *arguments)


def to_parameters(fast):
    """Returns all of `MIXED`, of which those in `fast` are not slow: others compile for long."""
    return [
        pytest.param(each, id="-".join(map(str, each)), marks=() if n in fast else pytest.mark.slow)
        for n, each in enumerate(MIXED)
    ]


@pytest.fixture
def mixed(request, priors):
    name, *arguments = request.param
    return make_batch(priors[name], *arguments)


EVERY = pytest.mark.parametrize("mixed", to_parameters({0, 1, 2}), indirect=True)
PLAIN = pytest.mark.parametrize("mixed", to_parameters({0, 1}), indirect=True)
# Each program has all routes, forward and backward, and keeps a gigabyte; test_lift.py compiles
# the lift at a given scale.
COMPILED = pytest.mark.parametrize("mixed", to_parameters({0})[:1], indirect=True)


def check_same(result, expected, clear, **tolerances):
    """Deviations have tests of their own: fast paths approximate the second best's part."""
    names = set(result) - {"joints_3d_stddev"}
    found = {name: result[name] for name in names}
    helpers.assert_same_lift(found, expected, clear, **tolerances)


@EVERY
def test_a_mixed_batch_equals_the_reference(mixed):
    """Of all routes at once; poses that are not valid are NaN, or undetermined, and alone."""
    check_same(mixed.plain[0], mixed.cases.result, mixed.clear)


@EVERY
def test_small_batches_equal_the_reference(mixed):
    """Batches that are lifted without sorting."""
    for start in (0, 40):
        rows = slice(start, start + 40)
        result = mixed.lift(mixed.cases.landmarks[rows], mixed.cases.weights[rows])
        expected = {name: each[rows] for name, each in mixed.cases.result.items()}
        check_same(result, expected, mixed.clear[rows])


@COMPILED
def test_a_compiled_batch_equals_the_reference_and_its_gradient_the_plain(mixed):
    """One program; of its second call, each pose has other neighbours, and is the same."""
    landmarks = tf.constant(mixed.cases.landmarks, tf.float32)
    weights = tf.constant(mixed.cases.weights, tf.float32)
    upstream = mixed.float32_upstream()
    result, gradient = mixed.compiled(landmarks, weights, upstream)
    check_same(result, mixed.cases.result, mixed.clear)
    plain = mixed.plain[1].numpy()
    # Both are in float32, which weights of 4 at a given scale cost two more digits.
    relative = 2e-3 if mixed.free_scale else 1e-2
    tolerance = relative * np.abs(plain).max(axis=(1, 2), keepdims=True) + 2e-3
    error = np.abs(gradient - plain)
    assert np.all((error <= tolerance)[mixed.clear]), error.max((1, 2))
    assert np.all(gradient.numpy()[mixed.bad[:3]] == 0)
    assert np.all(gradient.numpy()[mixed.cases.weights == 0] == 0)
    # Every other pose makes way for one with all landmarks visible.
    stay = np.arange(79) % 2 == 0
    rows = np.where(stay, np.arange(79), np.argmax(np.all(mixed.cases.weights == 1, 1)))
    batch = (tf.gather(part, rows) for part in (landmarks, weights))
    again, again_gradient = mixed.compiled(*batch, upstream)
    for name, each in again.items():
        expected = result[name].numpy()[stay]
        np.testing.assert_allclose(each[stay], expected, rtol=1e-5, atol=1e-3, err_msg=name)
    tolerance = 1e-4 * np.abs(gradient).max()
    np.testing.assert_allclose(again_gradient[stay], gradient[stay], atol=tolerance)


@PLAIN
def test_gradient_of_a_mixed_batch_equals_finite_differences(mixed):
    """Plain, sorted or not, in float64; a random upstream gradient for every output."""
    mixed = mixed.with_few_rotations()
    landmarks = np.nan_to_num(mixed.cases.landmarks)
    two_lowest = np.partition(mixed.cases.result["costs"], 1, axis=1)[:, :2]
    good = np.setdiff1d(np.flatnonzero(two_lowest[:, 1] - two_lowest[:, 0] > 1e-3), mixed.bad)
    assert len(good) > 64
    delta = 1e-6 * np.std(landmarks)
    for rows in (good, good[::3]):
        landmarks, weights = np.nan_to_num(mixed.cases.landmarks[rows]), mixed.cases.weights[rows]
        upstream = {name: each[rows] for name, each in mixed.upstream.items()}
        _, gradient = mixed.lift_with_gradient(landmarks, weights, upstream, "float64")
        direction = np.random.default_rng(6).standard_normal(landmarks.shape)
        high, low = (
            mixed.lift(landmarks + sign * delta * direction, weights, "float64") for sign in (1, -1)
        )
        np.testing.assert_array_equal(high["mixture_index"], low["mixture_index"])
        expected = sum(
            np.sum(((high[name] - low[name]).numpy() * each).reshape(len(rows), -1), 1)
            for name, each in upstream.items()
        ) / (2 * delta)
        found = np.sum(gradient * direction, (1, 2))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@EVERY
def test_a_pose_does_not_depend_on_its_neighbours(mixed):
    """Alone, in a batch of two and among poses of all kinds: to 1e-3 mm, in float64."""
    mixed = mixed.with_few_rotations()
    landmarks, weights = mixed.cases.landmarks, mixed.cases.weights
    together = mixed.lift(landmarks, weights, "float64")
    for row in range(0, 79, 9):
        for rows in ([row], [row, 3]):
            alone = mixed.lift(landmarks[rows], weights[rows], "float64")
            for name in ("joints_3d", "landmarks", "scale", "rotation_angle", "joints_3d_stddev"):
                np.testing.assert_allclose(
                    alone[name][0], together[name][row], atol=1e-3, rtol=1e-6, err_msg=name
                )


@pytest.mark.parametrize("num_poses", [70, 20])
@PLAIN
def test_masks_of_booleans_and_of_numbers_are_the_same(mixed, num_poses):
    rows = np.flatnonzero(np.all(np.isin(mixed.cases.weights, [0, 1]), 1))
    rows = np.resize(rows, num_poses)
    landmarks, mask = mixed.cases.landmarks[rows], mixed.cases.weights[rows] > 0
    numbers = mixed.lift(landmarks, mask)
    scale = None if mixed.free_scale else 1.0
    landmarks = tf.constant(landmarks, tf.float32)
    found = helpers.lift(landmarks, mixed.tables(), tf.constant(mask), scale, mixed.estimator)
    for name, each in found.items():
        np.testing.assert_allclose(each, numbers[name], rtol=1e-5, atol=1e-3, err_msg=name)


@FREE
@pytest.mark.parametrize("kind", ["bool", "float", "all"])
def test_seven_joints_equal_the_reference(small_prior, free_scale, kind):
    """As few as there may be: all of them fit the places of many missing ones."""
    cases = lift_contract.make_cases(small_prior, kind, free_scale)
    tables = build_tables(small_prior, free_scale=free_scale)

    def lift(landmarks, weights):
        result = helpers.lift(landmarks, tables, weights, None if free_scale else 1.0)
        return {key: value for key, value in result.items() if key != "joints_3d_stddev"}

    lift_contract.check_lift(lift, cases)


# Number of missing landmarks of 17, and how far the mean of the joints may be from that over
# all candidates, mm: about 1.3 times the distance that was measured for one pose each, which
# grows with the number of candidates that are about as probable.
_DISTANCES = {0: 0.42, 1: 0.2, 2: 8.5, 4: 4.5, 7: 5.5, 10: 11, 14: 46}


def test_the_mean_of_the_most_probable_is_near_that_of_all():
    """Of 1,280 candidates the lift of poses with missing landmarks averages 24."""
    prior = tf_lift.PosePrior.load("people")
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
