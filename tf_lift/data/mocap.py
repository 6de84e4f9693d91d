"""Reads files of motion-capture poses."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data import npz, pose_checks

__all__ = ["MocapPoses", "load_poses"]


@dataclasses.dataclass(frozen=True, eq=False)
class MocapPoses:
    """Poses of a motion-capture file.

    Attributes:
        poses: Array of shape `[N, L, 3]`, float32, mm, world frame, z up.
        subject: Label of each pose's person, `[N]`, or `None`.
        clip: Label of each pose's clip, `[N]`, or `None`.
        skeleton: Name of the joints' convention.
        credit: The licence or credit text of the file, empty if there is none.
    """

    poses: NDArray[np.float32]
    subject: NDArray | None = None
    clip: NDArray | None = None
    skeleton: str = "h36m17"
    credit: str = ""

    def groups(self, balance: str) -> NDArray | None:
        """Returns the labels by which to balance.

        Args:
            balance: "subject", "clip", or "none".

        Returns:
            Array of shape `[N]`, or `None` for "none" and where the file has no labels.

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
            the skeleton; and, if it has them, `subject` and `clip` `[N]` (labels),
            `joint_names` `[L]`, and `license` or `credit` (a text). Others are ignored.
        skeleton: Name of the skeleton of the joints.

    Returns:
        `MocapPoses`.

    Raises:
        ValueError: If the file is damaged or no npz, if an array is missing or has a wrong
            shape, if values are not finite, if the unit is not millimetres, if z is not
            up, or if left and right are exchanged in `joint_names`.
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
        _check_names(content.get("joint_names"), expected)
        pose_checks.check_unit(poses, expected)
        pose_checks.check_upright(poses, expected)
        pose_checks.check_sides(poses, expected)
        labels = {name: _labels(content, name, len(poses)) for name in ("subject", "clip")}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    credit = str(content.get("credit", content.get("license", "")))
    return MocapPoses(poses.astype(np.float32), skeleton=skeleton, credit=credit, **labels)


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


def _check_names(names, skeleton):
    if names is None:
        return
    if names.shape != (skeleton.num_joints,):
        raise ValueError(
            f"`joint_names` must have shape [{skeleton.num_joints}]. "
            f"Received: joint_names.shape={names.shape}"
        )
    # Names differ between files (`r_hip`, `RightHip`); their sides must not.
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


def _labels(content, name, num_poses):
    labels = content.get(name)
    if labels is None:
        return None
    if labels.shape != (num_poses,):
        raise ValueError(
            f"`{name}` must have shape [{num_poses}], one label for each pose. "
            f"Received: {name}.shape={labels.shape}"
        )
    return labels
