"""Networks: convolutional pose machines with the lift between their stages."""

from tf_lift.models.lifting_cpm import build_lifting_cpm, compile_lifting_cpm, describe
from tf_lift.models.loading import load_lifting_cpm
from tf_lift.models.presets import PRESETS, Conv, Pool, Preset, get_preset

__all__ = [
    "PRESETS",
    "Conv",
    "Pool",
    "Preset",
    "build_lifting_cpm",
    "compile_lifting_cpm",
    "describe",
    "get_preset",
    "load_lifting_cpm",
]
