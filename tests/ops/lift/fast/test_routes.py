"""Each pose by its own route: which one it takes, and that sorting changes no result."""

import dataclasses

import helpers
import lift_ranking
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import routes
from tf_lift.ops.lift.fast.batch_lift import Route
from tf_lift.prior import build_tables

# Of seven landmarks, by the limits below: the routes that they take, compiled.
WEIGHTS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],  # visible
        [1, 1, 0, 1, 1, 1, 1],  # few
        [0, 1, 1, 1, 0, 1, 1],  # few
        [0, 1, 0, 1, 0, 1, 0],  # many
        [0, 1, 0, 1, 0, 1, 1],  # any: four visible
        [0.5, 1, 1, 1, 1, 1, 3],  # any
        [0, 0, 0, 1, 0, 0, 0],  # many at a given scale, else nothing to lift: visible
        [1, 1, 1, 1, 1, 1, -1],  # not valid: visible
        [1, 1, 1, 1, 0, 1, 1],  # few
        [0, 0, 1, 1, 1, 0, 0],  # many
        [1, 1, 1, 1, 1, 1, 1],  # visible
    ]
)


@pytest.fixture
def small_limits(monkeypatch):
    """Batches of four are large; routes take two poses at a time."""
    monkeypatch.setattr(routes, "_MAX_STRAIGHT", 3)
    monkeypatch.setattr(routes, "_SIZES", {"few": 2, "many": 2, "any": 2})
    monkeypatch.setattr(routes, "_PLAIN_SIZE", 2)
    monkeypatch.setattr(routes, "_BACKWARD_SIZE", 4)
    many_and_any = Route("many", 3), Route("any")
    monkeypatch.setattr(routes, "_COMPILED", (Route("few", 2), *many_and_any))
    monkeypatch.setattr(routes, "_PLAIN", (Route("few", 1), Route("few", 2), *many_and_any))


def make(prior, free_scale, rotations=6):
    """Returns tables of which no function is known that was traced with other limits."""
    tables = build_tables(prior, rotations, free_scale=free_scale, dtype="float64")
    landmarks = lift_ranking.make_landmarks(prior, len(WEIGHTS), scale=1.0)
    if free_scale:
        landmarks = 0.4 * landmarks + 200
    return dataclasses.replace(tables), np.where(WEIGHTS[..., None] > 0, landmarks, np.nan)


def run(tables, landmarks, weights, estimator, jit_compile, **options):
    """Returns results, and the gradient of those that are finite."""
    landmarks = tf.constant(landmarks)
    upstream = np.random.default_rng(1).standard_normal([len(WEIGHTS), 7, 3])[: len(landmarks)]
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        scale = None if tables.free_scale else 1.0
        result = helpers.lift(
            landmarks, tables, weights, scale, estimator, jit_compile=jit_compile, **options
        )
        joints = tf.where(tf.math.is_finite(result["joints_3d"]), result["joints_3d"], 0)
        total = tf.reduce_sum(joints * upstream) + tf.reduce_sum(
            tf.where(tf.math.is_finite(result["energy"]), result["energy"], 0)
        )
    return result, tape.gradient(total, landmarks).numpy()


@pytest.mark.parametrize(
    ("free_scale", "jit_compile", "estimator"),
    [
        (True, "form", "map"),
        (False, "form", "map"),
        (True, "form", "mean"),
        (False, False, "mean"),
        (True, False, "map"),
        (False, False, "map"),
    ],
)
@pytest.mark.usefixtures("small_limits")
def test_sorted_poses_are_lifted_as_alone(small_prior, free_scale, jit_compile, estimator):
    """Each route in turns of two, with places left over; the compiled form without XLA."""
    tables, landmarks = make(small_prior, free_scale)
    result, gradient = run(tables, landmarks, WEIGHTS, estimator, jit_compile)
    assert np.flatnonzero(result["mixture_index"] == -1).tolist() == [7]
    np.testing.assert_array_equal(np.flatnonzero(result["scale"] == 0), [6] * free_scale)
    assert np.all(gradient[[6, 7] if free_scale else [7]] == 0)
    upstream_rows = np.random.default_rng(1).standard_normal([len(WEIGHTS), 7, 3])
    for start in range(0, len(WEIGHTS), 3):
        rows = slice(start, start + 3)
        alone, _ = run(tables, landmarks[rows], WEIGHTS[rows], estimator, False)
        for name, each in alone.items():
            # Missing landmarks of the best candidate stand for those of the second.
            rtol = 0.1 if name == "joints_3d_stddev" else 1e-7
            np.testing.assert_allclose(result[name][rows], each, rtol=rtol, atol=1e-7, err_msg=name)
    assert upstream_rows.shape[0] == len(gradient)
    # The sum of gradients of all poses, one direction for all.
    direction = np.random.default_rng(2).standard_normal(landmarks.shape)
    delta = 1e-5
    high, low = (
        run(tables, landmarks + sign * delta * direction, WEIGHTS, estimator, jit_compile)[0]
        for sign in (1, -1)
    )
    good = np.setdiff1d(np.arange(len(WEIGHTS)), [6, 7] if free_scale else [7])
    change = {name: (high[name] - low[name]).numpy()[good] for name in ("joints_3d", "energy")}
    expected = np.sum(change["joints_3d"] * upstream_rows[good], (1, 2)) + change["energy"]
    found = np.sum(np.nan_to_num(gradient * direction), (1, 2))[good]
    np.testing.assert_allclose(
        found, expected / (2 * delta), rtol=1e-4, atol=1e-6 * np.abs(expected).max() / delta
    )


@pytest.mark.parametrize("free_scale", [True, False])
@pytest.mark.usefixtures("small_limits")
def test_each_pose_takes_its_route(small_prior, monkeypatch, free_scale):
    tables, landmarks = make(small_prior, free_scale)
    landmarks = landmarks + np.arange(len(WEIGHTS))[:, None, None]
    taken, lift, lift_prepared = {}, routes.lift_batch, routes.lift_prepared

    def record(tables, read_out, route, batch, winner=None):
        if winner is None:
            taken.setdefault(route, []).append(np.asarray(batch["weights"]))
        return lift(tables, read_out, route, batch, winner)

    def record_prepared(tables, read_out, route, frame, **prepared):
        taken.setdefault(route, []).append(np.asarray(prepared.get("weights", frame.usable)))
        return lift_prepared(tables, read_out, route, frame, **prepared)

    monkeypatch.setattr(routes, "lift_batch", record)
    monkeypatch.setattr(routes, "lift_prepared", record_prepared)
    scale = None if free_scale else 1.0
    many = [3, 9] if free_scale else [3, 6, 9]
    expected = {
        "form": {("few", 2): [1, 2, 8], ("many", 3): many, ("any", None): [4, 5]},
        False: {("few", 1): [1, 8], ("few", 2): [2], ("many", 3): many, ("any", None): [4, 5]},
    }
    for jit_compile, rows_of_routes in expected.items():
        taken.clear()
        helpers.lift(landmarks, tables, WEIGHTS, scale, jit_compile=jit_compile)
        assert set(taken) == {("visible", None), *rows_of_routes}
        for route, rows in rows_of_routes.items():
            seen = {tuple(row) for row in np.concatenate(taken[route])}
            assert {tuple(row) for row in WEIGHTS[rows]} <= seen, route
            assert len(taken[route]) == -(-len(rows) // 2)
    taken.clear()
    helpers.lift(landmarks[:3], tables, WEIGHTS[:3], scale)
    assert set(taken) == {("any", None)}
    # Without candidates half a turn apart there is no such search.
    taken.clear()
    helpers.lift(landmarks, make(small_prior, free_scale, 5)[0], WEIGHTS, scale)
    assert set(taken) == {("visible", None), ("many", 3), ("any", None)}


@pytest.mark.usefixtures("small_limits")
def test_number_of_poses_may_be_unknown(small_prior):
    tables, landmarks = make(small_prior, True)
    expected, _ = run(tables, landmarks, WEIGHTS, "map", False)
    specs = [tf.TensorSpec([None, *part.shape[1:]], tf.float64) for part in (landmarks, WEIGHTS)]
    lift = tf.function(lambda *batch: helpers.lift(batch[0], tables, batch[1]), specs)
    for rows in (slice(None), slice(3, 4), slice(0, 1)):
        found = lift(tf.constant(landmarks[rows]), tf.constant(WEIGHTS[rows]))
        for name, each in found.items():
            np.testing.assert_allclose(
                each, expected[name][rows], rtol=1e-7, atol=1e-7, err_msg=name
            )


@pytest.mark.usefixtures("small_limits")
def test_coincident_landmarks_have_the_mean_pose_among_others(small_prior):
    """Also as the mean over candidates: they are no evidence of a pose of zeros."""
    tables, landmarks = make(small_prior, True)
    landmarks = landmarks[[0, 10, 0, 10]]
    landmarks[2] = [30.0, 70.0]
    for estimator in ("map", "mean"):
        for weights in (None, np.ones([4, 7])):
            result = helpers.lift(landmarks, tables, weights, estimator=estimator)
            np.testing.assert_allclose(result["joints_3d"][2], tables.mean_pose, atol=1e-9)
            np.testing.assert_allclose(result["joints_3d_stddev"][2], tables.mean_pose_stddev)
            assert result["scale"][2] == 0 and result["energy"][2] == np.inf
