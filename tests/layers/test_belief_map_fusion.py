import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift import layers


def test_layer(rng, tmp_path):
    helpers.check_layer(
        lambda: layers.BeliefMapFusion(initial_weight=0.3),
        list(rng.uniform(size=[2, 2, 6, 5, 4])),
        tmp_path,
        num_trainable=1,
    )


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_value_and_gradient(rng, weight):
    maps, projected = rng.standard_normal([2, 2, 6, 5, 4]).astype(np.float32)
    fusion = layers.BeliefMapFusion(initial_weight=weight)
    upstream = rng.standard_normal(maps.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        fused = fusion([tf.constant(maps), tf.constant(projected)])
        total = tf.reduce_sum(fused * upstream)
    np.testing.assert_allclose(fused, weight * maps + (1 - weight) * projected, atol=1e-6)
    (gradient,) = tape.gradient(total, fusion.trainable_variables)
    np.testing.assert_allclose(gradient, np.sum(upstream * (maps - projected)), rtol=1e-4)


@pytest.mark.parametrize(("initial", "better", "final"), [(1.0, 1, 0.0), (0.5, 0, 1.0)])
def test_weight_learns_from_its_start_and_stays_within_bounds(initial, better, final):
    """Targets equal to one of the inputs; a rate that overshoots the bound."""
    maps = [tf.zeros([4, 2, 2, 1]), tf.ones([4, 2, 2, 1])]
    inputs = [tf.keras.Input([2, 2, 1]) for _ in maps]
    fusion = layers.BeliefMapFusion(initial_weight=initial)
    model = tf.keras.Model(inputs, fusion(inputs))
    model.compile(optimizer=tf.keras.optimizers.SGD(0.2), loss="mse")
    model.fit(maps, maps[better], epochs=1, verbose=0)
    first = float(tf.convert_to_tensor(fusion.weight))
    assert abs(first - initial) > 0.1
    for _ in range(5):
        model.optimizer.learning_rate = 5.0
        model.fit(maps, maps[better], epochs=1, verbose=0)
        assert 0.0 <= float(tf.convert_to_tensor(fusion.weight)) <= 1.0
    np.testing.assert_allclose(float(tf.convert_to_tensor(fusion.weight)), final)


@pytest.mark.parametrize("weight", [-0.1, 1.1, np.nan])
def test_bad_weight(weight):
    with pytest.raises(ValueError, match=r"`initial_weight` must be in \[0, 1\]. Received"):
        layers.BeliefMapFusion(initial_weight=weight)


def test_bad_inputs():
    maps = np.zeros([2, 6, 5, 4], np.float32)
    with pytest.raises(ValueError, match=r"`inputs` must be two tensors of the same shape"):
        layers.BeliefMapFusion()([maps, maps[..., :1]])
    with pytest.raises(ValueError, match=r"`inputs` must be a list of two tensors"):
        layers.BeliefMapFusion()([maps, maps, maps])
