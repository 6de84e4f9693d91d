"""The loss of belief maps: values, missing labels, gradient, and use in `compile`."""

import json

import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift import losses


def test_sums_over_channels_and_cells_and_means_over_the_batch(rng):
    true, predicted = rng.standard_normal([2, 3, 5, 4, 6]).astype(np.float32)
    expected = sum(np.sum((t - p) ** 2) for t, p in zip(true, predicted, strict=True)) / 3
    np.testing.assert_allclose(losses.BeliefMapLoss()(true, predicted), expected, rtol=1e-5)


def test_channel_without_label_does_not_count(rng):
    true, predicted = rng.standard_normal([2, 3, 5, 4, 6])
    kept = [channel for channel in range(6) if channel != 2]
    true[1, :, :, 2] = np.nan
    # One NaN cell is enough, and the prediction there does not matter.
    true[2, 3, 1, 2] = np.nan
    predicted[2, 0, 0, 2] = np.nan
    squares = (true[..., kept] - predicted[..., kept]) ** 2
    expected = np.sum(squares, axis=(1, 2, 3))
    expected[0] += np.sum((true[0, ..., 2] - predicted[0, ..., 2]) ** 2)
    upstream = rng.standard_normal(3)
    value, (gradient,) = helpers.upstream_gradients(
        lambda p: losses.BeliefMapLoss().call(true, p), [predicted], upstream
    )
    np.testing.assert_allclose(value, expected)
    expected_gradient = 2 * (predicted - true) * upstream[:, None, None, None]
    expected_gradient[1:, :, :, 2] = 0.0
    np.testing.assert_allclose(gradient, expected_gradient)


def test_gradient(rng):
    true, predicted = rng.standard_normal([2, 2, 3, 3, 2])
    true[0, :, :, 1] = np.nan
    helpers.check_gradient(lambda p: losses.BeliefMapLoss().call(true, p), [predicted], rng)


def test_modes(rng):
    true, predicted = rng.standard_normal([2, 3, 5, 4, 6]).astype(np.float32)
    helpers.check_modes(losses.BeliefMapLoss().call, [true, predicted], rng, rtol=1e-4)


def test_float16_maps_do_not_overflow():
    maps = np.full([1, 46, 46, 18], 3.0, np.float16)
    loss = losses.BeliefMapLoss()(np.zeros_like(maps), maps)
    np.testing.assert_allclose(loss, 9 * 46 * 46 * 18)


def test_in_compile_with_one_loss_per_output(rng, tmp_path):
    inputs = tf.keras.Input([5, 4, 2])
    stages = {f"stage_{i}": tf.keras.layers.Conv2D(3, 1, name=f"stage_{i}")(inputs) for i in (1, 2)}
    model = tf.keras.Model(inputs, stages)
    model.compile(optimizer="sgd", loss={name: losses.BeliefMapLoss() for name in stages})
    maps = rng.standard_normal([4, 5, 4, 2]).astype(np.float32)
    target = rng.standard_normal([4, 5, 4, 3]).astype(np.float32)
    target[0, ..., 1] = np.nan
    expected = sum(float(losses.BeliefMapLoss()(target, output)) for output in model(maps).values())
    history = model.fit(maps, {name: target for name in stages}, batch_size=4, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [expected], rtol=1e-4)
    model.save(tmp_path / "model.keras")
    assert tf.keras.models.load_model(tmp_path / "model.keras").evaluate(
        maps, {name: target for name in stages}, verbose=0
    )


def test_config_round_trip():
    loss = losses.BeliefMapLoss(name="stage_loss")
    config = json.loads(json.dumps(loss.get_config()))
    assert losses.BeliefMapLoss.from_config(config).get_config() == loss.get_config()


def test_errors():
    with pytest.raises(ValueError, match=r"`y_true` must have shape \[..., 5, 4, 6\].*7"):
        losses.BeliefMapLoss().call(np.zeros([2, 5, 4, 7]), np.zeros([2, 5, 4, 6]))
    with pytest.raises(ValueError, match=r"`y_pred` must have shape .*\(4, 6\)"):
        losses.BeliefMapLoss().call(np.zeros([4, 6]), np.zeros([4, 6]))
