"""The layer that reads landmarks off belief maps."""

import tensorflow as tf

from tf_lift.ops import belief_maps as belief_map_ops

__all__ = ["BeliefMapsToLandmarks"]

_DECODERS = ("argmax", "subpixel", "soft_argmax")


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class BeliefMapsToLandmarks(tf.keras.layers.Layer):
    """Reads the landmarks off belief maps, in pixels.

    The last channel, the background, is left out. Computes in float32 under every
    precision policy: float16 holds no position beyond 256 px to a quarter of a pixel.

    Args:
        stride: Pixels per cell of the maps.
        step: Factor of the gradient through the argmax (`ops.belief_maps.to_landmarks`);
            without effect for `"soft_argmax"`, which has a derivative.
        decoder: `"argmax"`, the paper's: centre of the cell of the maximum; `"subpixel"`:
            its refinement by a parabola, with the same gradient; `"soft_argmax"`: mean
            position weighted by a power of the belief.
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        belief_maps: Tensor of shape `[B, H, W, L + 1]`.

    Returns:
        Tensor of shape `[B, L, 2]`: (x, y) in pixels, float32; (NaN, NaN) where a channel
        holds a NaN.

    Raises:
        ValueError: If an argument is out of range or `belief_maps` has no channel besides
            the background.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017. Supplementary, section 1.2.

    >>> maps = tf_lift.ops.belief_maps.from_landmarks([[[2.2, 0.9]]], height=4, width=5)
    >>> BeliefMapsToLandmarks(stride=8)(maps).numpy()
    array([[[19.5, 11.5]]], dtype=float32)
    """

    def __init__(self, stride: float = 8, step: float = 1.0, decoder: str = "argmax", **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        for name, value in (("stride", stride), ("step", step)):
            if not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {name}={value!r}")
        if decoder not in _DECODERS:
            raise ValueError(f"`decoder` must be one of {_DECODERS}. Received: {decoder!r}")
        self.stride = stride
        self.step = step
        self.decoder = decoder

    def build(self, input_shape):
        _check_channels(input_shape)
        super().build(input_shape)

    def call(self, belief_maps):
        landmark_maps = belief_maps[..., :-1]
        if self.decoder == "argmax":
            cells = belief_map_ops.to_landmarks(landmark_maps, self.step)
        elif self.decoder == "subpixel":
            cells = belief_map_ops.refine_peaks(landmark_maps, self.step)
        else:
            cells = belief_map_ops.soft_argmax(landmark_maps)
        return belief_map_ops.cells_to_pixels(cells, self.stride)

    def compute_output_shape(self, input_shape):
        batch, _, _, channels = tuple(input_shape)
        return (batch, None if channels is None else channels - 1, 2)

    def get_config(self):
        config = {"stride": self.stride, "step": self.step, "decoder": self.decoder}
        return {**super().get_config(), **config}


def _check_channels(input_shape):
    shape = tuple(input_shape)
    if len(shape) != 4 or (shape[-1] is not None and shape[-1] < 2):
        raise ValueError(
            "`belief_maps` must have shape [batch, height, width, num_landmarks + 1] with one "
            f"landmark or more. Received: belief_maps.shape={shape}"
        )
