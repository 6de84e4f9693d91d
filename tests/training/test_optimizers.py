import numpy as np
import pytest
import tensorflow as tf

from tf_lift.training.config import TrainConfig
from tf_lift.training.optimizers import learning_rate, make_optimizer


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", [0, 1, 2, 1, 0, 0]),
        ("constant", [0, 1, 2, 2, 2, 2]),
        ("steps", [0, 1, 2, 2 * 0.333, 2 * 0.333**2, 2 * 0.333**2]),
    ],
)
def test_learning_rate_rises_and_follows_the_schedule(schedule, expected):
    config = TrainConfig(learning_rate=2.0, warmup=0.2, schedule=schedule)
    rates = [learning_rate(config, progress) for progress in (0, 0.1, 0.2, 0.6, 1.0, 1.5)]
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_no_warmup():
    assert learning_rate(TrainConfig(learning_rate=2.0, warmup=0.0), 0.0) == 2.0


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_spares_all_but_kernels(name):
    config = TrainConfig(optimizer=name, weight_decay=0.5, learning_rate=1.0)
    layers = [tf.keras.layers.Conv2D(2, 1), tf.keras.layers.BatchNormalization()]
    model = tf.keras.Sequential([tf.keras.Input([4, 4, 2]), *layers])
    for variable in model.trainable_variables:
        variable.assign(tf.ones(variable.shape))
    optimizer = make_optimizer(config)
    gradients = [tf.zeros(variable.shape) for variable in model.trainable_variables]
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    values = [float(tf.reduce_mean(v)) for v in model.trainable_variables]
    # Kernel, bias, gamma, beta; without a gradient only decay moves them.
    np.testing.assert_allclose(values, [0.5, 1, 1, 1])


def test_sgd_has_the_papers_momentum():
    optimizer = make_optimizer(TrainConfig(optimizer="sgd", momentum=0.9, clip_norm=3.0))
    assert (optimizer.momentum, optimizer.global_clipnorm) == (0.9, 3.0)
