"""BVH files: reads joint angles as positions, and writes positions as joint angles."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats import bvh_text, cgspeed
from tf_lift.data.formats.bvh_text import Hierarchy
from tf_lift.data.motion import body_frame, forward_kinematics, joint_angles
from tf_lift.data.motion import clip as motion
from tf_lift.io import atomic

__all__ = ["read", "write"]

# The writer's unit: the one that most programs take a BVH file to be in.
WRITTEN_UNIT_MM = 10.0
POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")


def read(
    path, unit_mm: float | None = None, up: str | None = None, mend: bool = True
) -> motion.Motion:
    """Reads a BVH file: any hierarchy, any channels in any order.

    The format tells neither its unit nor which axis is up. Unless given, the unit is the
    one in which the skeleton has the size of a grown person, and up is where the head is
    from the feet (`body_frame.find_unit_mm` and `find_up` have the rules).

    Where joints other than the root have position channels, some programs write the place
    in the parent's axes there, near OFFSET, and others its difference from OFFSET, near 0.
    What most joints of the file have is taken for all, the root as well; where that does not
    tell, as when only the root has position channels, they are places.

    Args:
        path: The file.
        unit_mm: Millimetres of the file's unit of length, or `None` to guess.
        up: The file's axis that points up, such as "y" or "z", or `None` to guess.
        mend: Puts the bones back that the cgspeed conversion of CMU's motion capture lost,
            and drops the pose at rest that its clips begin with. Other files are not
            changed by it. Without, the positions are those that the file has.

    Returns:
        `Motion` with the joints in the file's order, and the end sites as joints of their
        own: `Head_end` below `Head`, with `_end2` and so on for further ones.

    Raises:
        ValueError: If the file is no BVH, is cut short, has another number of frames than
            it declares, or numbers that are none; with its line, frame and joint. Also if
            the unit cannot be guessed.
        OSError: If it cannot be opened.

    References:
        M. Meredith and S. Maddock. Motion Capture File Formats Explained. University of
        Sheffield, 2001, section 4.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        hierarchy, values, fps = bvh_text.parse(text)
        if mend and cgspeed.is_damaged(hierarchy):
            if cgspeed.starts_at_rest(hierarchy, values):
                values = values[1:]
            hierarchy = cgspeed.mend(hierarchy)
        positions = _positions(hierarchy, values)
        positions = body_frame.to_mm_and_z_up(
            positions,
            rest=_rest(hierarchy),
            joint_names=hierarchy.joint_names,
            parents=hierarchy.parents,
            unit_mm=unit_mm,
            up=up,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    clip, subject = motion.labels_of(path)
    return motion.Motion(
        positions, hierarchy.joint_names, hierarchy.parents, fps, clip=clip, subject=subject
    )


def _rest(hierarchy: Hierarchy) -> NDArray[np.float64]:
    """Returns the joints [J, 3] with all angles 0, the file's unit and axes."""
    rotations = np.broadcast_to(np.eye(3), [1, len(hierarchy.parents), 3, 3])
    offsets = hierarchy.offsets[None]
    return forward_kinematics.joint_positions(hierarchy.parents, offsets, rotations)[0][0]


def _positions(hierarchy: Hierarchy, values) -> NDArray[np.float64]:
    """Returns the joints [T, J, 3] in the file's unit and axes."""
    num_frames, num_joints = len(values), len(hierarchy.parents)
    rotations = np.empty([num_frames, num_joints, 3, 3])
    places = np.broadcast_to(hierarchy.offsets, [num_frames, num_joints, 3]).copy()
    placed = np.zeros([num_joints, 3], bool)
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        numbers = values[:, column : column + len(channels)]
        column += len(channels)
        turns = [channel.endswith("rotation") for channel in channels]
        axes = "".join(channel[0] for channel, turn in zip(channels, turns, strict=True) if turn)
        rotations[:, joint] = forward_kinematics.euler_rotations(
            axes, np.deg2rad(numbers[:, turns])
        )
        for index, (channel, turn) in enumerate(zip(channels, turns, strict=True)):
            if not turn:
                places[:, joint, "XYZ".index(channel[0])] = numbers[:, index]
                placed[joint, "XYZ".index(channel[0])] = True
    if _adds_to_offsets(hierarchy, places, placed):
        places += np.where(placed, hierarchy.offsets, 0.0)
    return forward_kinematics.joint_positions(hierarchy.parents, places, rotations)[0]


def _adds_to_offsets(hierarchy, places, placed):
    """Whether position channels hold what is added to OFFSET, by the joints that tell."""
    bones = placed.any(axis=1) & (np.array(hierarchy.parents) >= 0)
    offsets = np.where(placed, hierarchy.offsets, 0.0)[bones]
    numbers = np.where(placed, places, 0.0)[:, bones]
    lengths = np.linalg.norm(offsets, axis=-1)
    size = np.median(np.linalg.norm(numbers, axis=-1), axis=0)
    change = np.median(np.linalg.norm(numbers - offsets, axis=-1), axis=0)
    # A joint that goes its own way, as hips below a point on the floor, is neither.
    return np.sum(size < 0.1 * lengths) > np.sum(change < 0.5 * lengths)


def write(path, clip: motion.Motion) -> None:
    """Writes a BVH file whose joint angles replay the positions of a clip.

    Centimetres, y up, Euler angles Z, X, Y. The skeleton at rest stands as in the clip's
    tallest frame. Reading the file gives the positions within 0.1 mm, of any clip: bones
    that cannot share a joint's rotation get a joint of no length of their own, and joints
    that do not keep their distance have position channels (see `joint_angles.solve`).
    What a BVH file cannot hold is lost: twists, which positions do not show, clip and
    subject. Another than a grown person needs `unit_mm=10` for reading.

    Args:
        path: File to write; it appears whole or not at all.
        clip: The clip, with one root.

    Raises:
        ValueError: If the joints have several roots, as markers do, or a name cannot be
            written.
        OSError: If the file cannot be written.
    """
    if clip.parents.count(-1) != 1:
        raise ValueError(
            "`clip.parents` must have one root to have joint angles; markers go into C3D or "
            f"CSV. Received: {clip.parents.count(-1)} roots"
        )
    for name in clip.joint_names:
        if name.split() != name.split(" ") or set("{}") & set(name):
            raise ValueError(
                "`clip.joint_names` must be words without braces or other space than single "
                f"blanks for a BVH file. Received: {name!r}"
            )
    # From z up to y up, the way back of reading.
    positions = clip.positions[..., [0, 2, 1]] * [1.0, 1.0, -1.0]
    replay = joint_angles.solve(
        positions, clip.joint_names, clip.parents, _upright_pose(positions, clip.joint_names)
    )
    ends = _end_sites(replay)
    channels = [
        () if end else (*(POSITIONS if moves else ()), *ROTATIONS)
        for end, moves in zip(ends, replay.moves, strict=True)
    ]
    # Near +-180 degrees an angle goes on instead of jumping by a turn.
    angles = np.rad2deg(np.unwrap(forward_kinematics.to_zxy(replay.rotations), axis=0))
    columns = []
    for joint, names in enumerate(channels):
        if len(names) == 6:
            columns.append(replay.places[:, joint] / WRITTEN_UNIT_MM)
        if names:
            columns.append(angles[:, joint])
    hierarchy = Hierarchy(
        replay.joint_names,
        replay.parents,
        replay.offsets / WRITTEN_UNIT_MM,
        tuple(channels),
        ends,
    )
    text = bvh_text.compose(hierarchy, np.concatenate(columns, axis=1), clip.fps)
    with atomic.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _upright_pose(positions, joint_names):
    """Returns the tallest frame [J, 3], its head straight above its feet, for y up."""
    heights = np.ptp(positions[..., 1], axis=1)
    pose = positions[np.argmax(heights)]
    direction = body_frame.body_direction(pose[None], joint_names)
    if direction is None:
        return pose
    return pose @ joint_angles.shortest_rotations(direction, np.array([[0.0, 1.0, 0.0]]))[0].T


def _end_sites(replay) -> tuple[bool, ...]:
    """Which joints go into the file as end sites: those that are read with the same name."""
    ends = np.zeros(len(replay.parents), bool)
    for joint, parent in enumerate(replay.parents):
        if parent < 0 or joint in replay.parents or replay.moves[joint]:
            continue
        siblings = sum(ends[i] for i, other in enumerate(replay.parents) if other == parent)
        name = f"{replay.joint_names[parent]}_end{siblings + 1 if siblings else ''}"
        # One that is rounded to no length is left out by readers.
        long_enough = np.abs(replay.offsets[joint]).max() > joint_angles.RIGID_MM
        ends[joint] = replay.joint_names[joint] == name and long_enough
    return tuple(bool(end) for end in ends)
