"""Reads Acclaim's motion capture: a skeleton (ASF) and the joint angles of its clips (AMC)."""

import pathlib

import numpy as np

from tf_lift.data.formats import acclaim_text
from tf_lift.data.motion import body_frame, forward_kinematics
from tf_lift.data.motion import clip as motion

__all__ = ["find_asf", "read"]


def read(
    amc_path,
    asf_path=None,
    fps: float = 120.0,
    unit_mm: float | None = None,
    up: str | None = None,
) -> motion.Motion:
    """Reads a clip in an AMC file with the skeleton of its ASF file.

    Args:
        amc_path: The clip.
        asf_path: The skeleton; by default the one in the clip's folder (see `find_asf`).
        fps: Frames per second, which AMC files do not state. CMU's have 120, those of some
            subjects 60.
        unit_mm: Length of the file's unit in mm; by default that of the ASF file. Where that
            makes a giant, or less than half an adult, it is guessed
            (`body_frame.find_unit_mm`).
        up: The axis that points up, such as "y" or "z"; by default guessed, y for nearly all
            files (see `body_frame.find_up`).

    Returns:
        `Motion` with the joint "root" and one joint at the end of each bone, named after the
        bone: "lhumerus" is the left elbow.

    Raises:
        ValueError: If a file is damaged or cut short, or the clip belongs to another
            skeleton; the message names file, line, frame and bone.
        OSError: If a file cannot be opened.

    References:
        J. Lander. Working with Motion Capture File Formats. Game Developer, January 1998.
    """
    amc_path = pathlib.Path(amc_path)
    asf_path = find_asf(amc_path) if asf_path is None else pathlib.Path(asf_path)
    skeleton = acclaim_text.read_asf(asf_path)
    text = amc_path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        numbers, degrees = acclaim_text.parse_amc(text, skeleton)
        rotations, translations = _local_motion(skeleton, numbers, degrees)
        positions, _ = forward_kinematics.joint_positions(skeleton.parents, translations, rotations)
        unit_mm = _unit_mm(skeleton, positions) if unit_mm is None else unit_mm
        positions = body_frame.to_mm_and_z_up(
            positions,
            rest_pose=_rest_pose(skeleton),
            joint_names=skeleton.joint_names,
            parents=skeleton.parents,
            unit_mm=unit_mm,
            up=up,
        )
    except ValueError as error:
        raise ValueError(f"{amc_path}: {error}") from error
    clip, subject = motion.labels_of(amc_path)
    return motion.Motion(
        positions,
        skeleton.joint_names,
        skeleton.parents,
        fps,
        clip=clip,
        subject=subject,
        unit_mm=unit_mm,
    )


def find_asf(amc_path) -> pathlib.Path:
    """Finds the skeleton of a clip in the clip's folder.

    Args:
        amc_path: The clip, for example "05_02.amc".

    Returns:
        "05_02.asf", else "05.asf", else the only ASF file of the folder; the extension in
        upper or lower case.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    amc_path = pathlib.Path(amc_path)
    found = {p.stem: p for p in sorted(amc_path.parent.glob("*")) if p.suffix.lower() == ".asf"}
    for stem in motion.labels_of(amc_path):
        if stem in found:
            return found[stem]
    if len(found) == 1:
        return next(iter(found.values()))
    raise FileNotFoundError(
        f"{amc_path}: needs its skeleton, an ASF file named {amc_path.stem}.asf or after the "
        f"subject. Received: {', '.join(found) or 'none'} in the folder"
    )


def _unit_mm(skeleton, positions):
    low, high = body_frame.LONGEST_PATH_MM
    size = body_frame.longest_path(positions, skeleton.parents) * skeleton.unit_mm
    # Half the lower bound admits children: the file states its unit.
    if low / 2.0 <= size <= high:
        return skeleton.unit_mm
    # Programs other than CMU's write `length 1.0` whatever the unit.
    return body_frame.find_unit_mm(positions, skeleton.parents)


def _rest_pose(skeleton):
    identity = np.broadcast_to(np.eye(3), [1, len(skeleton.parents), 3, 3])
    offsets = skeleton.offsets[None]
    return forward_kinematics.joint_positions(skeleton.parents, offsets, identity)[0][0]


def _local_motion(skeleton, numbers, degrees):
    """Returns rotations [T, J, 3, 3] and translations [T, J, 3] in the parents' axes.

    A rotation M in a bone's own axes C is C M C' in the world's axes at rest. It also rotates
    the bone itself, so the translation of the bone's end is the rotation times the offset.
    """
    num_frames, num_joints = len(numbers[0]), len(skeleton.parents)
    rotations = np.empty([num_frames, num_joints, 3, 3])
    translations = np.broadcast_to(skeleton.offsets, [num_frames, num_joints, 3]).copy()
    for joint, channels in enumerate(skeleton.channels):
        angles = np.zeros([num_frames, 3])
        for values, channel in zip(numbers[joint].T, channels, strict=True):
            if channel in acclaim_text.ROTATIONS:
                angles[:, skeleton.orders[joint].index(acclaim_text.ROTATIONS[channel])] = values
            else:
                translations[:, joint, acclaim_text.TRANSLATIONS.index(channel)] += values
        in_bone_axes = _extrinsic_rotations(
            skeleton.orders[joint], np.deg2rad(angles) if degrees else angles
        )
        rotations[:, joint] = skeleton.axes[joint] @ in_bone_axes @ skeleton.axes[joint].T
        if skeleton.parents[joint] >= 0:
            translations[:, joint] = (rotations[:, joint] @ translations[:, joint, :, None])[..., 0]
    return rotations, translations


def _extrinsic_rotations(order, angles):
    """Returns rotations about fixed axes, in the given order."""
    return forward_kinematics.euler_rotations(order[::-1], angles[..., ::-1])
