"""Reads BVH files' joint angles as positions, and writes positions as joint angles."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats import bvh_text, cgspeed
from tf_lift.data.formats.bvh_text import Hierarchy
from tf_lift.data.motion import body_frame, forward_kinematics, joint_angles
from tf_lift.data.motion import clip as motion
from tf_lift.io import atomic

__all__ = ["read", "replay", "write"]

# Unit of the writer, centimetres: the one that most programs assume for BVH files.
WRITTEN_UNIT_MM = 10.0
POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")


def read(
    path, unit_mm: float | None = None, up: str | None = None, mend: bool = True
) -> motion.Motion:
    """Reads a BVH file with any hierarchy, and any channels in any order.

    The format states neither its unit nor which axis is up. Unless given, the unit is the one
    in which the skeleton has the size of an adult, and up is the direction from the feet to
    the head (rules: `body_frame.find_unit_mm` and `find_up`).

    Position channels of joints other than the root have two meanings: some programs write the
    position in the parent's axes, near OFFSET, others the difference from OFFSET, near 0. The
    meaning that fits most joints of the file is used for all joints, the root included. If
    neither fits more joints, as when only the root has position channels, they are positions.

    Args:
        path: The file.
        unit_mm: Length of the file's unit in mm, or `None` to guess.
        up: The file's axis that points up, such as "y" or "z", or `None` to guess.
        mend: Whether to restore the bones that the cgspeed conversion of CMU's motion capture
            lost, and to drop the rest pose that its clips begin with. Other files are not
            affected.

    Returns:
        `Motion` with the joints in the file's order. End sites are joints too: `Head_end`
        below `Head`, and `Head_end2` and so on for further ones.

    Raises:
        ValueError: If the file is not a BVH, is cut short, has another number of frames than
            it declares, or has a value that is not a number; the message names line, frame
            and joint. Also if the unit cannot be guessed.
        OSError: If the file cannot be opened.

    References:
        M. Meredith and S. Maddock. Motion Capture File Formats Explained. University of
        Sheffield, 2001, section 4.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        notes: list[str] = []
        hierarchy, values, fps = bvh_text.parse(text, notes)
        if mend and cgspeed.is_damaged(hierarchy):
            if cgspeed.starts_at_rest(hierarchy, values):
                values = values[1:]
            hierarchy = cgspeed.mend(hierarchy)
        positions = _positions(hierarchy, values)
        if unit_mm is None:
            unit_mm = body_frame.find_unit_mm(positions, hierarchy.parents)
        positions = body_frame.to_mm_and_z_up(
            positions,
            rest_pose=_rest_pose(hierarchy),
            joint_names=hierarchy.joint_names,
            parents=hierarchy.parents,
            unit_mm=unit_mm,
            up=up,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    clip, subject = motion.labels_of(path)
    return motion.Motion(
        positions,
        hierarchy.joint_names,
        hierarchy.parents,
        fps,
        clip=clip,
        subject=subject,
        unit_mm=unit_mm,
        notes=tuple(notes),
    )


def _rest_pose(hierarchy: Hierarchy) -> NDArray[np.float64]:
    """Returns the joints [J, 3] with all angles 0, in the file's unit and axes."""
    rotations = np.broadcast_to(np.eye(3), [1, len(hierarchy.parents), 3, 3])
    offsets = hierarchy.offsets[None]
    return forward_kinematics.joint_positions(hierarchy.parents, offsets, rotations)[0][0]


def _positions(hierarchy: Hierarchy, values) -> NDArray[np.float64]:
    """Returns the joints [T, J, 3] in the file's unit and axes."""
    num_frames, num_joints = len(values), len(hierarchy.parents)
    rotations = np.empty([num_frames, num_joints, 3, 3])
    translations = np.broadcast_to(hierarchy.offsets, [num_frames, num_joints, 3]).copy()
    has_channel = np.zeros([num_joints, 3], bool)
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        numbers = values[:, column : column + len(channels)]
        column += len(channels)
        is_angle = [channel.endswith("rotation") for channel in channels]
        axes = "".join(c[0] for c, angle in zip(channels, is_angle, strict=True) if angle)
        rotations[:, joint] = forward_kinematics.euler_rotations(
            axes, np.deg2rad(numbers[:, is_angle])
        )
        for index, (channel, angle) in enumerate(zip(channels, is_angle, strict=True)):
            if not angle:
                translations[:, joint, "XYZ".index(channel[0])] = numbers[:, index]
                has_channel[joint, "XYZ".index(channel[0])] = True
    if _adds_to_offsets(hierarchy, translations, has_channel):
        translations += np.where(has_channel, hierarchy.offsets, 0.0)
    return forward_kinematics.joint_positions(hierarchy.parents, translations, rotations)[0]


def _adds_to_offsets(hierarchy, translations, has_channel):
    """Returns whether most position channels hold differences from OFFSET."""
    bones = has_channel.any(axis=1) & (np.array(hierarchy.parents) >= 0)
    offsets = np.where(has_channel, hierarchy.offsets, 0.0)[bones]
    numbers = np.where(has_channel, translations, 0.0)[:, bones]
    lengths = np.linalg.norm(offsets, axis=-1)
    size = np.median(np.linalg.norm(numbers, axis=-1), axis=0)
    change = np.median(np.linalg.norm(numbers - offsets, axis=-1), axis=0)
    # Joints that move freely, such as hips below a point on the floor, count for neither.
    return np.sum(size < 0.1 * lengths) > np.sum(change < 0.5 * lengths)


def replay(clip: motion.Motion, constant_bones: bool = False) -> joint_angles.Replay:
    """Finds the joint angles of a clip, y up, in mm.

    Args:
        clip: The clip, with one root.
        constant_bones: As for `joint_angles.solve`.

    Returns:
        The angles; the rest pose is the clip's tallest frame, set upright.

    Raises:
        ValueError: If the joints have several roots, as markers do.
    """
    if clip.parents.count(-1) != 1:
        raise ValueError(
            "`clip.parents` must have one root, or there are no joint angles; write markers as "
            f"C3D, TRC or CSV. Received: {clip.parents.count(-1)} roots"
        )
    # From z up to y up.
    positions = clip.positions[..., [0, 2, 1]] * [1.0, 1.0, -1.0]
    rest_pose = _upright_pose(positions, clip.joint_names)
    return joint_angles.solve(
        positions, clip.joint_names, clip.parents, rest_pose, constant_bones=constant_bones
    )


def write(path, clip: motion.Motion, constant_bones: bool = False) -> None:
    """Writes a BVH file whose joint angles reproduce the positions of a clip.

    The file is in centimetres, y up, with Euler angles Z, X, Y. The rest pose is the clip's
    tallest frame, set upright. Reading the file gives the positions of any clip within
    0.1 mm: bones that cannot share a joint's rotation get an extra joint of zero length, and
    joints whose distance to their parent changes get position channels (see
    `joint_angles.solve`). Many programs want bones of constant length instead: with
    `constant_bones`, only the root has position channels, each bone keeps its direction and its
    median length, and joints are off where lengths change. The format cannot hold the labels of
    clip and subject. Reading a person smaller than an adult needs `unit_mm=10`.

    Args:
        path: File to write; it appears whole or not at all.
        clip: The clip, with one root.
        constant_bones: Whether bones keep their lengths.

    Raises:
        ValueError: If the joints have several roots, as markers do, or a name cannot be
            written.
        OSError: If the file cannot be written.
    """
    solved = replay(clip, constant_bones)
    for name in clip.joint_names:
        if name.split() != name.split(" ") or set("{}") & set(name):
            raise ValueError(
                "`clip.joint_names` must be words separated by single blanks, without braces, "
                f"for a BVH file. Received: {name!r}"
            )
    ends = _end_sites(solved)
    channels = [
        () if end else (*(POSITIONS if moves else ()), *ROTATIONS)
        for end, moves in zip(ends, solved.moves, strict=True)
    ]
    # Unwrap, so that angles do not jump by a full turn at +-180 degrees.
    angles = np.rad2deg(np.unwrap(forward_kinematics.to_zxy(solved.rotations), axis=0))
    columns = []
    for joint, names in enumerate(channels):
        if len(names) == 6:
            columns.append(solved.translations[:, joint] / WRITTEN_UNIT_MM)
        if names:
            columns.append(angles[:, joint])
    hierarchy = Hierarchy(
        solved.joint_names,
        solved.parents,
        solved.offsets / WRITTEN_UNIT_MM,
        tuple(channels),
        ends,
    )
    text = bvh_text.compose(hierarchy, np.concatenate(columns, axis=1), clip.fps)
    with atomic.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _upright_pose(positions, joint_names):
    """Returns the tallest frame [J, 3], rotated so that the head is above the feet (y up)."""
    heights = np.ptp(positions[..., 1], axis=1)
    pose = positions[np.argmax(heights)]
    direction = body_frame.body_direction(pose[None], joint_names)
    if direction is None:
        return pose
    return pose @ joint_angles.shortest_rotations(direction, np.array([[0.0, 1.0, 0.0]]))[0].T


def _end_sites(replay) -> tuple[bool, ...]:
    """Returns which joints to write as end sites: those that get the same name when read."""
    ends = np.zeros(len(replay.parents), bool)
    for joint, parent in enumerate(replay.parents):
        if parent < 0 or joint in replay.parents or replay.moves[joint]:
            continue
        siblings = sum(ends[i] for i, other in enumerate(replay.parents) if other == parent)
        name = f"{replay.joint_names[parent]}_end{siblings + 1 if siblings else ''}"
        # Readers drop end sites whose offset is rounded to zero.
        long_enough = np.abs(replay.offsets[joint]).max() > joint_angles.RIGID_MM
        ends[joint] = replay.joint_names[joint] == name and long_enough
    return tuple(bool(end) for end in ends)
