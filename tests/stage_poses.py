"""Poses of people in several frames, made without a lift: input of viewers and writers."""

import numpy as np

from tf_lift import skeletons
from tf_lift.inference import Poses


def standing_poses(prior, frames=6, people=2, **fields):
    """Returns people who stand 2 m apart, 5 m from a level camera, and raise the left wrist."""
    pose = prior.mean_pose[0]
    frame = np.repeat(np.arange(frames), people)
    person = np.tile(np.arange(people), frames)
    count = len(frame)
    joints_3d = np.repeat(np.stack([pose[:, 0], -pose[:, 2], pose[:, 1]], -1)[None], count, 0)
    wrist = skeletons.H36M_17.joint_names.index("left_wrist")
    joints_3d[:, wrist, 1] -= 20.0 * frame
    root = np.stack([2000.0 * person, np.full(count, 400.0), np.full(count, 5000.0)], -1)
    points = joints_3d + root[:, None]
    landmarks = 100 * points[..., :2] / points[..., 2:] + [80, 60]
    visibility = np.ones(landmarks.shape[:2], bool)
    visibility[:, wrist] = frame[:, None].ravel() % 2 == 0
    values = {
        "landmarks": np.where(visibility[..., None], landmarks, np.nan),
        "visibility": visibility,
        "scores": visibility * 0.9,
        "projected_landmarks": landmarks,
        "joints_3d": joints_3d,
        "joints_3d_stddev": np.full(landmarks.shape[:2], 50.0),
        "scale": np.full(count, 0.02),
        "rotation_angle": np.zeros(count),
        "mixture_index": np.zeros(count, np.int64),
        "energy": np.ones(count),
        "misfit": np.full(count, 0.5),
        "root_position": root,
        "pitch": np.zeros(count),
        "roll": np.zeros(count),
        "frame": frame,
        "person": person,
        "frames": np.arange(frames),
        "fps": 10.0,
        "image_size": (160, 120),
    }
    return Poses(skeletons.H36M_17, **values | fields)
