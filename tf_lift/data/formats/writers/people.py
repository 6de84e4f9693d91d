"""Writes the people of a lift, one file each, in an upright world."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats.writers import by_suffix

__all__ = ["write_poses"]

# Frames per second of poses that state none, as of a list of images.
DEFAULT_FPS = 30.0
# A source whose frame numbers are sparser than this is taken as images, not frames of a video.
_MOST_FRAMES_PER_POSE = 20
# Share of the frames in which the lowest joint may be below the floor.
_BELOW_FLOOR = 0.05


def write_poses(poses, path, *, fps: float | None = None) -> list[pathlib.Path]:
    """Writes lifted poses as .bvh, .c3d, .trc, .glb or .csv, one file for each person.

    The world has z up (y up in the formats that have so): the camera's pitch and roll, their
    medians over all poses, are undone, and the floor is at the lowest joints. Without a
    `root_position`, the root stays in one place. A person who faces the camera faces -y; in TRC
    files, x, and in BVH and glTF files, z. All files begin at the first frame of the source; where
    a person is not seen, C3D, TRC and CSV files have gaps, and the others hold or interpolate.

    Args:
        poses: `tf_lift.inference.Poses`.
        path: File to write. Of several people, the second is in `name_person2.bvh` and so on, in
            the order of their numbers.
        fps: Frames per second; by default those of the poses, else 30.

    Returns:
        The files.

    Raises:
        ImportError: If a package for the format is not installed.
        ValueError: If no pose could be lifted, a person has two poses in a frame, or the ending
            of `path` is unknown.
        OSError: If a file cannot be written.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in by_suffix.SUFFIXES:
        raise ValueError(
            f"`path` must end in {', '.join(by_suffix.SUFFIXES)}. Received: {str(path)!r}"
        )
    joints = world_joints(poses)
    found = np.isfinite(joints).all(axis=(1, 2))
    if not found.any():
        raise ValueError(f"`poses` must hold a lifted pose. Received: {len(joints)} that are NaN")
    if path.suffix.lower() == ".trc":
        # From facing -y to facing x.
        joints = joints[..., [1, 0, 2]] * [-1.0, 1.0, 1.0]
    place, count = _places(poses, len(joints))
    person = _people(poses, place)
    rate = fps or getattr(poses, "fps", None) or DEFAULT_FPS
    path.parent.mkdir(parents=True, exist_ok=True)
    written: list[pathlib.Path] = []
    for number in np.unique(person[found]):
        rows = np.flatnonzero((person == number) & found)
        if len(set(place[rows])) < len(rows):
            raise ValueError(
                f"`poses` must hold one pose of a person in a frame. Received: several of person "
                f"{number}"
            )
        track = np.full([count, *joints.shape[1:]], np.nan)
        track[place[rows]] = joints[rows]
        stddev = np.full(track.shape[:2], np.nan)
        stddev[place[rows]] = poses.joints_3d_stddev[rows]
        suffix = f"_person{len(written) + 1}" if written else ""
        target = path.with_name(f"{path.stem}{suffix}{path.suffix}")
        by_suffix.write(target, track, poses.skeleton, rate, stddev=stddev)
        written.append(target)
    return written


def world_joints(poses) -> NDArray[np.float64]:
    """Returns the joints in a world with z up, in mm.

    Args:
        poses: As for `write_poses`, in the camera's frame: x right, y down, z away.

    Returns:
        Array of shape `[N, L, 3]`, NaN where a pose is.
    """
    joints = np.array(poses.joints_3d, np.float64)
    if poses.root_position is not None:
        joints += np.asarray(poses.root_position, np.float64)[:, np.newaxis]
    found = np.isfinite(joints).all(axis=(1, 2))
    if not found.any():
        return joints
    angles = [
        0.0 if angle is None or not np.isfinite(angle[found]).any() else np.nanmedian(angle[found])
        for angle in (poses.pitch, poses.roll)
    ]
    level = joints @ upright(*angles).T
    world = level[..., [0, 2, 1]] * [1.0, 1.0, -1.0]
    world[..., 2] -= np.quantile(world[found][..., 2].min(axis=1), _BELOW_FLOOR)
    return world


def upright(pitch: float, roll: float) -> NDArray[np.float64]:
    """Returns the rotation from a camera's frame to that of a level camera of the same heading.

    Args:
        pitch: rad, positive looking down.
        roll: rad, positive if an upright person appears turned clockwise.

    Returns:
        Array of shape `[3, 3]` for column vectors.

    >>> upright(0.0, np.pi / 2).round(6) @ [1.0, 0.0, 0.0]  # Up, in a camera turned by 90 degrees.
    array([ 0., -1.,  0.])
    """
    up = np.array([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), -np.sin(pitch)])
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(ahead) < 1e-6:
        # The camera looks straight up or down: what is up in the image is ahead or behind.
        ahead = np.array([np.sin(roll), -np.cos(roll), 0.0]) * np.sign(pitch)
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(-up, ahead), -up, ahead])


def _places(poses, num_poses):
    """Returns the index of each pose's frame among all frames, and the number of these."""
    frame = getattr(poses, "frame", None)
    if frame is None:
        return np.arange(num_poses), num_poses
    frame = np.asarray(frame)
    frames = getattr(poses, "frames", None)
    if frames is not None and len(frames) and set(frame) <= set(np.asarray(frames).tolist()):
        frames = np.asarray(frames)
    elif np.ptp(frame) < _MOST_FRAMES_PER_POSE * num_poses:
        frames = np.arange(frame.min(), frame.max() + 1)
    else:
        frames = np.unique(frame)
    return np.searchsorted(frames, frame), len(frames)


def _people(poses, place):
    """Returns the number of each pose's person."""
    person = getattr(poses, "person", None)
    if person is not None:
        return np.asarray(person)
    # Without identities, number the poses within each frame.
    person = np.zeros(len(place), int)
    for index in np.unique(place):
        same = place == index
        person[same] = np.arange(same.sum())
    return person
