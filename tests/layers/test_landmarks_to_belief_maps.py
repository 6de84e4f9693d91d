import helpers
import numpy as np
import pytest

from tf_lift import layers
from tf_lift.ops import belief_maps as belief_maps


def test_layer(rng, tmp_path):
    helpers.check_layer(
        lambda: layers.LandmarksToBeliefMaps(height=6, width=5, stride=4, stddev=0.8),
        rng.uniform(0, 20, [2, 3, 2]),
        tmp_path,
    )


def test_draws_at_pixels(rng):
    pixels = rng.uniform(0, 40, [2, 3, 2]).astype(np.float32)
    maps = layers.LandmarksToBeliefMaps(height=6, width=5, stddev=0.8)(pixels)
    expected = belief_maps.from_landmarks((pixels - 3.5) / 8, 6, 5, 0.8)
    np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_inverts_the_decoder(rng):
    pixels = rng.uniform(20, 60, [2, 17, 2]).astype(np.float32)
    maps = layers.LandmarksToBeliefMaps(height=10, width=10, stride=8)(pixels)
    decoded = layers.BeliefMapsToLandmarks(stride=8, decoder="subpixel")(maps)
    np.testing.assert_allclose(decoded, pixels, atol=1e-3)


@pytest.mark.parametrize("name", ["height", "width", "stride", "stddev"])
def test_bad_arguments(name):
    arguments = {"height": 6, "width": 5, "stride": 8, "stddev": 1.0, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` must be positive. Received: {name}=0"):
        layers.LandmarksToBeliefMaps(**arguments)


def test_bad_landmarks():
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[..., any, 2\]"):
        layers.LandmarksToBeliefMaps(4, 4)(np.zeros([2, 17, 3], np.float32))
