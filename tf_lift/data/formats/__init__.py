"""File formats of motion capture: readers, writers, and maps of their joints.

Public: `readers.read` and `readers.find_files` (any format), the `read` and `write` functions
of `asf_amc`, `bvh`, `c3d`, `h36m_cdf`, `pose_csv` and `videopose3d`, `mocap` (npz files of
poses) and `skeleton_maps`. The other modules are internal to `tf_lift`.
"""
