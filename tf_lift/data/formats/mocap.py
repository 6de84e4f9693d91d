"""Reads and writes npz files of motion-capture poses."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data.motion import pose_checks
from tf_lift.io import npz

__all__ = ["MocapPoses", "load_poses", "save_poses"]


@dataclasses.dataclass(frozen=True, eq=False)
class MocapPoses:
    """Poses of a motion-capture file.

    Attributes:
        poses: Array of shape `[N, L, 3]`, float32, mm, world frame, z up.
        subject: Label of each pose's person, `[N]`, or `None`.
        clip: Label of each pose's clip, `[N]`, or `None`.
        skeleton: Name of the joints' convention.
        credit: The licence or credit text of the file, empty if there is none.
        fps: Poses per second of each clip; `None` if unknown or not the same for all.
    """

    poses: NDArray[np.float32]
    subject: NDArray | None = None
    clip: NDArray | None = None
    skeleton: str = "h36m17"
    credit: str = ""
    fps: float | None = None

    def groups(self, balance: str) -> NDArray | None:
        """Returns the labels by which to balance.

        Args:
            balance: "subject", "clip", or "none".

        Returns:
            Array of shape `[N]`, or `None` for "none" or where the file has no labels.

        Raises:
            ValueError: If `balance` is another word.

        >>> MocapPoses(np.zeros([2, 17, 3]), clip=np.array(["a", "b"])).groups("clip")
        array(['a', 'b'], dtype='<U1')
        """
        choices: dict[str, NDArray | None] = {
            "subject": self.subject,
            "clip": self.clip,
            "none": None,
        }
        if balance not in choices:
            raise ValueError(f"`balance` must be one of {list(choices)}. Received: {balance!r}")
        return choices[balance]


def load_poses(path, skeleton: str = "h36m17") -> MocapPoses:
    """Reads poses from an npz file and checks that they can be human.

    Args:
        path: File with `poses` of shape `[N, L, 3]`, millimetres, z up, in the order of
            the skeleton. Optional arrays: `subject` and `clip` `[N]` (labels), `joint_names`
            `[L]`, `fps` (a number, or `[N]`), and `license` or `credit` (text). Others are
            ignored.
        skeleton: Name of the skeleton of the joints.

    Returns:
        `MocapPoses`.

    Raises:
        ValueError: If the file is damaged or not an npz, `poses` is missing, an array has a
            wrong shape, values are not finite, the unit is not millimetres, z is not up, left
            and right are exchanged in `joint_names`, or left and right bones differ so much
            that the joints must be in another order.
        FileNotFoundError: If there is no such file.
    """
    content = npz.read(path)
    expected = skeletons.get(skeleton)
    try:
        if "poses" not in content:
            found = ", ".join(content) or "nothing"
            raise ValueError(f"must hold an array `poses`. Received: {found}")
        poses = content["poses"]
        _check_values(poses, expected)
        check_names(content.get("joint_names"), expected)
        # Check sides first: joints in another order mostly fail the check of the unit too.
        pose_checks.check_sides(poses, expected)
        pose_checks.check_unit(poses, expected)
        pose_checks.check_upright(poses, expected)
        of_pose = {name: labels(content, name, len(poses)) for name in ("subject", "clip")}
        fps = _common(rates(content.get("fps"), len(poses)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    credit = str(content.get("credit", content.get("license", "")))
    return MocapPoses(
        poses.astype(np.float32), skeleton=skeleton, credit=credit, fps=fps, **of_pose
    )


def save_poses(path, data: MocapPoses, frame=None, fps=None) -> None:
    """Writes poses as an npz file for `load_poses`, `tf-lift fit-prior` and other programs.

    The arrays are `poses` `[N, L, 3]`, float32, mm, z up; `subject` and `clip` `[N]`, texts or
    numbers; `frame` `[N]`, int32, such that a pose is `frame / fps` seconds after the first
    of its clip; `fps` `[N]`, float32, NaN where unknown; `joint_names` and `parents` `[L]`;
    `license`, a text. The file loads without pickle.

    Args:
        path: File to write; it appears whole or not at all.
        data: The poses. Without labels, `subject` and `clip` are empty texts.
        frame: Index of each pose within its clip, `[N]`; by default counted.
        fps: Poses per second, `[N]`, if clips differ; by default `data.fps`.

    Raises:
        ValueError: If an array does not have one entry per pose.
        OSError: If the file cannot be written.
    """
    skeleton = skeletons.get(data.skeleton)
    count = len(data.poses)
    clip = np.full(count, "") if data.clip is None else np.asarray(data.clip)
    rate = np.nan if data.fps is None else data.fps
    arrays = {
        "subject": np.full(count, "") if data.subject is None else np.asarray(data.subject),
        "clip": clip,
        "frame": _places(clip) if frame is None else np.asarray(frame, np.int32),
        "fps": np.full(count, rate, np.float32) if fps is None else np.asarray(fps, np.float32),
    }
    for name in arrays:
        labels(arrays, name, count)
    arrays = {"poses": np.asarray(data.poses, np.float32)} | arrays
    arrays["joint_names"] = np.array(skeleton.joint_names)
    arrays["parents"] = np.array(skeleton.parents, np.int32)
    arrays["license"] = np.array(data.credit)
    npz.write(path, arrays)


def _places(clip):
    """Returns the number of poses of the same clip before each pose."""
    order = np.argsort(clip, kind="stable")
    starts = np.concatenate([[True], clip[order][1:] != clip[order][:-1]])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(clip)), 0))
    places = np.empty(len(clip), np.int32)
    places[order] = np.arange(len(clip)) - first
    return places


def _check_values(poses, skeleton):
    if poses.ndim != 3 or poses.shape[1:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"`poses` must have shape [N, {skeleton.num_joints}, 3] for the skeleton "
            f"{skeleton.name!r}. Received: poses.shape={poses.shape}"
        )
    if not len(poses):
        raise ValueError(f"`poses` must not be empty. Received: poses.shape={poses.shape}")
    if poses.dtype.kind not in "fiu":
        raise ValueError(f"`poses` must be numbers. Received: poses.dtype={poses.dtype}")
    pose_checks.check_finite(poses)


def check_names(names: NDArray | None, skeleton: skeletons.Skeleton) -> None:
    """Checks that joint names, in any spelling, agree with a skeleton in left and right.

    Args:
        names: Array of shape `[L]`, or `None`, which passes.
        skeleton: Expected skeleton.

    Raises:
        ValueError: If there are more or fewer names, or left and right are exchanged.
    """
    if names is None:
        return
    if names.shape != (skeleton.num_joints,):
        raise ValueError(
            f"`joint_names` must have shape [{skeleton.num_joints}]. "
            f"Received: joint_names.shape={names.shape}"
        )
    # Spellings differ between files (`r_hip`, `RightHip`); sides must not.
    for name, expected in zip(names, skeleton.joint_names, strict=True):
        sides = {_side(str(name)), _side(expected)}
        if sides == {"l", "r"}:
            raise ValueError(f"`joint_names` must have {expected!r} here. Received: {str(name)!r}")


def _side(name):
    name = name.lower()
    for side in ("left", "right"):
        if name.startswith((side, side[0] + "_")):
            return side[0]
    return ""


def labels(content: dict[str, NDArray], name: str, num_poses: int) -> NDArray | None:
    """Returns the labels of poses in a file, or `None` where there are none.

    Args:
        content: Arrays of a file.
        name: Name of the array of labels.
        num_poses: Number of poses.

    Raises:
        ValueError: If the array does not have shape `[num_poses]`.
    """
    found = content.get(name)
    if found is not None and found.shape != (num_poses,):
        raise ValueError(
            f"`{name}` must have shape [{num_poses}], one label for each pose. "
            f"Received: {name}.shape={found.shape}"
        )
    return found


def rates(fps: NDArray | None, num_poses: int) -> NDArray[np.float64] | None:
    """Returns the poses per second of each pose's clip, `[N]`, or `None` if unknown.

    Args:
        fps: A number, or one for each pose, NaN where unknown; or `None`.
        num_poses: Number of poses.

    Raises:
        ValueError: If `fps` has another shape or is not positive.

    >>> rates(np.array(10.0), num_poses=2)
    array([10., 10.])
    """
    if fps is None:
        return None
    if fps.dtype.kind not in "fiu" or fps.shape not in ((), (num_poses,)):
        raise ValueError(
            f"`fps` must be a number, or one for each pose. Received: fps.shape={fps.shape}, "
            f"{fps.dtype}"
        )
    if np.any(fps <= 0.0):
        raise ValueError(f"`fps` must be positive. Received: {fps.min():g}")
    return np.full(num_poses, fps, np.float64)


def _common(values):
    """Returns the rate that all poses share, or `None` if they differ or are unknown."""
    different = np.unique(values) if values is not None else np.array([np.nan])
    return float(different[0]) if len(different) == 1 and np.isfinite(different[0]) else None
