"""3D human pose from images or 2D landmarks: belief maps fused with a 3D pose prior."""

import importlib
import pathlib
import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Camera",
    "LiftOptions",
    "PosePrior",
    "__version__",
    "build_lifting_cpm",
    "data",
    "export_saved_model",
    "layers",
    "lift",
    "lift_with_camera",
    "losses",
    "metrics",
    "models",
    "ops",
    "prior",
    "skeletons",
]

# A `.keras` file names its layers, losses and metrics, and Keras finds those only once the
# modules that define them have registered them: so `import tf_lift` brings them all, and
# TensorFlow with them. The command line alone imports a name when a command first uses it,
# because `tf-lift --help` should answer at once and TensorFlow takes seconds to load.
_IS_COMMAND_LINE = pathlib.PurePath(*sys.argv[:1]).stem == "tf-lift"

if TYPE_CHECKING or not _IS_COMMAND_LINE:
    from tf_lift import data, layers, losses, metrics, models, ops, prior, skeletons
    from tf_lift.camera.camera import Camera
    from tf_lift.camera.lifting import lift_with_camera
    from tf_lift.export import export_saved_model
    from tf_lift.lifting import lift
    from tf_lift.models import build_lifting_cpm
    from tf_lift.ops.lift.options import LiftOptions
    from tf_lift.prior import PosePrior
else:
    _MODULE_OF = {
        "Camera": "tf_lift.camera.camera",
        "LiftOptions": "tf_lift.ops.lift.options",
        "PosePrior": "tf_lift.prior",
        "build_lifting_cpm": "tf_lift.models",
        "export_saved_model": "tf_lift.export",
        "lift": "tf_lift.lifting",
        "lift_with_camera": "tf_lift.camera.lifting",
    }

    def __getattr__(name):
        """Imports a public name at its first use (PEP 562)."""
        if name in _MODULE_OF:
            return getattr(importlib.import_module(_MODULE_OF[name]), name)
        if name in __all__:
            return importlib.import_module(f"tf_lift.{name}")
        raise AttributeError(f"module 'tf_lift' has no attribute {name!r}")
