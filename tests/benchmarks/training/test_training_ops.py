import pytest
import tensorflow as tf

from benchmarks.training import training_networks, training_ops
from tf_lift.models.presets import Conv, Pool, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 2), Pool()),
    first_head=(),
    later_head=(),
    fusion_weights=(0.7, 0.5, None),
    pitches=(0.0,),
)
NAMES = {"maps_to_landmarks", "lift", "landmarks_to_maps", "fusion"}


@pytest.fixture
def model(tiny_prior):
    return training_networks.build(NANO, "whole", tiny_prior)


def test_uses_are_those_of_the_stages(model):
    # Three stages are decoded and lifted; two of them reach a loss.
    assert training_ops.uses(model) == {
        "maps_to_landmarks": (3, 2),
        "lift": (3, 2),
        "landmarks_to_maps": (2, 2),
        "fusion": (2, 2),
    }


def test_operations_are_those_between_two_stages(model, rng):
    operations = training_ops.operations(model, 3, rng)
    shapes = {name: tuple(call(*draw()).shape) for name, (call, draw) in operations.items()}
    maps, landmarks = (3, 8, 8, 18), (3, 17, 2)
    assert shapes == {
        "maps_to_landmarks": landmarks,
        "lift": landmarks,
        "landmarks_to_maps": maps,
        "fusion": maps,
    }
    _, draw = operations["fusion"]
    assert (draw()[0].numpy() != draw()[0].numpy()).any()


def test_no_tensor_is_larger_than_the_maps(model, rng):
    largest = training_ops.largest_tensors(model, 2, rng)
    assert set(largest) == NAMES - {"lift"}
    for its in largest.values():
        assert its == {"shape": [2, 8, 8, 18], "relative": 1.0}


def test_a_larger_tensor_is_found_in_the_gradient_too(model, rng, monkeypatch):
    @tf.custom_gradient
    def wasteful(maps):
        def grad(upstream):
            return tf.reduce_sum(tf.stack([upstream, upstream], axis=-1), axis=-1) / 2.0

        return maps * 1.0, grad

    maps = tf.ones([2, 8, 8, 18])
    monkeypatch.setattr(
        training_ops, "operations", lambda *arguments: {"wasteful": (wasteful, lambda: [maps])}
    )
    largest = training_ops.largest_tensors(model, 2, rng)
    assert largest == {"wasteful": {"shape": [2, 8, 8, 18, 2], "relative": 2.0}}
