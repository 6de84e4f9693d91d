import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from benchmarks.accuracy import methods, protocol
from benchmarks.accuracy.methods import METHODS, Options, encode


@pytest.fixture(scope="module")
def split(poses_file):
    return protocol.split(protocol.load(poses_file), 0, 40, seed=0)


def predict(predictor, views):
    return predictor.predict(views.landmarks, views.visibility, views.noise_px)


def error(predictor, views):
    predicted = predict(predictor, views)
    return np.linalg.norm(predicted - views.joints_3d, axis=-1).mean()


@pytest.mark.parametrize(
    "name", ["linear_corrupted", "network", "network_corrupted", "ours_plain", "ours_mean"]
)
def test_missing_landmarks_are_not_seen(split, name):
    training, test = split
    predictor = METHODS[name].make(training, Options(network_steps=5))
    views = test.views["missing_4"]
    expected = predict(predictor, views)
    assert np.isfinite(expected).all()
    hidden = ~views.visibility[..., None]
    for value in (0.0, 1e6):
        changed = np.where(hidden, np.float32(value), views.landmarks)
        actual = predict(predictor, dataclasses.replace(views, landmarks=changed))
        np.testing.assert_array_equal(actual, expected)
    # What is visible is seen.
    moved = views.landmarks * np.array([1.0, 1.3], np.float32)
    changed = predict(predictor, dataclasses.replace(views, landmarks=moved))
    assert np.abs(changed - expected).max() > 1.0


@pytest.mark.parametrize("name", ["linear", "network_corrupted", "ours_plain"])
def test_place_and_scale_of_the_landmarks_do_not_matter(split, name):
    training, test = split
    predictor = METHODS[name].make(training, Options(network_steps=5))
    views = test.views["missing_1" if name == "network_corrupted" else "clean"]
    moved = 0.25 * views.landmarks + np.array([300.0, -80.0], np.float32)
    actual = predict(predictor, dataclasses.replace(views, landmarks=moved))
    # Rounding of the landmarks, which are float32 and far from the origin.
    np.testing.assert_allclose(actual, predict(predictor, views), atol=1.0)


def test_methods_learn(split):
    training, test = split
    clean = test.views["clean"]
    options = Options(network_steps=300)
    errors = {
        name: error(METHODS[name].make(training, options), clean)
        for name in ("mean_pose", "linear", "network", "ours_plain")
    }
    assert errors["linear"] < 0.75 * errors["mean_pose"]
    assert errors["network"] < 0.75 * errors["mean_pose"]
    assert errors["ours_plain"] < errors["linear"]
    corrupted = METHODS["linear_corrupted"].make(training, options)
    missing = test.views["missing_6"]
    assert error(corrupted, missing) < error(METHODS["linear"].make(training, options), missing)


def test_networks_state_their_budget(split):
    budget = METHODS["network_corrupted"].make(split[0], Options(network_steps=7)).budget
    assert budget["steps"] == 7 and budget["batch_size"] == 64
    assert budget["training_seconds"] > 0
    # 34 landmarks' numbers and 17 visibilities.
    assert budget["num_weights"] == (51 + 2 * 64) * 64 + 3 * 2 * 64 + 64 * 51 + 51


def test_mean_pose_is_the_mean_of_all_yaws(split):
    training, test = split
    predictor = METHODS["mean_pose"].make(training, Options())
    pose = predict(predictor, test.views["clean"])
    assert (pose == pose[0]).all()
    views = training.draw_views(20_000, np.random.default_rng(8))
    # The standard deviation of a joint, over the root of 20,000, is below 3 mm.
    np.testing.assert_allclose(pose[0], views.joints_3d.mean(axis=0), atol=12)


def test_the_paper_compares_energies_of_the_most_likely_prior(split, monkeypatch):
    training, test = split
    views = test.views["clean"]
    prior = tf_lift.PosePrior.fit(
        training.poses, 1, 25, seed=training.seed, groups=training.clip,
        noise_stddev=None, max_iterations=100,
    )  # fmt: skip
    lifted = tf_lift.lift(views.landmarks, prior, estimator="min_energy", camera="level")[
        "joints_3d"
    ]
    predicted = predict(METHODS["paper_k1"].make(training, Options()), views)
    np.testing.assert_allclose(predicted, lifted, atol=0.5)


@pytest.mark.parametrize("condition", ["clean", "missing_2"])
def test_lifter_takes_poses_in_parts(split, tiny_prior, monkeypatch, condition):
    lifter = functools.partial(methods.lifter, tiny_prior, estimator="map", num_rotations=8)
    views = split[1].views[condition]
    whole = lifter()(views.landmarks, views.visibility, views.noise_px)
    monkeypatch.setattr(methods, "_BATCH_SIZE", 15)
    parts = lifter()(views.landmarks, views.visibility, views.noise_px)
    np.testing.assert_allclose(parts, whole, atol=0.5)


def test_lifter_passes_on_visibility_noise_and_options(split, tiny_prior, monkeypatch):
    passed = []

    def lift(landmarks, prior, **options):
        passed.append({key: value for key, value in options.items() if key != "visibility"})
        assert options.get("visibility", tf.constant(True)).dtype == tf.bool
        return {"joints_3d": tf.concat([landmarks, landmarks[..., :1]], axis=-1)}

    monkeypatch.setattr(tf_lift, "lift", lift)
    for knows_noise in (False, True):
        predict_joints = methods.lifter(tiny_prior, knows_noise=knows_noise, refine=True)
        passed.clear()
        for name in ("clean", "missing_2", "noise_5"):
            views = split[1].views[name]
            landmarks = predict_joints(views.landmarks, views.visibility, views.noise_px)[..., :2]
            # Landmarks with noise are lifted in units of it.
            unit = views.noise_px[:, None, None] if knows_noise and name == "noise_5" else 1.0
            np.testing.assert_allclose(unit * landmarks, views.landmarks, rtol=1e-5)
        always = {"refine": True, "camera": "level"} | (
            {"add_residuals": True} if knows_noise else {}
        )
        noisy = [always | {"landmark_stddev": 1.0}] if knows_noise else []
        assert passed == [always, always, *noisy]


def test_the_noise_of_all_poses_counts_or_that_of_no_pose(split, tiny_prior):
    views = split[1].views["noise_5"]
    noise = np.where(np.arange(len(views.noise_px)), views.noise_px, 0)
    predict_joints = methods.lifter(tiny_prior, knows_noise=True)
    with pytest.raises(ValueError, match="`noise_px` must be positive for all poses or zero"):
        predict_joints(views.landmarks, views.visibility, noise)


def test_inputs_are_centred_and_of_unit_size():
    landmarks = np.array([[[10.0, 10.0], [13.0, 14.0], [np.nan, np.nan]]], np.float32)
    visibility = np.array([[True, True, False]])
    # Root mean square of (0, 0, 3, 4): 2.5.
    expected = [0, 0, 1.2, 1.6, 0, 0]
    np.testing.assert_allclose(encode(landmarks, visibility, False), [expected], rtol=1e-6)
    np.testing.assert_allclose(
        encode(landmarks, visibility, True), [[*expected, 1, 1, 0]], rtol=1e-6
    )


def test_inputs_without_an_extent_are_finite():
    same = np.full([1, 17, 2], 5.0, np.float32)
    np.testing.assert_array_equal(encode(same, np.ones([1, 17], bool), False), 0.0)


def test_methods_can_be_added(monkeypatch):
    monkeypatch.setattr(methods, "METHODS", {})

    @methods.register("mine_2", "Mine twice", "ours", factor=2)
    @methods.register("mine", "Mine", "ours", ("network_steps",))
    def make(training, options, factor=1):
        return methods.Predictor(lambda landmarks, *_: factor * tf.ones([1]))

    known = methods.METHODS
    assert [method.title for method in known.values()] == ["Mine", "Mine twice"]
    assert known["mine"].options == ("network_steps",)
    assert float(known["mine_2"].make(None, None).predict(None)[0]) == 2.0
