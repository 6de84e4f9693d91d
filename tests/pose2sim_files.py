"""Writes a small recording in the manner of Pose2Sim."""

import json

import numpy as np
from scipy.spatial import transform

from benchmarks.accuracy import pose2sim
from tf_lift.data.synthetic import views

_MARKERS = (
    "RHip RKnee RAnkle RBigToe RSmallToe RHeel LHip LKnee LAnkle LBigToe LSmallToe LHeel Neck "
    "Head Nose RShoulder RElbow RWrist LShoulder LElbow LWrist"
).split()


def _camera(pitch, roll):
    rotation = transform.Rotation.from_matrix(views.view_rotation(0.7, pitch, roll))
    return {
        "size": [1080.0, 1920.0],
        "matrix": [[1000.0, 0.0, 540.0], [0.0, 1000.0, 960.0], [0.0, 0.0, 1.0]],
        "distortions": [0.0, 0.0, 0.0, 0.0],
        "rotation": rotation.as_rotvec().tolist(),
        "translation": [0.1, 0.9, 4.0],
    }


CAMERAS = {"cam_06": _camera(0.1, 0.4), "cam_07": _camera(0.3, -0.1)}


def make_folder(folder, num_frames, points=None):
    """Writes a recording: two cameras, of which one has detections.

    In the first frame a worse person is seen too, the second has nobody, the third an empty
    person, and the fourth lacks the left ear.

    Returns:
        Points `[T, 3]` of the laboratory, mm, z up, by their names in `openpose25b`: given ones,
        or random ones.
    """
    rng = np.random.default_rng(0)
    names = [_name(marker) for marker in _MARKERS]
    if points is None:
        points = {name: rng.uniform(-300, 300, [num_frames, 3]) for name in names}
    rows = []
    for frame in range(num_frames):
        cells = [str(frame + 1), f"{frame / 50:.4f}"]
        for name in names:
            x, y, z = points[name][frame] / 1000
            cells += [f"{y:.6f}", f"{z:.6f}", f"{x:.6f}"]  # The file's y is up.
        rows.append("\t".join(cells))
    head = [
        "PathFileType\t4\t(X/Y/Z)\twalk.trc",
        "DataRate\tCameraRate\tNumFrames\tUnits",
        f"50\t50\t{num_frames}\tm",
        "Frame#\tTime\t" + "\t\t\t".join(_MARKERS) + "\t\t",
        "\t\tX1\tY1\tZ1",
    ]
    (folder / "walk.trc").write_text("\n".join([*head, *rows]) + "\n")
    text = [
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in camera.items())
        for name, camera in CAMERAS.items()
    ]
    (folder / "calibration.toml").write_text("\n".join(text) + "\n[metadata]\nerror = 0.0\n")
    (folder / "cam07_json").mkdir()
    (folder / "cam07_all_people_json").mkdir()
    for frame in range(num_frames):
        person = [[100.0 + joint, 200.0 + joint, 0.5] for joint in range(25)]
        people = [{"pose_keypoints_2d": np.ravel(person).tolist()}]
        if frame == 0:
            people.insert(0, {"pose_keypoints_2d": [1.0, 2.0, 0.2] * 25})
        elif frame == 1:
            people = []
        elif frame == 2:
            people = [{}]
        elif frame == 3:
            people[0]["pose_keypoints_2d"][9:12] = [0.0, 0.0, 0.0]
        (folder / "cam07_json" / f"cam07.{frame:04}.json").write_text(
            json.dumps({"people": people})
        )
    return points


def _name(marker):
    return pose2sim.MARKERS[marker]
