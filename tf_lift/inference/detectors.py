"""2D landmarks from the belief maps of any network."""

import dataclasses
import os
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.inference import images, networks
from tf_lift.ops import belief_maps

__all__ = ["INPUT_RANGES", "BeliefMapDetector", "Detection"]

# Pixel ranges that networks expect: factor and offset applied to 0..255.
INPUT_RANGES = {
    "0-255": (1.0, 0.0),
    "0-1": (1 / 255, 0.0),
    "-1-1": (1 / 127.5, -1.0),
    # CPM, and the networks of this library: (v - 128) / 256.
    "-0.5-0.5": (1 / 256, -0.5),
}

# Height of the input where neither the network nor the user sets one: that of CPM.
DEFAULT_HEIGHT = 368


@dataclasses.dataclass(frozen=True)
class Detection:
    """Landmarks of one person.

    Attributes:
        landmarks: Array of shape `[num_joints, 2]`, px of the image, float64.
        scores: Array of shape `[num_joints]`: the peak of each belief map.
    """

    landmarks: np.ndarray
    scores: np.ndarray


class BeliefMapDetector:
    """Finds a person's landmarks with a network that computes belief maps.

    Each joint's landmark is the highest peak of its map, to a fraction of a cell: one
    person per image, or per box of an image. Images go through the network one by one, so
    that no result depends on other images if the network normalises by its batch.

    Args:
        path: Network: see `networks.load_network`.
        skeleton: Skeleton of the network's joints, or its name.
        input_name: Name of the image's input; `None` to find it.
        output_name: Name of the belief maps' output, `[1, H, W, C]`; `None` to find it: the output
            with the fewest channels that are enough, and among several the
            last of a numbered series (`stage_1`, `stage_2`, ...).
        signature: Signature of a SavedModel.
        input_size: (width, height), px; images are fitted in and keep their aspect. `None`: the
            size that the network requires, else 368 px high and as wide as the image needs.
        input_range: One of `INPUT_RANGES`. `None`: "0-255", and "-0.5-0.5" for the Keras
            files of this library.
        bgr: Whether the network takes blue, green, red instead of red, green, blue.
        channels: Channel of each joint; `None` for the first ones, in order.

    Raises:
        ValueError: If an argument does not fit, the network cannot be read, or none of
            its outputs can be the belief maps; the message lists those found.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        skeleton: skeletons.Skeleton | str = "openpose18",
        *,
        input_name: str | None = None,
        output_name: str | None = None,
        signature: str | None = None,
        input_size: tuple[int, int] | None = None,
        input_range: str | None = None,
        bgr: bool = False,
        channels: Sequence[int] | None = None,
    ):
        self.skeleton = skeletons.get(skeleton) if isinstance(skeleton, str) else skeleton
        self.bgr = bgr
        self.channels = self._check_channels(channels)
        if input_range is not None and input_range not in INPUT_RANGES:
            raise ValueError(
                f"`input_range` must be one of {list(INPUT_RANGES)}. Received: {input_range!r}"
            )
        self.network = networks.load_network(path, input_name, output_name, signature)
        self.input_size = self._check_size(input_size)
        outputs = self._probe()
        self.output_name = self._pick_output(outputs)
        if input_range is None:
            # Exports of this library scale the pixels themselves; its Keras files do not.
            own = {"joints_3d", "landmarks"} <= outputs.keys()
            in_keras = self.network.path.is_file() and self.network.path.suffix != ".pb"
            input_range = "-0.5-0.5" if own and in_keras else "0-255"
        self.input_range = input_range

    def detect(
        self, image: np.ndarray, box: tuple[float, float, float, float] | None = None
    ) -> Detection:
        """Finds the landmarks of the person in an image.

        Args:
            image: Array of shape `[height, width, 3]`, uint8, RGB.
            box: (x, y, width, height), px: where the person is; `None` for the whole image.

        Returns:
            Landmarks in px of the whole image, and scores.

        Raises:
            ValueError: If the image is invalid, the box lies outside, or the network fails on it.
        """
        fitted = images.letterbox(image, self.input_size, box)
        maps = self._maps(fitted.pixels)
        cells = belief_maps.refine_peaks(maps).numpy()[0].astype(np.float64)
        scores = belief_maps.peak_values(maps).numpy()[0].astype(np.float64)
        # The input's pixels per cell, along x and y.
        stride = np.array(fitted.pixels.shape[1::-1]) / maps.shape[2:0:-1]
        return Detection(fitted.to_image((cells + 0.5) * stride - 0.5), scores)

    def _maps(self, pixels):
        """Computes the joints' belief maps `[1, H, W, num_joints]` of an input 0..255."""
        maps = self._run(pixels)[self.output_name].numpy()
        return maps[..., list(self.channels)]

    def _run(self, pixels):
        factor, offset = INPUT_RANGES[self.input_range]
        pixels = pixels[:, :, ::-1] if self.bgr else pixels
        pixels = np.ascontiguousarray(pixels[np.newaxis]) * factor + offset
        try:
            return self.network.call(tf.constant(pixels, tf.float32))
        except (tf.errors.OpError, TypeError) as error:
            height, width = pixels.shape[1:3]
            raise ValueError(
                "`path` must be a network that takes an image, here of "
                f"{width} x {height} px. Received: {self.network.path} "
                f"({str(error).strip().splitlines()[0][:200]})"
            ) from error

    def _probe(self):
        """Runs the network on a grey image, to know its outputs before any photo is read."""
        width, height = self.input_size
        width, height = width or height, height or width
        self.input_range = "0-255"
        return self._run(np.full([height, width, 3], 128, np.float32))

    def _pick_output(self, outputs):
        needed = max(self.channels) + 1
        found = {name: tensor.shape for name, tensor in outputs.items()}
        fitting = {
            name: shape[-1]
            for name, shape in found.items()
            if len(shape) == 4 and shape[-1] >= needed and min(shape[1:3]) > 1
        }
        fewest = [name for name in fitting if fitting[name] == min(fitting.values())]
        # The stages of one network differ in their number alone; the last is the best.
        series = {re.sub(r"\d+", "#", name) for name in fewest}
        if len(series) != 1:
            listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in found.items())
            expected = f"[1, H, W, C] with C >= {needed}, for {self.skeleton.name}"
            what = "be named by `output_name`: several have" if series else "have an output"
            raise ValueError(
                f"The belief maps of `path` must {what} {expected}. "
                f"Received: {self.network.path} with {listed or 'no output'}"
            )
        return max(fewest, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])

    def _check_size(self, size):
        demanded = self.network.input_size
        if size is None:
            return demanded if any(demanded) else (None, DEFAULT_HEIGHT)
        size = tuple(size)
        if len(size) != 2 or min(size) < 8:
            raise ValueError(
                f"`input_size` must be (width, height), each at least 8 px. Received: {size}"
            )
        clash = any(own not in (None, side) for own, side in zip(demanded, size, strict=True))
        if clash:
            raise ValueError(
                f"`input_size` must be the (width, height) of the network, {demanded}. "
                f"Received: {size}"
            )
        return size

    def _check_channels(self, channels):
        count = self.skeleton.num_joints
        if channels is None:
            return tuple(range(count))
        channels = tuple(int(channel) for channel in channels)
        if len(channels) != count or min(channels) < 0:
            raise ValueError(
                f"`channels` must be {count} numbers >= 0, one per joint of "
                f"{self.skeleton.name}. Received: {channels}"
            )
        return channels
