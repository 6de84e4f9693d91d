"""The layer that draws belief maps around landmarks."""

import tensorflow as tf

from tf_lift.ops import belief_maps as belief_map_ops
from tf_lift.ops import shapes

__all__ = ["LandmarksToBeliefMaps"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class LandmarksToBeliefMaps(tf.keras.layers.Layer):
    """Draws a Gaussian around each landmark, and the background: projected belief maps.

    The gradient is the paper's difference of Gaussians. Computes in float32 under every
    precision policy.

    Args:
        height: Number of rows of the maps.
        width: Number of columns of the maps.
        stride: Pixels per cell.
        stddev: Standard deviation of the Gaussians in cells; the paper's is 1.
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        landmarks: Tensor of shape `[B, L, 2]`, (x, y) in pixels; NaN for an absent one.

    Returns:
        Tensor of shape `[B, height, width, L + 1]`, float32; the background is last, and
        the map of an absent landmark is 0.

    Raises:
        ValueError: If an argument is not positive or `landmarks` has another shape.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017, supplementary material, S9.

    >>> maps = LandmarksToBeliefMaps(height=2, width=3)(tf.constant([[[11.5, 3.5]]]))
    >>> maps[0, :, :, 0].numpy().round(2)
    array([[0.61, 1.  , 0.61],
           [0.37, 0.61, 0.37]], dtype=float32)
    """

    def __init__(self, height: int, width: int, stride: float = 8, stddev: float = 1.0, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        config = {"height": height, "width": width, "stride": stride, "stddev": stddev}
        for name, value in config.items():
            if not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {name}={value!r}")
        self.height = height
        self.width = width
        self.stride = stride
        self.stddev = stddev

    def call(self, landmarks):
        shapes.check_shape(landmarks, "landmarks", None, 2)
        cells = belief_map_ops.pixels_to_cells(landmarks, self.stride)
        return belief_map_ops.from_landmarks(cells, self.height, self.width, self.stddev)

    def compute_output_shape(self, input_shape):
        batch, num_landmarks, _ = tuple(input_shape)
        channels = None if num_landmarks is None else num_landmarks + 1
        return (batch, self.height, self.width, channels)

    def get_config(self):
        names = ("height", "width", "stride", "stddev")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
