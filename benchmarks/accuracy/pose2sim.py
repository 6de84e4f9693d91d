"""Reads a recording of Pose2Sim: triangulated joints, calibrated cameras and detections."""

import dataclasses
import json
import pathlib
import re
import tomllib

import numpy as np
from scipy.spatial import transform

import tf_lift
from tf_lift import skeletons

__all__ = ["MARKERS", "WITHOUT_EARS", "Recording", "View", "read"]

# BODY_25B where nobody marks ears, so that the prior's head comes from the crown.
WITHOUT_EARS = dataclasses.replace(
    skeletons.OPENPOSE_25B,
    name="openpose25b without ears",
    joint_names=tuple(
        name.replace("_ear", "_unused_ear") for name in skeletons.OPENPOSE_25B.joint_names
    ),
)
# Names of the markers in a TRC file. It has neither eyes nor ears.
MARKERS = {"Neck": "upper_neck", "Head": "head_top", "Nose": "nose"} | {
    f"{letter}{part.title().replace('_', '')}": f"{side}_{part}"
    for letter, side in (("L", "left"), ("R", "right"))
    for part in (
        *("shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
        *("big_toe", "small_toe", "heel"),
    )
}
_MILLIMETRES = {"m": 1000.0, "cm": 10.0, "mm": 1.0}


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The view of a person by one camera, and the truth, in every frame.

    Attributes:
        name: Name of the camera in the calibration.
        camera: `tf_lift.Camera`, with the pitch and roll of its attitude.
        joints_3d: `[T, 25, 3]`, triangulated joints of `openpose25b`, mm, camera frame, not
            centred; NaN for joints that were not triangulated.
        landmarks: `[T, 25, 2]`, detections, px; NaN for a joint without one.
        scores: `[T, 25]`, the detector's confidence; 0 where there is no detection.
        exact: `[T, 25, 2]`, projections of `joints_3d`, px.
        video: The camera's video file, or `None` if it has none.
    """

    name: str
    camera: tf_lift.Camera
    joints_3d: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray
    exact: np.ndarray
    video: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """A recording of one person.

    Attributes:
        fps: Frames a second.
        views: `View` of every camera with detections.
    """

    fps: float
    views: tuple[View, ...]


def read(folder) -> Recording:
    """Reads all views of a folder.

    The folder holds one `*.trc` file, `calibration.toml`, and a folder `camNN_json` for each
    camera that is to be read, with a file of detections for each frame.

    Args:
        folder: Folder.

    Raises:
        ValueError: If a file is missing or has another form.
    """
    folder = pathlib.Path(folder)
    files = sorted(folder.glob("*.trc"))
    if len(files) != 1:
        raise ValueError(f"{folder}: must hold one .trc file. Received: {len(files)}")
    joints, fps = _read_trc(files[0])
    try:
        calibration = tomllib.loads((folder / "calibration.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{folder}: must hold calibration.toml. Received: {error}") from error
    found = []
    for path in sorted(folder.iterdir()):
        named = re.fullmatch(r"cam_?(\d+)_json", path.name)
        if named is None:
            continue
        known = {name.replace("_", ""): name for name in calibration}
        name = known.get(f"cam{named[1]}")
        if name is not None:
            found.append(_read_view(name, calibration[name], path, joints))
    if not found:
        raise ValueError(
            f"{folder}: must hold a folder camNN_json of a camera in calibration.toml. "
            f"Received: none of {sorted(calibration)}"
        )
    return Recording(fps, tuple(found))


def _read_view(name, entry, folder, joints):
    if entry.get("fisheye"):
        raise ValueError(f"{name}: must be no fisheye camera. Received: fisheye = true")
    rotation = transform.Rotation.from_rotvec(entry["rotation"]).as_matrix()
    distortion = (*entry["distortions"], 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
    size = tuple(int(number) for number in entry["size"])
    camera = tf_lift.Camera.from_matrices(
        entry["matrix"], rotation, distortion=distortion, image_size=size
    )
    seen = joints @ rotation.T + 1000.0 * np.array(entry["translation"])
    known = np.isfinite(seen).all(-1, keepdims=True)
    exact = camera.project(np.where(known, seen, [0.0, 0.0, 1000.0])).numpy()
    values = _read_detections(folder, len(joints))
    scores = values[..., 2]
    landmarks = np.where(scores[..., np.newaxis] > 0, values[..., :2], np.nan)
    video = folder.with_name(folder.name.removesuffix("_json") + ".mp4")
    exact = np.where(known, exact, np.nan)
    video = video if video.is_file() else None
    return View(name, camera, seen, landmarks, scores, exact, video)


def _read_detections(folder, num_frames):
    """Returns `[T, 25, 3]`: x, y and score of each joint, 0 for one that was not found."""
    files = sorted(folder.glob("*.json"))
    if len(files) != num_frames:
        raise ValueError(
            f"{folder}: must hold a file of detections for each of {num_frames} frames. "
            f"Received: {len(files)}"
        )
    values = np.zeros([num_frames, skeletons.OPENPOSE_25B.num_joints, 3])
    for frame, file in enumerate(files):
        people = json.loads(file.read_text(encoding="utf-8"))["people"]
        # A frame in which nobody was found may hold an empty person.
        numbers = [person["pose_keypoints_2d"] for person in people if person]
        if any(len(row) != values[0].size for row in numbers):
            raise ValueError(f"{file}: must hold BODY_25B. Received: {len(numbers[0])} numbers")
        if numbers:
            found = np.reshape(np.array(numbers, np.float64), [-1, *values.shape[1:]])
            values[frame] = found[found[..., 2].sum(1).argmax()]
    return values


def _read_trc(path):
    """Returns joints `[T, 25, 3]` of `openpose25b`, mm, z up, NaN where missing, and the rate."""
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        fields = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
        fps, unit = float(fields["DataRate"]), _MILLIMETRES[fields["Units"].strip()]
        names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
        rows = [line.split("\t")[2:] for line in lines[5:] if line.strip()]
        values = np.array(
            [
                [float(cell) if cell.strip() else np.nan for cell in row[: 3 * len(names)]]
                for row in rows
            ]
        ).reshape(len(rows), len(names), 3)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: must be a TRC file. Received: {error!r}") from error
    joints = np.full([len(rows), skeletons.OPENPOSE_25B.num_joints, 3], np.nan)
    for column, name in enumerate(names):
        if name in MARKERS:
            # (x, y, z) of the file is (y, z, x) of the laboratory, whose z is up.
            joint = skeletons.OPENPOSE_25B.joint_names.index(MARKERS[name])
            joints[:, joint] = unit * values[:, column][:, [2, 0, 1]]
    return joints, fps
