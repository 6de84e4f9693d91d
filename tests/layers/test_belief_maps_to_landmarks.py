import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift import layers
from tf_lift.ops import belief_maps as belief_maps


@pytest.mark.parametrize("decoder", ["argmax", "subpixel", "soft_argmax"])
def test_layer(rng, tmp_path, decoder):
    maps = rng.uniform(0.1, 1.0, [2, 6, 5, 4])
    # A gain on the maps moves a soft argmax by nothing: it ignores their scale.
    helpers.check_layer(
        lambda: layers.BeliefMapsToLandmarks(stride=4, step=0.5, decoder=decoder),
        maps,
        tmp_path,
        trains=decoder != "soft_argmax",
    )


@pytest.mark.parametrize(
    ("decoder", "decode"),
    [
        ("argmax", belief_maps.to_landmarks),
        ("subpixel", belief_maps.refine_peaks),
        ("soft_argmax", belief_maps.soft_argmax),
    ],
)
def test_decodes_all_but_the_background_to_pixels(rng, decoder, decode):
    maps = rng.uniform(0.0, 1.0, [2, 6, 5, 4]).astype(np.float32)
    landmarks = layers.BeliefMapsToLandmarks(stride=8, decoder=decoder)(maps)
    np.testing.assert_allclose(landmarks, decode(maps[..., :3]) * 8 + 3.5, rtol=1e-6)


def test_step_and_stride_scale_the_gradient(rng):
    maps = tf.constant(rng.uniform(0.0, 1.0, [2, 6, 5, 4]), tf.float32)
    upstream = rng.standard_normal([2, 3, 2])

    def gradient(**arguments):
        layer = layers.BeliefMapsToLandmarks(**arguments)
        return helpers.upstream_gradients(layer, [maps], upstream)[1][0].numpy()

    reference = gradient(stride=1)
    np.testing.assert_allclose(gradient(stride=8, step=0.25), 2.0 * reference, rtol=1e-5)
    assert np.any(reference) and not np.any(reference[..., -1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "`stride` must be positive. Received: stride=0"),
        ({"step": -1.0}, "`step` must be positive. Received: step=-1.0"),
        ({"decoder": "mean"}, "`decoder` must be one of .* Received: 'mean'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.BeliefMapsToLandmarks(**arguments)


@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 6, 5, 1)])
def test_bad_maps(shape):
    with pytest.raises(ValueError, match=r"`belief_maps` must have shape"):
        layers.BeliefMapsToLandmarks()(np.zeros(shape, np.float32))
