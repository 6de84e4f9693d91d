"""Sizes of the lifting networks, as data.

References:
    Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017 (the six stages, where
        the lift is fused).
    Wei et al. Convolutional Pose Machines. CVPR 2016, figure 2 (`original`) and the
        variant on VGG-19 (`vgg`).
"""

import dataclasses
import math

__all__ = ["PRESETS", "Conv", "Pool", "Preset", "get_preset"]


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution with ReLU: its filters, its square kernel and what follows it.

    Attributes:
        filters: Number of output channels.
        kernel_size: Side of the kernel, in cells.
        strides: Step of the kernel, in cells.
        dropout: Rate of the dropout behind it, 0 for none.
    """

    filters: int
    kernel_size: int = 3
    strides: int = 1
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class Pool:
    """A maximum over non-overlapping squares.

    Attributes:
        size: Side of the squares, in cells.
    """

    size: int = 2


# 0, 10 and 20 degrees: photos are mostly taken from eye level or above. On synthetic people
# (-5 to 25 degrees) with exact landmarks the lift errs by 83 mm with 0 alone, 66 mm with these
# and 66 mm with steps of 5 degrees.
_PITCHES = (0.0, math.radians(10.0), math.radians(20.0))


@dataclasses.dataclass(frozen=True)
class Preset:
    """Everything that sets the size of a lifting network.

    Attributes:
        image_size: Side of the square input image, in pixels.
        tower: From the image to the features that the later stages share.
        first_tower: Tower of stage 1 alone, where it does not use the shared one.
        first_head: From features to the maps of stage 1; the last 1x1 convolution to
            one channel per joint and the background is added.
        branch: Of each later stage, from the shared features to what it concatenates.
        later_head: Of each later stage, as `first_head`.
        fusion_weights: Initial weight of the network's own maps in the fusion P7,
            one per fused stage, beginning with stage 1; `None` for a stage that is not
            fused. Its length is the number of stages.
        centre_map: Whether the later stages get a map of the person's centre.
        batch_norm: Whether batch normalisation stands between convolution and ReLU.
        target_stddev_px: Standard deviation of the target maps, in input pixels.
        map_stddev: Standard deviation of the projected maps, in cells.
        decoder: How landmarks are read from maps: `"argmax"`, `"subpixel"` or
            `"soft_argmax"`.
        noise_mm: Error of a landmark that the lift expects, per coordinate, as a
            length on the person: it adds to the prior's own noise, which is that of exact
            landmarks.
        pitches: Camera pitches that the lift searches, rad, positive looking down.
        estimator: Pose that the lift returns, see `tf_lift.LiftOptions`: the paper's network
            goes on with one candidate, not with a mean.
    """

    image_size: int
    tower: tuple[Conv | Pool, ...]
    first_head: tuple[Conv, ...]
    later_head: tuple[Conv, ...]
    fusion_weights: tuple[float | None, ...]
    first_tower: tuple[Conv | Pool, ...] = ()
    branch: tuple[Conv, ...] = ()
    centre_map: bool = False
    batch_norm: bool = False
    target_stddev_px: float = 7.0
    map_stddev: float = 1.0
    decoder: str = "argmax"
    noise_mm: float = 20.0
    pitches: tuple[float, ...] = _PITCHES
    estimator: str = "map"

    @property
    def num_stages(self) -> int:
        """Number of stages, each with its maps and its loss."""
        return len(self.fusion_weights)

    @property
    def stride(self) -> int:
        """Input pixels per cell of the maps.

        >>> {name: preset.stride for name, preset in PRESETS.items()}
        {'original': 8, 'vgg': 8, 'small': 8, 'tiny': 8}
        """
        return math.prod(
            block.strides if isinstance(block, Conv) else block.size for block in self.tower
        )


_NINE_TOWER = (Conv(128, 9), Pool(), Conv(128, 9), Pool(), Conv(128, 9), Pool())

# VGG-19 to its conv4_2, then the convolutions that CPM adds.
_VGG_TOWER = (
    *(Conv(64),) * 2,
    Pool(),
    *(Conv(128),) * 2,
    Pool(),
    *(Conv(256),) * 4,
    Pool(),
    *(Conv(512),) * 2,
    *(Conv(256),) * 4,
    Conv(128),
)

# Initial weights of the paper: the lift enters the last two of the fused stages at once, the
# first three when training moves them; the maps of the last stage are the result.
_PAPER_FUSION = (1.0, 1.0, 1.0, 0.5, 0.5, None)

PRESETS = {
    "original": Preset(
        image_size=368,
        tower=_NINE_TOWER,
        first_tower=_NINE_TOWER,
        first_head=(Conv(32, 5), Conv(512, 9, dropout=0.5), Conv(512, 1, dropout=0.5)),
        branch=(Conv(32, 5),),
        later_head=(*(Conv(128, 11),) * 3, Conv(128, 1)),
        fusion_weights=_PAPER_FUSION,
        centre_map=True,
    ),
    "vgg": Preset(
        image_size=368,
        tower=_VGG_TOWER,
        first_head=(Conv(512, 1),),
        later_head=(*(Conv(128, 7),) * 5, Conv(128, 1)),
        fusion_weights=_PAPER_FUSION,
        centre_map=True,
    ),
    # Hours of a CPU or minutes of a GPU.
    "small": Preset(
        image_size=256,
        tower=(
            Conv(32, 3, 2),
            Conv(64),
            Conv(64, 3, 2),
            *(Conv(128),) * 2,
            Conv(128, 3, 2),
            *(Conv(128),) * 4,
        ),
        first_head=(Conv(256, 1),),
        later_head=(*(Conv(128, 5),) * 3, Conv(128, 1)),
        fusion_weights=(1.0, 0.5, 0.5, None),
        batch_norm=True,
        target_stddev_px=8.0,
        decoder="subpixel",
        noise_mm=40.0,
    ),
    # Minutes of a CPU, so every choice is one of accuracy after 380 s of one core: the first
    # convolution at stride 4 saves a quarter of each step; one later stage of three 5x5
    # convolutions reaches 4.7 px where two of two reach 6.1.
    "tiny": Preset(
        image_size=128,
        tower=(Conv(24, 5, 4), Conv(32), Conv(64, 3, 2), *(Conv(64),) * 3),
        first_head=(Conv(128, 1),),
        later_head=(*(Conv(64, 5),) * 3, Conv(128, 1)),
        fusion_weights=(0.7, None),
        batch_norm=True,
        # One cell: at the paper's 2.4 px of this image the maps would miss most joints.
        target_stddev_px=8.0,
        decoder="subpixel",
        # A pixel is 20 mm of a person. Lifted with the prior's own noise (9 mm), landmarks
        # with 3.8 px of noise give 192 mm of 3D error; with 40 to 60 mm more, 102 to 111 mm.
        noise_mm=50.0,
    ),
}


def get_preset(preset: str | Preset) -> Preset:
    """Returns a preset by its name.

    Args:
        preset: One of `PRESETS`, or a preset, which is returned as it is.

    Raises:
        ValueError: If there is no such preset.

    >>> get_preset("vgg").num_stages
    6
    """
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"`preset` must be one of {list(PRESETS)}. Received: {preset!r}")
    return PRESETS[preset]
