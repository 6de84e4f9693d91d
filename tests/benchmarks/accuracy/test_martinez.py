import numpy as np
import pytest
import tensorflow as tf

from benchmarks.accuracy import martinez

SMALL = {"batch_size": 32, "width": 64, "num_blocks": 1}


def linear_task(seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal([4, 3]).astype(np.float32) / 2

    def draw(count):
        inputs = rng.standard_normal([count, 4]).astype(np.float32)
        return inputs, inputs @ matrix

    return draw


def test_network_learns():
    config = martinez.NetworkConfig(steps=400, dropout=0.0, learning_rate=1e-2, **SMALL)
    losses = []
    network, budget = martinez.train(
        linear_task(), config, lambda step, loss: losses.append((step, loss))
    )
    assert [step for step, _ in losses] == [100, 200, 300, 400]
    inputs, outputs = linear_task()(500)
    assert losses[-1][1] < 0.1 * np.mean(outputs**2)
    assert budget["final_loss"] == losses[-1][1] and budget["steps"] == 400
    # Predictions use the moving averages, which have converged.
    error = np.mean((network(tf.constant(inputs)).numpy() - outputs) ** 2)
    assert error < 0.1 * np.mean(outputs**2)


def test_steps_need_be_no_multiple_of_a_call():
    steps = []
    config = martinez.NetworkConfig(steps=103, **SMALL)
    martinez.train(linear_task(), config, lambda step, loss: steps.append(step))
    assert steps == [100, 103]


def test_size_is_that_of_the_paper():
    network = martinez.Martinez(34, 51, martinez.NetworkConfig())
    # Kernels, and bias and gain of the batch normalisation behind each.
    hidden = (34 + 4 * 1024) * 1024 + 5 * 2 * 1024
    assert network.num_weights == hidden + 1024 * 51 + 51


def test_blocks_add_to_what_they_are_given():
    network = martinez.Martinez(4, 3, martinez.NetworkConfig(**SMALL))
    inputs = tf.constant(linear_task()(8)[0])
    for layer in network._hidden[1:]:
        layer.kernel.assign(tf.zeros_like(layer.kernel))
    hidden = tf.nn.relu(network._hidden[0](inputs))
    np.testing.assert_allclose(network(inputs), network._output(hidden), atol=1e-6)
    assert np.ptp(network(inputs).numpy(), axis=0).min() > 0.01


def test_prediction_is_one_pose_at_a_time():
    network = martinez.Martinez(4, 3, martinez.NetworkConfig(**SMALL))
    inputs = tf.constant(linear_task()(8)[0])
    together = network(inputs).numpy()
    apart = np.concatenate([network(inputs[i : i + 1]).numpy() for i in range(8)])
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_dropout_is_of_training_alone_and_keeps_the_mean():
    config = martinez.NetworkConfig(dropout=0.25, **SMALL)
    network = martinez.Martinez(4, 3, config)
    layer = lambda inputs, training: tf.abs(inputs)  # noqa: E731
    inputs = tf.ones([400, 64])
    dropped = network._apply((0, layer), inputs, tf.constant([1, 2])).numpy()
    # Of 25,600 units: the share is known to 0.3 %.
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.015)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.75, rtol=1e-6)
    again = network._apply((0, layer), inputs, tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(dropped, again)
    for number, seed in ((1, [1, 2]), (0, [2, 2])):
        other = network._apply((number, layer), inputs, tf.constant(seed)).numpy()
        assert (other != dropped).any()
    np.testing.assert_array_equal(network._apply((0, layer), inputs, None), inputs)


def test_training_normalises_the_batch(rng):
    layer = martinez._Dense(4, 6, rng)
    inputs = tf.constant(rng.standard_normal([256, 4]).astype(np.float32)) * 50 + 7
    outputs = layer(inputs, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-2)
    for _ in range(1000):
        layer(inputs, training=True)
    np.testing.assert_allclose(layer(inputs), outputs, atol=1e-2)


def test_steps_are_those_of_adam(rng):
    config = martinez.NetworkConfig(
        steps=3, dropout=0.0, learning_rate=1e-2, final_learning_rate=1e-4, **SMALL
    )
    trained, reference = (martinez.Martinez(4, 3, config) for _ in range(2))
    inputs, outputs = (x.reshape(3, 32, -1) for x in linear_task()(96))
    martinez._training_loop(trained, config)(tf.constant(0), inputs, outputs)

    # Kingma and Ba's algorithm 1, in float64.
    weights = reference.trainable_variables
    moments = [[np.zeros(weight.shape) for weight in weights] for _ in range(2)]
    for step in range(3):
        with tf.GradientTape() as tape:
            predicted = reference(inputs[step], tf.constant([step, 0]))
            loss = tf.reduce_mean((predicted - outputs[step]) ** 2)
        rate = 1e-2 * (1e-4 / 1e-2) ** (step / 3)
        for index, gradient in enumerate(tape.gradient(loss, weights)):
            gradient = gradient.numpy().astype(np.float64)
            moments[0][index] = 0.9 * moments[0][index] + 0.1 * gradient
            moments[1][index] = 0.999 * moments[1][index] + 0.001 * gradient**2
            first = moments[0][index] / (1 - 0.9 ** (step + 1))
            second = moments[1][index] / (1 - 0.999 ** (step + 1))
            weights[index].assign_sub((rate * first / (np.sqrt(second) + 1e-7)).astype(np.float32))
    for actual, expected in zip(trained.trainable_variables, weights, strict=True):
        # A step is 1e-2 long however small the gradient, and the sign of the smallest ones is
        # one of rounding.
        close = np.abs(actual.numpy() - expected.numpy()) < 2e-4
        assert close.mean() > 0.97


def test_same_seed_trains_the_same_network():
    config = martinez.NetworkConfig(steps=5, seed=4, **SMALL)
    inputs = tf.constant(linear_task(9)(6)[0])
    first, second = (martinez.train(linear_task(), config)[0](inputs) for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_loss_that_is_not_finite_is_told():
    def draw(count):
        return np.full([count, 4], np.nan, np.float32), np.zeros([count, 3], np.float32)

    with pytest.raises(ValueError, match="the network's loss is nan after 0 steps"):
        martinez.train(draw, martinez.NetworkConfig(steps=2, **SMALL))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"steps": 0}, "`steps` must be at least 1. Received: 0"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\). Received: 1.0"),
    ],
)
def test_bad_configurations_are_errors(argument, message):
    with pytest.raises(ValueError, match=message):
        martinez.NetworkConfig(**argument)
