"""The options of the lift: mean, hypotheses, noise, bone lengths, against brute force."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import lifting as reference

from tf_lift import skeletons
from tf_lift.ops.lift import noise as noisy_landmarks
from tf_lift.ops.lift import posterior
from tf_lift.ops.lift.fast import batch_lift, routes
from tf_lift.prior import build_tables

ROTATIONS = 12
PARENTS = skeletons.H36M_17.parents
BONES = np.array([130, 440, 430, 130, 440, 430, 240, 250, 120, 120, 150, 280, 250, 150, 280, 250])


def make_landmarks(prior, rng, num_poses, noise_px=4.0):
    poses = prior.sample(num_poses, seed=3)
    matrices = [reference.rotation(angle) for angle in rng.uniform(0, 2 * np.pi, num_poses)]
    flat = np.einsum("ndc,nlc->nld", matrices, poses)[..., :2] * 0.4 + [300, 200]
    return flat + rng.normal(0, noise_px, flat.shape)


def make_visible(rng, num_poses):
    visible = rng.uniform(size=[num_poses, 17]) > 0.2
    visible[:, :2] = True
    return visible


def expected_mean(candidates_, temperature, key):
    costs = np.array([found["cost"] for found in candidates_])
    probability = np.exp(-(costs - costs.min()) / (2 * temperature))
    probability /= probability.sum()
    return np.tensordot(probability, np.array([found[key] for found in candidates_]), 1)


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("masked", [False, True])
def test_mean_equals_brute_force(tiny_prior, rng, masked, scale):
    landmarks = make_landmarks(tiny_prior, rng, 3) - (0 if scale is None else [300, 200])
    visible = make_visible(rng, 3) if masked else None
    tables = build_tables(tiny_prior, ROTATIONS, free_scale=scale is None, dtype="float64")
    result = helpers.lift(landmarks, tables, visible, scale, "mean", temperature=5.0)
    for i in range(3):
        found = reference.lift(
            landmarks[i], tiny_prior, None if visible is None else visible[i], scale, ROTATIONS
        )
        # All candidates count, one by one: there are too few for groups.
        assert len(found) <= batch_lift.NUM_MEAN
        for key in ("joints_3d", "landmarks"):
            expected = expected_mean(found, 5.0, key)
            np.testing.assert_allclose(result[key][i], expected, rtol=1e-7, atol=1e-6, err_msg=key)
        for key in ("scale", "energy", "mixture_index", "rotation_angle"):
            np.testing.assert_allclose(result[key][i], found[0][key], rtol=1e-7, err_msg=key)


def test_mean_of_low_temperature_is_the_best(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 4)
    best = helpers.lift(landmarks, tables)
    mean = helpers.lift(landmarks, tables, estimator="mean", temperature=1e-3)
    for key in ("joints_3d", "landmarks"):
        np.testing.assert_allclose(mean[key], best[key], atol=1e-5)


def check_gradient(value, landmarks, rng, **tolerance):
    variable = tf.constant(landmarks)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        result = value(variable)
    upstream = rng.standard_normal(result.shape)
    gradient = tape.gradient(result, variable, tf.constant(upstream))
    for _ in range(4):
        direction = rng.standard_normal(landmarks.shape)
        difference = value(landmarks + 1e-5 * direction) - value(landmarks - 1e-5 * direction)
        expected = np.sum(upstream * difference.numpy()) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), expected, **tolerance)


OPTIONS = {
    "mean": {"estimator": "mean"},
    "exact landmarks": {"add_residuals": True},
    "bones": {"bone_lengths": BONES, "parents": PARENTS},
    "mean and bones": {
        "estimator": "mean",
        "add_residuals": True,
        "bone_lengths": BONES,
        "parents": PARENTS,
    },
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.usefixtures("untraced_lifts")
def test_gradient_equals_finite_differences(tiny_prior, rng, options, masked):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 2)
    visible = make_visible(rng, 2) if masked else None

    def value(landmarks):
        result = helpers.lift(landmarks, tables, visible, **options)
        # Scaled to similar sizes; each output has random upstream gradients of its own.
        outputs = [result["joints_3d"], result["landmarks"], 1000 * result["scale"]]
        return tf.concat([tf.reshape(each, [2, -1]) for each in outputs], 1)

    check_gradient(value, landmarks, rng, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_compiled_equals_eager(tiny_prior, rng, masked):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = tf.constant(make_landmarks(tiny_prior, rng, 5), tf.float32)
    visible = make_visible(rng, 5) if masked else None
    upstream = tf.constant(rng.standard_normal([5, 17, 3]), tf.float32)

    def run(landmarks):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            result = helpers.lift(
                landmarks, tables, visible, num_hypotheses=2, **OPTIONS["mean and bones"]
            )
        return result, tape.gradient(result["joints_3d"], landmarks, upstream)

    result, gradient = run(landmarks)
    compiled, compiled_gradient = tf.function(run, jit_compile=True)(landmarks)
    assert np.linalg.norm(gradient) > 1
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=1e-2, atol=1e-2)
    helpers.assert_same_lift(compiled, result)


def test_exact_landmarks_are_where_the_joints_are(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 3)
    visible = make_visible(rng, 3)
    plain = helpers.lift(landmarks, tables, visible)
    exact = helpers.lift(landmarks, tables, visible, add_residuals=True)
    # Of two formulas, by weights and by completing the landmarks: equal to rounding.
    np.testing.assert_allclose(exact["landmarks"], plain["landmarks"], rtol=1e-12)
    expected = (landmarks - landmarks[:, :1]) / exact["scale"].numpy()[:, None, None]
    difference = exact["joints_3d"][..., :2] - expected
    np.testing.assert_allclose(difference[visible], 0, atol=1e-8)
    assert np.all(np.abs(difference[~visible]).max(-1) > 1)
    # Depth stays, and of the missing ones all but the shift of joint 0, the origin.
    np.testing.assert_allclose(exact["joints_3d"][..., 2], plain["joints_3d"][..., 2], atol=1e-9)


def test_noise_is_that_of_a_weight(tiny_prior, rng):
    """One component, so that the prior's noise is one number."""
    import dataclasses

    single = dataclasses.replace(
        tiny_prior,
        **{name: getattr(tiny_prior, name)[:1] for name in ("mean_pose", "basis", "stddev")},
        noise_stddev=tiny_prior.noise_stddev[:1],
        mixture_weights=np.ones(1),
    )
    tables = build_tables(single, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(single, rng, 1)
    noise = np.linspace(0, 12, 17)
    noisy = helpers.lift(landmarks, tables, landmark_stddev=noise, add_residuals=True)
    # The scale for the noise: the mean spread of poses at all angles over that of landmarks.
    poses = single.sample(4000, seed=1)
    flat = np.concatenate(
        [poses @ reference.rotation(angle)[:2].T for angle in np.arange(12) * np.pi / 6]
    )
    spread = np.mean(np.sum((flat - flat.mean(1, keepdims=True)) ** 2, (1, 2)))
    spread += 2 * 15.0**2  # Of the mean of the noise, which samples lose to their centre.
    seen = np.sum((landmarks[0] - landmarks[0].mean(0)) ** 2) - 2 * np.sum(noise**2)
    weights = 15.0**2 / (15.0**2 + spread / seen * noise**2)
    trusted = noisy_landmarks.trust_landmarks(
        tf.constant(landmarks), None, {"noise": tf.constant(noise[None])}, tables
    )
    np.testing.assert_allclose(trusted[0], weights, rtol=0.03)
    weights = trusted[0].numpy()
    best = reference.lift(landmarks[0], single, weights, None, ROTATIONS)[0]
    np.testing.assert_allclose(noisy["scale"][0], best["scale"], rtol=1e-8)
    centred = (landmarks[0] - best["landmarks"]) / best["scale"]
    expected = best["joints_3d"].copy()
    expected[:, :2] += weights[:, None] * centred
    np.testing.assert_allclose(noisy["joints_3d"][0], expected - expected[0], atol=1e-7)


def test_invalid_options_of_a_pose_make_it_nan(tiny_prior, rng):
    tables = build_tables(tiny_prior, ROTATIONS)
    landmarks = np.float32(make_landmarks(tiny_prior, rng, 3))
    bones = np.stack([BONES, 0 * BONES, np.where(BONES > 400, np.nan, BONES)])
    for options, bad in (
        ({"bone_lengths": bones, "parents": PARENTS}, [False, True, True]),
        ({"estimator": "mean", "bone_lengths": bones, "parents": PARENTS}, [False, True, True]),
    ):
        result = helpers.lift(landmarks, tables, **options)
        for key in ("joints_3d", "scale"):
            broken = np.isnan(result[key].numpy().reshape(3, -1)).all(1)
            np.testing.assert_array_equal(broken, bad, err_msg=key)
        np.testing.assert_array_equal(result["mixture_index"].numpy() == -1, bad)


@pytest.mark.parametrize("masked", [False, True])
def test_undetermined_scale_gives_mean_pose(tiny_prior, rng, masked):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = tf.constant(np.tile([120.0, 80.0], [1, 17, 1]))
    visible = np.zeros([1, 17], bool) if masked else None
    options = {"estimator": "mean", "add_residuals": True, "num_hypotheses": 2}
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        result = helpers.lift(landmarks, tables, visible, **options)
    expected = helpers.lift(landmarks, tables, visible)
    for key in ("joints_3d", "scale", "energy", "joints_3d_stddev", "landmarks"):
        np.testing.assert_allclose(result[key], expected[key], atol=1e-8, err_msg=key)
    for pose in result["hypotheses"]["joints_3d"][0]:
        np.testing.assert_allclose(pose, expected["joints_3d"][0], atol=1e-8)
    np.testing.assert_array_equal(result["hypotheses"]["probability"], [[1, 0]])
    assert np.all(tape.gradient(result["joints_3d"], landmarks).numpy() == 0)


def test_large_batches_are_lifted_in_parts(tiny_prior, rng, monkeypatch):
    tables = build_tables(tiny_prior, ROTATIONS, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 10)
    sizes, lift = [], routes.lift_batch

    def record(tables, read_out, route, batch):
        sizes.append(len(batch["landmarks"]))
        return lift(tables, read_out, route, batch)

    monkeypatch.setattr(routes, "_MAX_ELEMENTS", 4 * 3 * 17 * tables.num_candidates)
    monkeypatch.setattr(routes, "lift_batch", record)
    together = helpers.lift(landmarks, tables, estimator="mean", num_hypotheses=2)
    assert len(sizes) > 1 and max(sizes) == 4
    assert together["hypotheses"]["joints_3d"].shape == (10, 2, 17, 3)
    for i in (0, 3, 4, 9):
        alone = helpers.lift(landmarks[i], tables, estimator="mean", num_hypotheses=2)
        tf.nest.map_structure(
            lambda one, all_, i=i: np.testing.assert_allclose(all_[i], one, atol=1e-7),
            alone,
            together,
        )


def test_hypotheses_are_distinct_and_ordered(tiny_prior, rng):
    tables = build_tables(tiny_prior, 80, dtype="float64")
    landmarks = make_landmarks(tiny_prior, rng, 6, noise_px=15.0)
    result = helpers.lift(landmarks, tables, num_hypotheses=3, temperature=20.0)
    poses, probability = (
        result["hypotheses"][name].numpy() for name in ("joints_3d", "probability")
    )
    assert np.all(np.diff(probability, axis=1) <= 0) and np.all(probability.sum(1) <= 1 + 1e-9)
    assert np.mean(probability[:, 1] > 0) > 0.5
    distance = np.linalg.norm(poses[:, :1] - poses[:, 1:], axis=-1).mean(-1)
    assert np.all(distance[probability[:, 1:] > 0] > posterior.MIN_DISTANCE / 2)
    np.testing.assert_allclose(poses[:, :, 0], 0, atol=1e-12)
    # The best candidate is in one of them.
    nearest = np.linalg.norm(poses - result["joints_3d"].numpy()[:, None], axis=-1).mean(-1).min(1)
    assert np.all(nearest < posterior.MIN_DISTANCE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be a positive number"),
        ({"num_hypotheses": 0}, "`num_hypotheses` must be a positive integer"),
        ({"refine": True, "estimator": "mean"}, "`refine` must be False"),
        ({"bone_lengths": BONES}, "`parents` must name the parent of each of 17 joints"),
        ({"bone_lengths": BONES[:3], "parents": PARENTS}, r"`bone_lengths` must have shape"),
    ],
)
def test_bad_options_are_named(tiny_prior, options, message):
    with pytest.raises(ValueError, match=message):
        helpers.lift(np.zeros([2, 17, 2]), build_tables(tiny_prior, ROTATIONS), **options)
