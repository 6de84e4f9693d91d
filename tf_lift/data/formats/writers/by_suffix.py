"""Chooses the writer of a file by the ending of its name."""

import pathlib

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats import bvh, c3d, gltf, pose_csv, trc
from tf_lift.data.motion import forward_kinematics, gaps
from tf_lift.data.motion.clip import Motion

__all__ = ["SUFFIXES", "constant_bone_errors", "write", "write_motion"]

SUFFIXES = (".bvh", ".c3d", ".csv", ".glb", ".trc")
# Formats of joint angles, in which bones have constant lengths and nothing can be missing.
OF_ANGLES = (".bvh", ".glb")


def write(path, poses_3d, skeleton, fps: float, *, stddev=None) -> None:
    """Writes one person's poses.

    Args:
        path: File to write, with one of `SUFFIXES`; it appears whole or not at all.
        poses_3d: Array of shape `[T, L, 3]`, mm, world frame, z up, NaN where nothing is known:
            such positions are missing in C3D, TRC and CSV files, and interpolated in the others.
        skeleton: Skeleton of the L joints, or its name.
        fps: Frames per second.
        stddev: Standard deviation of each position, `[T, L]`, mm: the residuals of a C3D file.

    Raises:
        ImportError: If a package for the format is not installed.
        ValueError: If a shape does not fit, or `path` has another ending.
        OSError: If the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/still.bvh", np.random.rand(5, 17, 3) * 1000, "h36m17", fps=25)
    ...     print([path.name for path in pathlib.Path(folder).iterdir()])
    ['still.bvh']
    """
    skeleton = skeletons.get(skeleton)
    poses_3d = np.asarray(poses_3d, np.float64)
    if poses_3d.ndim != 3 or poses_3d.shape[1:] != (skeleton.num_joints, 3) or not len(poses_3d):
        raise ValueError(
            f"`poses_3d` must have shape [T, {skeleton.num_joints}, 3]. "
            f"Received: poses_3d.shape={poses_3d.shape}"
        )
    motion = gaps.make(
        poses_3d, joint_names=skeleton.joint_names, parents=skeleton.parents, fps=fps
    )
    write_motion(path, motion, stddev=stddev)


def write_motion(path, motion: Motion, *, stddev=None) -> None:
    """Writes a clip of any joints.

    Args:
        path: File to write, with one of `SUFFIXES`; it appears whole or not at all.
        motion: The clip; for .bvh and .glb, with one root.
        stddev: As for `write`, `[T, J]`.

    Raises:
        As `write`.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix == ".bvh":
        bvh.write(path, motion, constant_bones=True)
    elif suffix == ".c3d":
        c3d.write(path, motion, stddev=stddev)
    elif suffix == ".csv":
        pose_csv.write(path, motion)
    elif suffix == ".glb":
        gltf.write(path, motion)
    elif suffix == ".trc":
        trc.write(path, motion)
    else:
        raise ValueError(f"`path` must end in {', '.join(SUFFIXES)}. Received: {str(path)!r}")


def constant_bone_errors(motion: Motion) -> np.ndarray:
    """Returns how far joints move where bones get constant lengths, `[T, J]`, mm.

    Args:
        motion: A clip with one root.
    """
    solved = bvh.replay(motion, constant_bones=True)
    found, _ = forward_kinematics.joint_positions(
        solved.parents, solved.translations, solved.rotations
    )
    found = found[..., [0, 2, 1]] * [1.0, -1.0, 1.0]
    order = [solved.joint_names.index(name) for name in motion.joint_names]
    return np.linalg.norm(found[:, order] - motion.positions, axis=-1)
