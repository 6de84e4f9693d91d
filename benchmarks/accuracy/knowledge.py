"""Lifts landmarks with a part of what there is to know about their cameras."""

import dataclasses

import numpy as np

import tf_lift
from tf_lift.data.synthetic import views

__all__ = ["KNOWLEDGE", "Lifted", "lift", "lift_sequence"]

KNOWLEDGE = {
    "unknown": "camera unknown",
    "level": "said to be level",
    "image_size": "image size known",
    "focal_length": "focal length known",
    "attitude": "pitch and roll known",
    "calibrated": "calibrated",
}
# Tables of a prior take seconds for each pitch, so known pitches are rounded to this step.
_PITCH_STEP = np.radians(5.0)
# The camera that all calibrated views are turned to, in the middle of usual pitches, and one
# with a known focal length alone.
_COMMON = tf_lift.Camera(1000.0, (0.0, 0.0), pitch=np.radians(15.0), roll=0.0)
_IN_FRONT = tf_lift.Camera(1000.0, (0.0, 0.0))
# Poses of one call: the memory of a search grows with them.
_BATCH_SIZE = 3000


@dataclasses.dataclass(frozen=True, eq=False)
class Lifted:
    """Lifted poses.

    Attributes:
        joints_3d: `[N, L, 3]`, mm, frame of each view's camera.
        stddev: `[N, L]`, mm: the root of the variance summed over the three axes.
    """

    joints_3d: np.ndarray
    stddev: np.ndarray


def lift(
    knowledge: str, landmarks, visibility, prior, cameras, camera_index=None, **options
) -> Lifted:
    """Lifts landmarks that several cameras saw.

    Args:
        knowledge: One of `KNOWLEDGE`.
        landmarks: `[N, L, 2]`, px, joints of the prior.
        visibility: `[N, L]`, bool or weights >= 0.
        prior: `PosePrior` of L joints.
        cameras: `tf_lift.Camera` each, with all that could be known.
        camera_index: `[N]`, index into `cameras`; `None` if the first saw all.
        **options: Fields of `tf_lift.LiftOptions`.

    Returns:
        `Lifted`.

    Raises:
        ValueError: If there is no such knowledge.
    """
    if knowledge not in KNOWLEDGE:
        raise ValueError(f"`knowledge` must be one of {list(KNOWLEDGE)}. Received: {knowledge!r}")
    landmarks, visibility = np.asarray(landmarks, np.float32), np.asarray(visibility)
    index = np.zeros(len(landmarks), int) if camera_index is None else np.asarray(camera_index)
    if knowledge == "calibrated":
        return _calibrated(landmarks, visibility, prior, cameras, index, options)
    if knowledge == "attitude":
        return _attitude(landmarks, visibility, prior, cameras, index, options)
    if knowledge in ("image_size", "focal_length"):
        if knowledge == "image_size":
            cameras = [tf_lift.Camera.guess(camera.image_size) for camera in cameras]
        # The rays of any camera, seen by one.
        landmarks = _IN_FRONT.focal_length[0] * _rays(landmarks, cameras, index)
    camera = {"unknown": None, "level": "level"}.get(knowledge, _IN_FRONT)
    return _in_batches(landmarks, visibility, prior=prior, camera=camera, **options)


def lift_sequence(
    knowledge: str, landmarks, visibility, prior, camera, fps: float, **options
) -> Lifted | None:
    """Lifts the frames of one person together.

    Args:
        knowledge: One of `KNOWLEDGE`.
        landmarks: `[T, L, 2]`, px.
        visibility: `[T, L]`.
        prior: `PosePrior` of L joints.
        camera: `tf_lift.Camera` with all that could be known.
        fps: Frames a second.
        **options: Fields of `tf_lift.LiftOptions`.

    Returns:
        `Lifted`; `None` where sequences are not measured with this knowledge.
    """
    known = {"unknown": None, "level": "level", "calibrated": camera}
    known["image_size"] = tf_lift.Camera.guess(camera.image_size)
    if knowledge not in known:
        return None
    lifted = tf_lift.lift_sequence(
        np.asarray(landmarks, np.float32),
        prior,
        np.asarray(visibility),
        fps=fps,
        camera=known[knowledge],
        options=tf_lift.LiftOptions(**options),
    )
    return Lifted(lifted["joints_3d"].numpy(), lifted["joints_3d_stddev"].numpy())


def _attitude(landmarks, visibility, prior, cameras, index, options):
    """Lifts at the pitch of each camera, with its roll undone; no focal length, no lens."""
    rolls = np.array([views.view_rotation(0.0, 0.0, camera.roll) for camera in cameras])
    level = views.view_rotation(0.0, 0.0, 0.0)
    turns = np.einsum("nij,kj->nik", rolls, level)[index]
    # About any point: the lift does not depend on the place.
    upright = np.einsum("nji,nlj->nli", turns[:, :2, :2], landmarks)
    steps = np.array([round(camera.pitch / _PITCH_STEP) for camera in cameras])[index]
    joints_3d = np.empty([*landmarks.shape[:2], 3])
    stddev = np.empty(landmarks.shape[:2])
    for step in np.unique(steps):
        rows = steps == step
        camera = tf_lift.Camera(pitch=float(step * _PITCH_STEP), roll=0.0)
        lifted = _in_batches(upright[rows], visibility[rows], prior=prior, camera=camera, **options)
        joints_3d[rows], stddev[rows] = lifted.joints_3d, lifted.stddev
    return Lifted(np.einsum("nij,nlj->nli", turns, joints_3d), stddev)


def _calibrated(landmarks, visibility, prior, cameras, index, options):
    """Lifts with all of the cameras, in the views of one.

    A camera that turns about its centre, and changes its lens, sees the same rays. So the
    landmarks of all cameras become those of `_COMMON` in the same place, and are lifted in
    few calls instead of one for each camera.
    """
    common = views.view_rotation(0.0, _COMMON.pitch, _COMMON.roll)
    turns = np.array(
        [views.view_rotation(0.0, camera.pitch, camera.roll) @ common.T for camera in cameras]
    )[index]
    slopes = _rays(landmarks, cameras, index)
    rays = np.concatenate([slopes, np.ones_like(slopes[..., :1])], -1)
    turned = np.einsum("nji,nlj->nli", turns, rays)
    seen = _COMMON.project(turned).numpy()
    lifted = _in_batches(seen, visibility, prior=prior, camera=_COMMON, **options)
    return Lifted(np.einsum("nij,nlj->nli", turns, lifted.joints_3d), lifted.stddev)


def _rays(landmarks, cameras, index):
    """Returns landmarks without their lenses at focal length 1, `[N, L, 2]`."""
    rays = np.empty(landmarks.shape)
    for number, camera in enumerate(cameras):
        rays[index == number] = camera.to_rays(landmarks[index == number].astype(np.float64))
    return rays


def _in_batches(landmarks, visibility, **arguments):
    joints_3d, stddev = [], []
    for first in range(0, len(landmarks), _BATCH_SIZE):
        part = slice(first, first + _BATCH_SIZE)
        lifted = tf_lift.lift(
            landmarks[part].astype(np.float32), visibility=visibility[part], **arguments
        )
        joints_3d.append(lifted["joints_3d"].numpy())
        stddev.append(lifted["joints_3d_stddev"].numpy())
    return Lifted(np.concatenate(joints_3d), np.concatenate(stddev))
