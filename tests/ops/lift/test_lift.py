"""The lift against brute force, finite differences, XLA, and at its degenerate points."""

import functools

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift.ops.lift import reference as readable_lift
from tf_lift.ops.lift.fast import routes
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import build_tables

ROTATIONS = 12
OUTPUTS = ("landmarks", "joints_3d", "scale", "energy")


def make_landmarks(prior, rng, num_poses, scale=None, noise_px=2.0):
    """Projects poses of the prior at random yaws; placed at random where scale is None."""
    poses = prior.sample(num_poses, seed=int(rng.integers(1 << 30)))
    matrices = np.stack([reference.rotation(a) for a in rng.uniform(0, 2 * np.pi, num_poses)])
    flat = np.einsum("ndc,nlc->nld", matrices, poses)[..., :2]
    if scale is None:
        scale = rng.uniform(0.2, 0.6, [num_poses, 1, 1])
        flat = flat * scale + rng.uniform(100, 400, [num_poses, 1, 2])
    else:
        flat = flat * scale
    return flat + rng.normal(0, noise_px, flat.shape)


def random_weights(rng, kind, shape):
    if kind == "all":
        return None
    if kind == "visible":
        # Of the first pose none is missing, of the second more than XLA eliminates written out.
        visible = rng.uniform(size=shape) > 0.25
        visible[0], visible[1] = True, np.arange(shape[1]) % 2 == 0
        return visible
    if kind == "mask":
        weights = (rng.uniform(size=shape) > 0.3).astype(np.float64)
        weights[..., :2] = 1
        return weights
    return rng.uniform(0.1, 2, shape) * (rng.uniform(size=shape) > 0.2)


@pytest.mark.parametrize("estimator", ["map", "min_energy"])
@pytest.mark.parametrize("weights_kind", ["all", "visible", "mask", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_lift_equals_brute_force(tiny_prior, rng, scale, weights_kind, estimator):
    landmarks = make_landmarks(tiny_prior, rng, 5, scale)
    weights = random_weights(rng, weights_kind, [5, 17])
    tables = build_tables(tiny_prior, ROTATIONS, (0.0, 0.3), scale is None, "float64")
    result = helpers.lift(landmarks, tables, weights, scale, estimator)
    for i in range(5):
        best = reference.lift(
            landmarks[i],
            tiny_prior,
            None if weights is None else weights[i],
            scale,
            ROTATIONS,
            estimator,
            (0.0, 0.3),
        )[0]
        for key in (*OUTPUTS, "mixture_index", "rotation_angle", "pitch"):
            np.testing.assert_allclose(result[key][i], best[key], rtol=1e-8, atol=1e-7, err_msg=key)


def second_is_clear(landmarks, prior, weights, scale):
    """Whether float32 finds the second best candidate, on which deviations depend, of each."""
    options = LiftOptions(estimator="map")
    costs = readable_lift.lift(landmarks, prior, options, weights, scale)["costs"]
    costs = np.sort(costs, 1)
    clear = costs[:, 2] - costs[:, 1] > 0.02
    assert np.mean(clear) > 0.9
    return clear


@pytest.fixture(scope="module")
def programs(tiny_prior):
    """Function of a scale, a type of weights and whether XLA compiles it: one program of each."""

    @functools.cache
    def make(scale, kind, compiled):
        tables = build_tables(tiny_prior, 80, free_scale=scale is None)

        def lift(landmarks, weights=None):
            return helpers.lift(landmarks, tables, weights, scale)

        signature = [tf.TensorSpec([None, 17, 2])]
        if kind is not None:
            signature.append(tf.TensorSpec([None, 17], kind))
        return tf.function(lift, input_signature=signature, jit_compile=compiled)

    return make


@pytest.mark.parametrize(
    ("scale", "weights_kind"),
    # At a free scale test_contract.py has the others.
    [(None, "all"), (None, "visible"), (1.0, "all"), (1.0, "mask"), (1.0, "real")],
)
def test_float32_eager_and_compiled_equal_float64(tiny_prior, rng, programs, scale, weights_kind):
    landmarks = make_landmarks(tiny_prior, rng, 40, scale)
    weights = random_weights(rng, weights_kind, [40, 17])
    tables = build_tables(tiny_prior, 80, free_scale=scale is None, dtype="float64")
    exact = helpers.lift(landmarks, tables, weights, scale)
    clear = second_is_clear(landmarks, tiny_prior, weights, scale)
    arguments, kind = [tf.constant(landmarks, tf.float32)], None
    if weights is not None:
        # At a given scale one program lifts both kinds.
        kind = tf.bool if weights_kind == "visible" else tf.float32
        arguments.append(tf.cast(weights, kind))
    graph, compiled = (programs(scale, kind, compiled) for compiled in (False, True))
    for function in (graph.python_function, graph, compiled):
        result = function(*arguments)
        stddev = {"joints_3d_stddev": result.pop("joints_3d_stddev")}
        helpers.assert_same_lift(result, exact)
        helpers.assert_same_lift(stddev, exact, clear)


@pytest.mark.parametrize("weights_kind", ["all", "visible", "mask", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.usefixtures("untraced_lifts")
def test_gradient_equals_finite_differences(tiny_prior, rng, scale, weights_kind):
    landmarks = make_landmarks(tiny_prior, rng, 3, scale)
    weights = random_weights(rng, weights_kind, [3, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    for i in range(3):
        cost = [
            found["cost"]
            for found in reference.lift(
                landmarks[i], tiny_prior, None if weights is None else weights[i], scale, ROTATIONS
            )[:2]
        ]
        assert cost[1] - cost[0] > 1e-3  # The winner stays the winner.

    def lift(landmarks):
        return helpers.lift(landmarks, tables, weights, scale)

    helpers.check_gradient_of_each(lift, OUTPUTS, landmarks, rng, 5, delta=1e-5)
    if scale is not None:
        # The given scale does not depend on the landmarks.
        variable = tf.constant(landmarks)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            result = lift(variable)["scale"]
        gradient = tape.gradient(result, variable)
        assert gradient is None or not np.any(gradient)


def test_landmarks_gradient_is_projection(tiny_prior, rng):
    """S8: the matrix that projects forward also projects the gradient."""
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 1, 1.0))
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(landmarks, tables, scale=1.0)
        projected = tf.reshape(result["landmarks"], [34])
    jacobian = tf.reshape(tape.jacobian(projected, landmarks), [34, 34]).numpy()
    k = int(result["mixture_index"][0])
    matrix = reference.rotation(float(result["rotation_angle"][0]))[:2]
    basis = np.stack([(e @ matrix.T).reshape(-1) for e in tiny_prior.basis[k]], 1)
    penalty = np.diag((tiny_prior.noise_stddev[k] / tiny_prior.stddev[k]) ** 2)
    expected = basis @ np.linalg.inv(basis.T @ basis + penalty) @ basis.T
    np.testing.assert_allclose(jacobian, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("scale", "weights_kind", "known"),
    [
        (None, "all", True),
        (None, "few missing", False),
        (None, "visible", True),
        (0.4, "all", False),
        (0.4, "visible", True),
    ],
)
def test_keyword_compiles_lift_and_gradient(tiny_prior, rng, scale, weights_kind, known):
    """`jit_compile` in a graph that is not compiled, the number of poses known or not."""
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None)
    landmarks = np.float32(make_landmarks(tiny_prior, rng, 9, scale))
    visible = random_weights(rng, "visible", [9, 17])
    visible = {"all": None, "few missing": visible | (np.arange(17) > 4), "visible": visible}[
        weights_kind
    ]
    upstream = tf.constant(rng.standard_normal([9, 17, 5]), tf.float32)

    def run(landmarks, upstream, jit_compile):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = helpers.lift(landmarks, tables, visible, scale, jit_compile=jit_compile)
            both = tf.concat([result["joints_3d"], result["landmarks"]], -1)
        return result, tape.gradient(both, landmarks, upstream)

    specs = [
        tf.TensorSpec([9 if known else None, *part.shape[1:]]) for part in (landmarks, upstream)
    ]
    compiled = tf.function(lambda *x: run(*x, True), input_signature=specs)
    traces = [compiled(tf.constant(landmarks), upstream) for _ in range(2)]
    expected = run(tf.constant(landmarks), upstream, False)
    for result, gradient in traces:
        helpers.assert_same_lift(result, expected[0])
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("weights_kind", ["all", "mask"])
def test_gradient_compiled_equals_eager(tiny_prior, rng, weights_kind):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 7), tf.float32)
    weights = random_weights(rng, weights_kind, [7, 17])
    upstream = tf.constant(rng.standard_normal([7, 17, 3]), tf.float32)

    def gradient(landmarks):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            joints_3d = helpers.lift(landmarks, tables, weights)["joints_3d"]
        return tape.gradient(joints_3d, landmarks, upstream)

    eager = gradient(landmarks)
    assert np.linalg.norm(eager) > 1
    compiled = tf.function(gradient, jit_compile=True)(landmarks)
    np.testing.assert_allclose(eager, compiled, rtol=1e-3, atol=1e-3)


def test_gradient_reaches_given_scale(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 2, 0.4)
    scale = tf.constant([0.4, 0.41], tf.float64)
    upstream = rng.standard_normal([2, 17, 2])

    def value(scale):
        return helpers.lift(landmarks, tables, scale=scale)["landmarks"]

    with tf.GradientTape() as tape:
        tape.watch(scale)
        result = value(scale)
    gradient = tape.gradient(result, scale, tf.constant(upstream))
    difference = (value(scale + 1e-6) - value(scale - 1e-6)).numpy() / 2e-6
    np.testing.assert_allclose(gradient, np.sum(upstream * difference, (1, 2)), rtol=1e-6)


def test_hidden_landmarks_change_nothing(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 4)
    visible = rng.uniform(size=[4, 17]) > 0.3
    result = helpers.lift(landmarks, tables, visible)
    landmarks[~visible] = np.nan
    variable = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        blanked = helpers.lift(variable, tables, visible)
    gradient = tape.gradient(blanked["joints_3d"], variable).numpy()
    for key in result:
        np.testing.assert_array_equal(result[key], blanked[key], err_msg=key)
    assert np.all(gradient[~visible] == 0)
    assert np.all(np.abs(gradient[visible]).sum(-1) > 0)


def test_completed_landmarks_lift_to_the_same_pose(tiny_prior, rng):
    """Leaving landmarks out is minimising over them: the completed ones change nothing."""
    landmarks = make_landmarks(tiny_prior, rng, 4, 1.0)
    visible = rng.uniform(size=[4, 17]) > 0.3
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    masked = helpers.lift(landmarks, tables, visible, scale=1.0, estimator="min_energy")
    completed = np.where(visible[..., None], landmarks, masked["landmarks"])
    result = helpers.lift(completed, tables, scale=1.0, estimator="min_energy")
    for key in ("joints_3d", "landmarks", "energy"):
        np.testing.assert_allclose(result[key], masked[key], rtol=1e-8, atol=1e-7, err_msg=key)


def test_all_visible_mask_equals_no_mask(tiny_prior, rng):
    landmarks = make_landmarks(tiny_prior, rng, 3)
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    plain = helpers.lift(landmarks, tables)
    masked = helpers.lift(landmarks, tables, np.ones([3, 17], bool))
    for key in plain:
        np.testing.assert_allclose(plain[key], masked[key], rtol=1e-9, atol=1e-9, err_msg=key)


def test_scale_and_shift_equivariance(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 3)
    result = helpers.lift(landmarks, tables)
    moved = helpers.lift(2.5 * landmarks + [30, -70], tables)
    np.testing.assert_allclose(moved["joints_3d"], result["joints_3d"], atol=1e-7)
    np.testing.assert_allclose(moved["scale"], 2.5 * result["scale"], rtol=1e-9)
    np.testing.assert_allclose(moved["energy"], result["energy"], rtol=1e-9)
    np.testing.assert_allclose(moved["landmarks"], 2.5 * result["landmarks"] + [30, -70])


def test_leading_dimensions(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = make_landmarks(tiny_prior, rng, 6).astype("float32")
    flat = helpers.lift(landmarks, tables, np.arange(17) != 5)
    nested = helpers.lift(landmarks.reshape(2, 3, 17, 2), tables, np.arange(17) != 5)
    for key in flat:
        assert nested[key].shape[:2] == (2, 3)
        np.testing.assert_array_equal(np.reshape(nested[key], flat[key].shape), flat[key])


def mean_pose(prior):
    heaviest = int(np.argmax(prior.mixture_weights))
    joints = prior.mean_pose[heaviest] @ reference.rotation(0.0).T
    return joints - joints[0]


@pytest.mark.parametrize("case", ["none visible", "one visible", "coincident"])
def test_undetermined_scale_gives_mean_pose(tiny_prior, rng, case):
    landmarks = make_landmarks(tiny_prior, rng, 1)
    visible = np.zeros([1, 17], bool)
    if case == "one visible":
        visible[0, 4] = True
    elif case == "coincident":
        landmarks[:] = [120.0, 80.0]
        visible = None
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    variable = tf.constant(landmarks)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variable)
        result = helpers.lift(variable, tables, visible)
    np.testing.assert_allclose(result["joints_3d"][0], mean_pose(tiny_prior), atol=1e-9)
    assert result["scale"][0] == 0 and result["energy"][0] == np.inf
    where = {"none visible": [0, 0], "one visible": landmarks[0, 4], "coincident": [120, 80]}[case]
    np.testing.assert_allclose(result["landmarks"][0], np.tile(where, [17, 1]))
    heaviest = int(np.argmax(tiny_prior.mixture_weights))
    loadings = tiny_prior.basis[heaviest] * tiny_prior.stddev[heaviest][:, None, None]
    variance = np.sum(loadings**2, (0, 2)) + 3 * tiny_prior.noise_stddev[heaviest] ** 2
    np.testing.assert_allclose(result["joints_3d_stddev"][0, 1:], np.sqrt(variance[1:]))
    for key in ("joints_3d", "scale", "energy"):
        assert np.all(tape.gradient(result[key], variable).numpy() == 0)
    assert np.all(np.isfinite(tape.gradient(result["landmarks"], variable)))


def test_no_landmark_visible_at_given_scale(tiny_prior):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False, dtype="float64")
    landmarks = tf.zeros([1, 17, 2], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(
            landmarks, tables, np.zeros([1, 17]), scale=1.0, estimator="min_energy"
        )
    k = int(result["mixture_index"][0])
    expected = tiny_prior.mean_pose[k] @ reference.rotation(float(result["rotation_angle"][0])).T
    np.testing.assert_allclose(result["joints_3d"][0], expected - expected[0], atol=1e-9)
    assert result["energy"][0] == 0
    assert np.all(tape.gradient(result["joints_3d"], landmarks).numpy() == 0)


@pytest.mark.parametrize("case", ["landmark", "infinite", "weight", "negative weight"])
def test_invalid_pose_is_nan_and_alone(tiny_prior, rng, case):
    """In a graph; test_contract.py compiles poses that are not valid."""
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = make_landmarks(tiny_prior, rng, 3).astype("float32")
    weights = np.ones([3, 17], "float32")
    good = helpers.lift(landmarks, tables, weights)
    bad_landmarks, bad_weights = landmarks.copy(), weights.copy()
    if case in ("landmark", "infinite"):
        bad_landmarks[1, 3, 0] = np.nan if case == "landmark" else np.inf
    else:
        bad_weights[1, 3] = np.nan if case == "weight" else -1.0

    @tf.function
    def lift(landmarks, weights):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = helpers.lift(landmarks, tables, weights)
        return result, tape.gradient(result["joints_3d"], landmarks)

    result, gradient = lift(tf.constant(bad_landmarks), tf.constant(bad_weights))
    helpers.assert_same_lift(result, good, [0, 2])
    assert result.pop("mixture_index").numpy()[1] == -1
    for key, value in result.items():
        assert np.all(np.isnan(value[1])), key
    assert np.all(gradient[1].numpy() == 0) and np.all(np.isfinite(gradient))


def test_scale_that_is_not_positive_is_nan(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=False)
    landmarks = make_landmarks(tiny_prior, rng, 3, 1.0)
    result = helpers.lift(landmarks, tables, scale=[1.0, 0.0, np.nan])
    np.testing.assert_array_equal(np.isnan(result["energy"]), [False, True, True])
    np.testing.assert_array_equal(result["mixture_index"][1:], [-1, -1])


def test_scale_is_positive_for_people_unlike_the_prior(tiny_prior, rng):
    """People who lie or stand on their heads fit no upright pose; some scale is likeliest."""
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    standing = make_landmarks(tiny_prior, rng, 5)
    landmarks = np.concatenate([standing[..., ::-1], -standing])
    result = helpers.lift(landmarks, tables)
    assert np.all(result["scale"] > 0) and np.all(np.isfinite(result["energy"]))
    for i in range(10):
        best = reference.lift(landmarks[i], tiny_prior, num_rotations=ROTATIONS)[0]
        np.testing.assert_allclose(result["joints_3d"][i], best["joints_3d"], atol=1e-6)
    # The least-squares scale would be negative: no pose of the prior is upside down.
    along = np.sum(standing[..., 1] * landmarks[5:, :, 1], 1)
    assert np.all(along < 0) and np.all(
        result["energy"][5:] > 100 * tiny_prior.noise_stddev[0] ** 2
    )


def test_exact_tie_is_deterministic(tiny_prior):
    """Two equal components: the first wins, always."""
    import dataclasses

    twins = dataclasses.replace(
        tiny_prior,
        mean_pose=tiny_prior.mean_pose[[0, 0]],
        basis=tiny_prior.basis[[0, 0]],
        stddev=tiny_prior.stddev[[0, 0]],
        noise_stddev=tiny_prior.noise_stddev[[0, 0]],
        mixture_weights=np.array([0.5, 0.5]),
    )
    tables = build_tables(twins, ROTATIONS)
    landmarks = np.float32(0.3 * mean_pose(tiny_prior)[:, :2])
    result = helpers.lift(landmarks, tables)
    assert result["mixture_index"] == 0
    assert np.all(np.isfinite(result["joints_3d"]))


def test_stddev_equals_posterior_sampling(tiny_prior, rng):
    """At a given scale the deviation is that of the Gaussian posterior of the latents."""
    single = _single(tiny_prior)
    tables = build_tables(single, 1, free_scale=False, dtype="float64")
    landmarks = make_landmarks(single, rng, 1, 1.0)
    visible = np.arange(17) % 3 != 1
    result = helpers.lift(landmarks, tables, visible[None], scale=1.0)
    matrix = reference.rotation(0.0)
    rows = np.repeat(visible, 2)
    loadings = single.basis[0] * single.stddev[0][:, None, None]
    design = np.stack([(w @ matrix[:2].T).reshape(-1) for w in loadings], 1)[rows]
    noise = single.noise_stddev[0] ** 2
    covariance = np.linalg.inv(design.T @ design / noise + np.eye(single.num_bases))
    rooted = loadings - loadings[:, :1]
    variance = np.einsum("jlc,ji,ilc->l", rooted, covariance, rooted) + 3 * noise
    np.testing.assert_allclose(result["joints_3d_stddev"][0, 1:], np.sqrt(variance[1:]), rtol=1e-8)
    assert result["joints_3d_stddev"][0, 0] == 0


def test_free_scale_stddev_equals_laplace_posterior(tiny_prior, rng):
    """At a free scale: the inverse Hessian of the cost in latents, scale and position."""
    single = _single(tiny_prior)
    tables = build_tables(single, 1, dtype="float64")
    matrix = reference.rotation(0.0)
    landmarks = 0.5 * (single.sample(1, seed=3)[0] @ matrix[:2].T) + 7
    landmarks += rng.normal(0, 5, landmarks.shape)
    result = helpers.lift(landmarks, tables)
    loadings = single.basis[0] * single.stddev[0][:, None, None]
    design = np.stack([(w @ matrix[:2].T).reshape(-1) for w in loadings], 1)
    shift = np.tile(np.eye(2), [17, 1])
    noise, inverse_scale = single.noise_stddev[0], 1 / float(result["scale"])
    # Half the cost is |u y - p - D z - t|^2 / (2 noise^2) + |z|^2 / 2 - 32 log u.
    rows = np.concatenate([-design, -shift, landmarks.reshape(-1, 1)], 1) / noise
    ridge = np.diag([1.0] * 4 + [0.0] * 2 + [32 / inverse_scale**2])
    covariance = np.linalg.inv(rows.T @ rows + ridge)
    # The scale's joint part belongs to latents that follow it; keep latents alone.
    covariance = covariance[:4, :4]
    rooted = loadings - loadings[:, :1]
    variance = np.einsum("jlc,ji,ilc->l", rooted, covariance, rooted) + 3 * noise**2
    np.testing.assert_allclose(result["joints_3d_stddev"][1:], np.sqrt(variance[1:]), rtol=1e-8)


# With masks the fast path gives the second best candidate the best one's variance of missing
# landmarks. These change the deviation of the pose by less than this.
_STDDEV_RTOL = {"visible": 2e-3, "real": 1e-8}


@pytest.mark.parametrize("estimator", ["mean", "map"])
@pytest.mark.parametrize("weights_kind", ["visible", "real"])
@pytest.mark.parametrize("scale", [None, 0.4])
def test_stddev_with_joints_missing_is_the_total_variance(
    tiny_prior, rng, scale, weights_kind, estimator
):
    """24 candidates, of which the mean with weights takes all."""
    landmarks = make_landmarks(tiny_prior, rng, 5, scale)
    weights = random_weights(rng, weights_kind, [5, 17])
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    stddev = helpers.lift(landmarks, tables, weights, scale, estimator)["joints_3d_stddev"]
    rtol = 1e-8 if estimator == "mean" else _STDDEV_RTOL[weights_kind]
    for i in range(5):
        candidates = reference.lift(landmarks[i], tiny_prior, weights[i], scale, ROTATIONS)
        expected = reference.read_out(candidates, estimator)["joints_3d_stddev"]
        np.testing.assert_allclose(stddev[i], expected, rtol=rtol, atol=1e-9)


def _single(prior):
    import dataclasses

    return dataclasses.replace(
        prior,
        mean_pose=prior.mean_pose[:1],
        basis=prior.basis[:1],
        stddev=prior.stddev[:1],
        noise_stddev=prior.noise_stddev[:1],
        mixture_weights=np.ones(1),
    )


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ([8, 16, 2], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([8, 17, 3], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([17], {}, r"`landmarks` must have shape \[..., 17, 2\]"),
        ([0, 17, 2], {}, "`landmarks` must not be empty"),
        ([8, 17, 2], {"visibility": np.ones([8, 16])}, "`visibility` must have shape"),
        ([8, 17, 2], {"estimator": "best"}, "`estimator` must be one of"),
        ([8, 17, 2], {"scale": 1.0}, "`tables` must be made for a free scale"),
    ],
)
def test_bad_input_is_named(tiny_prior, shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        helpers.lift(np.zeros(shape), build_tables(tiny_prior, ROTATIONS), **arguments)


@pytest.mark.parametrize("num_poses", [None, 5])
def test_gradient_of_masks_after_a_reload(small_prior, rng, tmp_path, monkeypatch, num_poses):
    """A SavedModel holds the gradient of the routes that its poses take."""
    monkeypatch.setattr(routes, "_PLAIN", routes._COMPILED)
    tables = build_tables(small_prior, ROTATIONS)
    landmarks = tf.constant(make_landmarks(small_prior, rng, 5), tf.float32)
    visible = tf.constant(random_weights(rng, "visible", [5, 7]))
    module = tf.Module()
    module.lift = tf.function(
        lambda landmarks, visible: helpers.lift(landmarks, tables, visible)["joints_3d"],
        [tf.TensorSpec([num_poses, 7, 2]), tf.TensorSpec([num_poses, 7], tf.bool)],
    )
    upstream = tf.constant(rng.standard_normal([5, 7, 3]), tf.float32)

    def run(lift):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            joints = lift(landmarks, visible)
        return joints, tape.gradient(joints, landmarks, upstream)

    expected = run(module.lift)
    tf.saved_model.save(module, tmp_path / "saved")
    joints, gradient = run(tf.saved_model.load(tmp_path / "saved").lift)
    np.testing.assert_array_equal(joints, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-5, atol=1e-5)
    assert np.all(np.abs(gradient.numpy()[visible.numpy()]).sum(-1) > 0)
