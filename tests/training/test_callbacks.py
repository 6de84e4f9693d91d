import types

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.training import callbacks
from tf_lift.training.checkpoints import RunCheckpoint
from tf_lift.training.config import TrainConfig


@pytest.fixture
def model():
    model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(1.0), "mse")
    return model


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: clock.now)
    return clock


def progress_of(model, checkpoint, limit, **settings):
    callback = callbacks.Progress(TrainConfig(**settings), checkpoint, limit)
    callback.set_model(model)
    return callback


def test_steps_end_the_run(model, clock, tmp_path):
    checkpoint = RunCheckpoint(model, tmp_path)
    callback = progress_of(model, checkpoint, None, steps=4, learning_rate=2.0, warmup=0.0)
    rates = []
    for step in range(4):
        assert not model.stop_training
        callback.on_train_batch_begin(step)
        rates.append(float(model.optimizer.learning_rate))
        clock.now += 1000
        callback.on_train_batch_end(step)
    assert model.stop_training
    np.testing.assert_allclose(rates, 1 + np.cos(np.pi * (np.arange(4) + 0.5) / 4), rtol=1e-6)
    assert int(checkpoint.step) == 4


def test_a_single_step_learns(model, clock, tmp_path):
    checkpoint = RunCheckpoint(model, tmp_path)
    callback = progress_of(model, checkpoint, None, steps=1, learning_rate=2.0, warmup=0.05)
    callback.on_train_batch_begin(0)
    assert float(model.optimizer.learning_rate) > 0.5


def test_time_ends_the_run_with_the_rate_at_its_end(model, clock, tmp_path):
    checkpoint = RunCheckpoint(model, tmp_path)
    callback = progress_of(model, checkpoint, 10.0, steps=1000, learning_rate=2.0, warmup=0.0)
    clock.now += 60  # Tracing is not counted.
    callback.on_train_batch_end(0)
    assert not model.stop_training
    clock.now += 5
    callback.on_train_batch_begin(1)
    assert float(model.optimizer.learning_rate) == pytest.approx(1.0, abs=1e-6)
    clock.now += 5.1
    callback.on_train_batch_end(1)
    assert model.stop_training
    callback.on_train_batch_begin(2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-6)


def test_time_before_an_interruption_counts(model, clock, tmp_path):
    checkpoint = RunCheckpoint(model, tmp_path)
    checkpoint.seconds.assign(7.0)
    callback = progress_of(model, checkpoint, 10.0, steps=1000)
    callback.on_train_batch_end(0)
    clock.now += 1
    assert callback.fraction == pytest.approx(0.8)


def test_validation_keeps_the_best_weights(model, tmp_path):
    checkpoint = RunCheckpoint(model, tmp_path)
    errors = iter([5.0, 3.0, 4.0, float("nan")])
    path = tmp_path / "best.weights.h5"
    callback = callbacks.Validation(lambda _: {"error": next(errors)}, "error", checkpoint, path)
    callback.set_model(model)
    for epoch in range(4):
        model.layers[-1].bias.assign([float(epoch)])
        logs = {}
        callback.on_epoch_end(epoch, logs)
        assert set(logs) == {"val_error"}
    assert float(checkpoint.best_error) == 3.0
    model.load_weights(path)
    assert float(model.layers[-1].bias[0]) == 1.0
    assert [file.name for file in tmp_path.iterdir()] == ["best.weights.h5"]


def fit(model, steps):
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    model.fit(x, x[:, :1] + 3, batch_size=4, epochs=steps, verbose=0, shuffle=False)


def new_model():
    model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.1), "mse")
    return model


def test_checkpoint_restores_weights_optimizer_and_counts(tmp_path):
    model = new_model()
    checkpoint = RunCheckpoint(model, tmp_path)
    fit(model, 3)
    checkpoint.step.assign(3)
    checkpoint.seconds.assign(1.5)
    checkpoint.best_error.assign(0.25)
    checkpoint.save()
    restored = new_model()
    other = RunCheckpoint(restored, tmp_path)
    assert other.exists
    other.restore()
    counts = (int(other.step), float(other.seconds), float(other.best_error))
    assert counts == (3, 1.5, 0.25)
    for continued in (model, restored):
        fit(continued, 2)
    # Two more steps would differ without Adam's moments.
    for left, right in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_checkpoint_of_another_network_is_refused(tmp_path):
    checkpoint = RunCheckpoint(new_model(), tmp_path)
    checkpoint.save()
    wider = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(3)])
    wider.compile("adam", "mse")
    with pytest.raises(ValueError, match="`resume` must name a run of the same network"):
        RunCheckpoint(wider, tmp_path).restore()


def test_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`resume` must name a run with a checkpoint"):
        RunCheckpoint(new_model(), tmp_path).restore()


def test_failed_save_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    model = new_model()
    checkpoint = RunCheckpoint(model, tmp_path)
    checkpoint.step.assign(1)
    checkpoint.save()

    def die(*args, **kwargs):
        # A kill in the middle of writing leaves a file of the new checkpoint.
        (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
        raise KeyboardInterrupt

    checkpoint.step.assign(2)
    monkeypatch.setattr(tf.train.Checkpoint, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save()
    monkeypatch.undo()
    other = RunCheckpoint(new_model(), tmp_path)
    other.restore()
    assert int(other.step) == 1
