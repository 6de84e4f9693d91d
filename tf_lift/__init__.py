"""3D human pose from images or 2D landmarks: belief maps fused with a 3D pose prior.

Public names:

- `PoseEstimator`: photos and videos to 3D poses of all people in them;
- `lift`, `lift_sequence`, `LiftOptions`, `Camera`: 2D landmarks to 3D poses;
- `PosePrior`, `prior`: pose priors, shipped or learnt from motion capture;
- `layers`, `losses`, `metrics`: Keras classes for networks of your own;
- `models`, `build_lifting_cpm`, `training`, `evaluation`: the paper's network;
- `export_saved_model`, `inference`: trained networks at work, on a server or on photos;
- `data`, `skeletons`, `ops`: motion capture and images, joint conventions, tensor functions.

The `__all__` of each of these modules lists its public names. All else, and every module that
is not listed, is internal and may change without notice.
"""

import sys
from typing import TYPE_CHECKING

from tf_lift.io import lazy

__version__ = "0.1.0"

__all__ = [
    "Camera",
    "LiftOptions",
    "PoseEstimator",
    "PosePrior",
    "__version__",
    "build_lifting_cpm",
    "data",
    "evaluation",
    "export_saved_model",
    "inference",
    "layers",
    "lift",
    "lift_sequence",
    "losses",
    "metrics",
    "models",
    "ops",
    "prior",
    "skeletons",
    "training",
]

if TYPE_CHECKING:
    from tf_lift import (
        data,
        evaluation,
        inference,
        layers,
        losses,
        metrics,
        models,
        ops,
        prior,
        skeletons,
        training,
    )
    from tf_lift.camera.camera import Camera
    from tf_lift.export import export_saved_model
    from tf_lift.inference.estimator import PoseEstimator
    from tf_lift.lifting import lift
    from tf_lift.models import build_lifting_cpm
    from tf_lift.ops.lift.options import LiftOptions
    from tf_lift.prior import PosePrior
    from tf_lift.sequences.lifting import lift_sequence
else:
    _NAMES = {
        "Camera": "camera.camera",
        "LiftOptions": "ops.lift.options",
        "PoseEstimator": "inference.estimator",
        "PosePrior": "prior",
        "build_lifting_cpm": "models",
        "export_saved_model": "export",
        "lift": "lifting",
        "lift_sequence": "sequences.lifting",
    }
    _modules = set(__all__) - {*_NAMES, "__version__"}
    __getattr__, __dir__ = lazy.attach(__name__, _modules, _NAMES)

    # A `.keras` file names its layers, losses and metrics, and Keras finds only those that are
    # registered, which happens when the modules that define them are imported. The console
    # script alone leaves that to its commands, see `tf_lift_command`.
    if "tf_lift_command" not in sys.modules:
        from tf_lift import layers, losses, metrics  # noqa: F401
