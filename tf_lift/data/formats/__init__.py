"""File formats of motion capture: readers, writers, and maps of their joints.

Public modules: `readers` (files of any format), `asf_amc`, `bvh`, `c3d`, `gltf`, `h36m_cdf`,
`point_tables`, `pose_csv`, `trc` and `videopose3d` (one format each), `mocap` (npz files of poses),
`writers` (files for other programs) and `skeleton_maps`. The other modules are internal to
`tf_lift`.
"""

from tf_lift.io import lazy

__all__ = [
    "asf_amc",
    "bvh",
    "c3d",
    "gltf",
    "h36m_cdf",
    "mocap",
    "point_tables",
    "pose_csv",
    "readers",
    "skeleton_maps",
    "trc",
    "videopose3d",
    "writers",
]

__getattr__, __dir__ = lazy.attach(__name__, modules=__all__)
