"""Clips of people, each seen by one real-like camera, still or moving."""

import dataclasses

import numpy as np

from benchmarks.accuracy import camera_views, marks
from benchmarks.accuracy.camera_views import CameraViews
from tf_lift import skeletons
from tf_lift.data.synthetic import views

__all__ = ["DRIFTS_DEGREES", "ClipViews", "corrupt", "make_clip_views"]

# Deviations over a clip of the pitch, roll and heading of cameras: on a stand, held still in the
# hand, and following by hand.
DRIFTS_DEGREES = {"still": 0.0, "held": 2.0, "moving": 8.0}
_PERIODS_S = (3.0, 12.0)
# Nearest a root comes, mm, and the share of the landmarks that have to be in the image.
_NEAREST_MM = 1_500.0
_INSIDE = 0.95
_NUM_TRIES = 200

# Share of a landmark's frames with a gross error that lasts, and of the frames in which a limb has
# left and right exchanged, and their mean length in frames.
_LASTING_SHARE, _EXCHANGED_SHARE = 0.05, 0.02
_LASTING_FRAMES = 6
_LIMBS = (("knee", "ankle"), ("hip", "knee", "ankle"), ("elbow", "wrist"))


@dataclasses.dataclass(frozen=True, eq=False)
class ClipViews:
    """Clips and their views.

    Attributes:
        views: `camera_views.CameraViews` of the frames of all clips, in order; `camera_index`
            is the clip's, and `cameras` have the pitch and roll of its middle frame.
        pitch: `[N]`, rad, in each frame.
        roll: `[N]`, rad.
        fps: Frames per second.
    """

    views: CameraViews
    pitch: np.ndarray
    roll: np.ndarray
    fps: float

    @property
    def rows(self) -> list[np.ndarray]:
        """Returns the rows of each clip."""
        index = self.views.camera_index
        return [np.flatnonzero(index == number) for number in range(len(self.views.cameras))]


def make_clip_views(
    clips,
    rng: np.random.Generator,
    fps: float,
    *,
    drift_degrees: float = 0.0,
    conventions=camera_views.CONVENTIONS,
) -> ClipViews:
    """Makes exact views of clips, each by one camera, from a random side.

    Pitch, roll, lens and distance are those of `camera_views.make_views`. The person has the
    marks of one convention in all frames, and may leave the image: landmarks outside are
    missing.

    Args:
        clips: Poses `[T, 17, 3]` of each clip: joints of h36m17 as CMU's people have them, mm,
            z up, with their places in the room.
        rng: Random generator.
        fps: Frames per second.
        drift_degrees: Deviation of the camera's pitch, roll and heading over a clip.
        conventions: Names of `marks.MARKS`.

    Returns:
        `ClipViews`.

    Raises:
        ValueError: If there is no clip, or a person never is in the image.
    """
    if not len(clips):
        raise ValueError("`clips` must hold clips. Received: none")
    parts = []
    for poses in clips:
        convention = str(rng.choice(conventions))
        body = _displace(np.asarray(poses, np.float64), convention, rng)
        parts.append((convention, *_see(body, rng, fps, np.radians(drift_degrees))))
    counts = [len(poses) for poses in clips]
    names, cameras, joints, roots, points, sizes, angles = zip(*parts, strict=True)
    landmarks = np.concatenate(points)
    visibility = np.isfinite(landmarks).all(-1)
    pitch, roll = np.concatenate(angles, -1)
    seen = CameraViews(
        landmarks.astype(np.float32),
        visibility,
        visibility.astype(np.float32),
        np.concatenate(joints),
        np.concatenate(roots),
        np.repeat(names, counts),
        np.repeat(np.arange(len(counts)), counts),
        cameras,
        np.concatenate(sizes),
    )
    return ClipViews(seen, pitch, roll, fps)


def corrupt(
    exact: ClipViews,
    rng: np.random.Generator,
    *,
    noise: float = 0.01,
    gross_errors: float = 0.03,
    lasting: bool = False,
) -> CameraViews:
    """Moves landmarks of exact views at random, as `camera_views.corrupt`.

    Args:
        exact: `ClipViews` of `make_clip_views`.
        rng: Random generator.
        noise: Standard deviation of each coordinate, as a share of the person's size.
        gross_errors: Share of the landmarks that are moved by up to half of that size.
        lasting: Whether gross errors stay for some frames, in place of those of one frame, and
            limbs have left and right exchanged for some frames.

    Returns:
        `CameraViews` of all frames.
    """
    gross_errors = 0.0 if lasting else gross_errors
    seen = camera_views.corrupt(
        exact.views, rng, noise=noise, gross_errors=gross_errors, max_missing=0
    )
    if not lasting:
        return seen
    landmarks = seen.landmarks.copy()
    index = skeletons.H36M_17.joint_names.index
    for rows in exact.rows:
        for joint in range(landmarks.shape[1]):
            for part in _spells(len(rows), _LASTING_SHARE, rng):
                shift = exact.views.person_px[rows[0]] * rng.uniform(-0.5, 0.5, 2)
                landmarks[rows[part], joint] += shift
        for limb in _LIMBS:
            left, right = ([index(f"{side}_{part}") for part in limb] for side in ("left", "right"))
            for part in _spells(len(rows), _EXCHANGED_SHARE, rng):
                frames = rows[part, np.newaxis]
                landmarks[frames, left + right] = landmarks[frames, right + left]
    seen_too = np.isfinite(landmarks).all(-1)
    return dataclasses.replace(
        seen,
        landmarks=landmarks,
        visibility=seen_too,
        scores=np.where(seen_too, np.maximum(seen.scores, 0.01), 0),
    )


def _spells(num_frames, share, rng):
    """Returns slices of frames, at random, that cover a share of them."""
    starts = np.flatnonzero(rng.random(num_frames) < share / _LASTING_FRAMES)
    return [slice(start, start + rng.geometric(1 / _LASTING_FRAMES)) for start in starts]


def _displace(poses, convention, rng):
    """Returns the marks of one person: the same displacements in each frame."""
    seed = int(rng.integers(2**32))
    return np.concatenate(
        [
            marks.displace(pose[np.newaxis], marks.MARKS[convention], np.random.default_rng(seed))
            for pose in poses
        ]
    )


def _see(body, rng, fps, drift):
    """Returns camera, joints, roots, landmarks, sizes, and pitch and roll `[2, T]`."""
    world = body - np.nanmean(body, (0, 1))
    for _ in range(_NUM_TRIES):
        camera = camera_views.random_camera(rng)
        attitude = np.array([rng.uniform(0.0, 2.0 * np.pi), camera.pitch, camera.roll])
        attitude = attitude[:, np.newaxis] + _drift(len(body), rng, fps, drift)
        turns = np.array([views.view_rotation(*angles) for angles in attitude.T])
        distance = 1000.0 * rng.uniform(*camera_views.DISTANCES_M)
        # The middle of the clip stands where a camera in the middle of its drift sees this pixel.
        pixel = rng.uniform(0.25, 0.75, 2) * (np.array(camera.image_size) - 1)
        ray = np.append((pixel - camera.principal_point) / np.array(camera.focal_length), 1.0)
        middle = turns[len(body) // 2].T @ (distance * ray / np.linalg.norm(ray))
        points = np.einsum("tij,tlj->tli", turns, world + middle)
        landmarks = camera_views.project(points, camera)
        size = np.array(camera.image_size)
        inside = ((landmarks >= 0) & (landmarks <= size - 1)).all(-1) & (points[..., 2] > 0)
        lacking = np.isnan(body[..., 0])
        if points[:, 0, 2].min() > _NEAREST_MM and (inside | lacking).mean() > _INSIDE:
            size_px = camera_views.sizes(landmarks)
            landmarks[~inside] = np.nan
            camera = dataclasses.replace(
                camera, **dict(zip(("pitch", "roll"), attitude[1:, len(body) // 2], strict=True))
            )
            joints = points - points[:, :1]
            return camera, joints, points[:, 0], landmarks, size_px, attitude[1:]
    raise ValueError("`clips` must fit into images. Received: a clip that does not")


def _drift(num_frames, rng, fps, stddev):
    """Returns deviations `[3, T]` of heading, pitch and roll: sines, 0 in the middle frame."""
    time = np.arange(num_frames) / fps
    total = np.zeros([3, num_frames])
    for _ in range(2):
        rate = 2 * np.pi / rng.uniform(*_PERIODS_S, [3, 1])
        total += stddev * np.sin(rate * time + rng.uniform(0, 2 * np.pi, [3, 1]))
    return total - total[:, num_frames // 2, np.newaxis]
