"""The refiner: changes nothing untrained, learns what is left, ignores what is hidden."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift.layers import LiftRefiner, PPCALifting


def views(prior, num_poses, seed=5):
    poses = prior.sample(num_poses, seed=seed)
    return np.float32(0.3 * poses[..., [0, 2]] * [1, -1] + 200)


def make_model(prior, **arguments):
    landmarks = tf.keras.Input([7, 2])
    visibility = tf.keras.Input([7], dtype="bool")
    lifting = PPCALifting(prior, num_rotations=8, estimator="map")
    lifted = lifting(landmarks, visibility=visibility)
    refined = LiftRefiner(width=32, **arguments)(lifted, landmarks, visibility)
    return tf.keras.Model([landmarks, visibility], [refined, lifted["joints_3d"]])


def test_an_untrained_refiner_changes_nothing(small_layer_prior):
    landmarks, visible = views(small_layer_prior, 3), np.ones([3, 7], bool)
    refined, lifted = make_model(small_layer_prior)([landmarks, visible])
    np.testing.assert_array_equal(refined, lifted)


def test_learns_what_is_left_and_is_saved(small_layer_prior, tmp_path):
    landmarks, visible = views(small_layer_prior, 48), np.ones([48, 7], bool)
    model = make_model(small_layer_prior, dropout=0.0)
    lifted = model([landmarks, visible])[1].numpy()
    # What the lift cannot know: some joints are 40 mm further away than they seem.
    targets = lifted + np.float32([0, 0, 40]) * (np.arange(7) > 3)[:, np.newaxis]
    trained = tf.keras.Model(model.inputs, model.outputs[0])
    trained.compile(tf.keras.optimizers.Adam(3e-3), "mae")
    before = np.abs(lifted - targets).mean()
    trained.fit([landmarks, visible], targets, batch_size=16, epochs=50, verbose=0)
    after = trained([landmarks, visible])
    assert np.abs(after - targets).mean() < 0.6 * before
    path = tmp_path / "refined.keras"
    trained.save(path)
    reloaded = tf.keras.models.load_model(path)
    np.testing.assert_allclose(reloaded([landmarks, visible]), after, rtol=1e-4, atol=1e-2)
    # Hidden landmarks may hold anything.
    visible = np.tile(np.arange(7) % 5 != 3, [48, 1])
    expected = trained([landmarks, visible])
    changed = np.where(visible[..., np.newaxis], landmarks, np.nan).astype(np.float32)
    np.testing.assert_array_equal(trained([changed, visible]), expected)


def randomised(refiner, rng):
    """Sets all weights at random, the last layer's too, which starts at zero."""
    for weight in refiner.trainable_weights:
        weight.assign(0.1 * rng.standard_normal(weight.shape))
    return refiner


def test_every_input_counts(small_layer_prior, rng):
    landmarks = tf.constant(views(small_layer_prior, 4))
    lifted = tf_lift.lift(landmarks, small_layer_prior, num_rotations=8, camera="level")
    refiner = LiftRefiner(width=16)
    refiner(lifted, landmarks)
    randomised(refiner, rng)

    def correction(lifted, landmarks, visibility=None):
        refined = refiner(lifted, landmarks, visibility)
        return ((refined - lifted["joints_3d"]) / lifted["joints_3d_stddev"][..., None])[:, 1:]

    expected = correction(lifted, landmarks)
    for change in (
        correction(lifted | {"joints_3d": lifted["joints_3d"] * 1.1}, landmarks),
        correction(lifted | {"joints_3d_stddev": lifted["joints_3d_stddev"] * 1.1}, landmarks),
        correction(lifted, landmarks + 5.0 * tf.eye(7)[:, :2]),
        correction(lifted, landmarks, np.arange(7) != 4),
    ):
        assert np.abs(change - expected).max() > 1e-4
    # Units: twice the pixels, everywhere, are the same person.
    doubled = lifted | {name: lifted[name] * 2 for name in ("landmarks", "scale")}
    np.testing.assert_allclose(correction(doubled, 2 * landmarks), expected, atol=1e-5)
    np.testing.assert_array_equal(refiner(lifted, landmarks)[:, 0], lifted["joints_3d"][:, 0])


def test_moves_joints_by_their_standard_deviation(small_layer_prior, rng):
    landmarks = tf.constant(views(small_layer_prior, 2))
    lifted = tf_lift.lift(landmarks, small_layer_prior, num_rotations=8, camera="level")
    refiner = LiftRefiner(width=16)
    refiner(lifted, landmarks)
    last = refiner.trainable_weights[-1]
    assert tuple(last.shape) == (21,)
    bias = rng.standard_normal([7, 3])
    last.assign(bias.reshape(-1))
    expected = lifted["joints_3d"] + lifted["joints_3d_stddev"][..., None] * bias
    np.testing.assert_allclose(refiner(lifted, landmarks), expected, rtol=1e-5, atol=1e-3)


def test_config():
    refiner = LiftRefiner(width=8, num_blocks=2, dropout=0.25)
    config = json.loads(json.dumps(refiner.get_config()))
    rebuilt = LiftRefiner.from_config(config)
    assert (rebuilt.width, rebuilt.num_blocks, rebuilt.dropout) == (8, 2, 0.25)


@pytest.mark.parametrize("arguments", [{"width": 0}, {"num_blocks": 0}, {"dropout": 1.0}])
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be"):
        LiftRefiner(**arguments)
