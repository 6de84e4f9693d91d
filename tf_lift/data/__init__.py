"""Motion capture, synthetic people, datasets and the tf.data pipeline.

Public names, each imported when first used:

- motion capture: `read` and `find_files` (clips of any format, as `Motion` or
  `MotionWithGaps`), `to_skeleton` (their joints as those of a skeleton), `convert` (many files
  to one of poses), `load_poses` and `save_poses` (npz files of poses, as `MocapPoses`);
- synthetic people: `SyntheticPeople`, `render_pool`, `CropCamera`;
- training: `dataset` (a `tf.data.Dataset` of people), `Augmentation`, `belief_map_targets`,
  `centre_maps`;
- the rooms `datasets`, `formats`, `motion`, `pipeline` and `synthetic`, whose docstrings list
  their public modules. All other modules are internal to `tf_lift`.

Only `pipeline` imports TensorFlow: processes that render people start in milliseconds.
"""

from typing import TYPE_CHECKING

from tf_lift.io import lazy

__all__ = [
    "Augmentation",
    "CropCamera",
    "MocapPoses",
    "Motion",
    "MotionWithGaps",
    "SyntheticPeople",
    "belief_map_targets",
    "centre_maps",
    "convert",
    "dataset",
    "datasets",
    "find_files",
    "formats",
    "load_poses",
    "motion",
    "pipeline",
    "read",
    "render_pool",
    "save_poses",
    "synthetic",
    "to_skeleton",
]

if TYPE_CHECKING:
    from tf_lift.data import datasets, formats, motion, pipeline, synthetic
    from tf_lift.data.datasets.conversion import convert
    from tf_lift.data.formats.mocap import MocapPoses, load_poses, save_poses
    from tf_lift.data.formats.readers import find_files, read
    from tf_lift.data.formats.skeleton_maps import to_skeleton
    from tf_lift.data.motion.clip import Motion
    from tf_lift.data.motion.gaps import MotionWithGaps
    from tf_lift.data.pipeline.augmentation import Augmentation
    from tf_lift.data.pipeline.examples import dataset
    from tf_lift.data.pipeline.targets import belief_map_targets, centre_maps
    from tf_lift.data.synthetic.people import SyntheticPeople
    from tf_lift.data.synthetic.pool import render_pool
    from tf_lift.data.synthetic.views import CropCamera
else:
    __getattr__, __dir__ = lazy.attach(
        __name__,
        modules=["datasets", "formats", "motion", "pipeline", "synthetic"],
        names={
            "Augmentation": "pipeline.augmentation",
            "CropCamera": "synthetic.views",
            "MocapPoses": "formats.mocap",
            "Motion": "motion.clip",
            "MotionWithGaps": "motion.gaps",
            "SyntheticPeople": "synthetic.people",
            "belief_map_targets": "pipeline.targets",
            "centre_maps": "pipeline.targets",
            "convert": "datasets.conversion",
            "dataset": "pipeline.examples",
            "find_files": "formats.readers",
            "load_poses": "formats.mocap",
            "read": "formats.readers",
            "render_pool": "synthetic.pool",
            "save_poses": "formats.mocap",
            "to_skeleton": "formats.skeleton_maps",
        },
    )
