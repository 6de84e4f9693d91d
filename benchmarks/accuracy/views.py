"""Views of poses in the benchmark of accuracy: turned, projected, corrupted."""

import dataclasses

import numpy as np

from tf_lift import skeletons

__all__ = ["CONDITIONS", "PERSON_PX", "Condition", "Views", "corrupt", "make_views", "mirror"]

# Noise is stated for a person of this size: the longer side of the landmarks' box.
PERSON_PX = 300.0
# Pixels per millimetre, uniform. The place in the image is uniform too; a lift must not
# depend on either.
_SCALES = (0.5, 2.0)
_MAX_OFFSET_PX = 1000.0


@dataclasses.dataclass(frozen=True)
class Condition:
    """Corruption of the landmarks.

    Attributes:
        name: Name in the results.
        num_missing: Number of missing landmarks of each pose, any but the pelvis.
        noise_px: Standard deviation of each coordinate on a person of `PERSON_PX`.
    """

    name: str
    num_missing: int = 0
    noise_px: float = 0.0


CONDITIONS = (
    Condition("clean"),
    *(Condition(f"missing_{count}", num_missing=count) for count in (1, 2, 4, 6)),
    *(Condition(f"noise_{noise}", noise_px=noise) for noise in (2, 5, 10)),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Views:
    """Input of a method, and the truth.

    Attributes:
        landmarks: `[N, L, 2]`, float32, (x right, y down), pixels of an arbitrary scale;
            NaN where not visible, so that no method can use them.
        visibility: `[N, L]`, bool.
        noise_px: `[N]`, float32: the standard deviation of the noise of each coordinate, in
            the pixels of `landmarks`.
        joints_3d: `[N, L, 3]`, float32, mm, camera frame, origin at joint 0.
    """

    landmarks: np.ndarray
    visibility: np.ndarray
    noise_px: np.ndarray
    joints_3d: np.ndarray


def make_views(poses, rng: np.random.Generator) -> Views:
    """Turns every pose by a uniform random yaw and projects it orthographically.

    Args:
        poses: `[N, L, 3]`, mm, z up, at any place and facing any way.
        rng: Random generator of yaw, scale and place in the image.

    Returns:
        `Views` with all landmarks visible and exact.
    """
    poses = np.asarray(poses, np.float64)
    count, num_joints = poses.shape[:2]
    yaw = rng.uniform(0.0, 2.0 * np.pi, [count, 1])
    x, y, z = np.moveaxis(poses - poses[:, :1], -1, 0)
    # World to camera: x right, y down, z away.
    across = np.cos(yaw) * x - np.sin(yaw) * y
    away = np.sin(yaw) * x + np.cos(yaw) * y
    joints_3d = np.stack([across, -z, away], axis=-1)
    scale = rng.uniform(*_SCALES, [count, 1, 1])
    offset = rng.uniform(0.0, _MAX_OFFSET_PX, [count, 1, 2])
    return Views(
        (scale * joints_3d[..., :2] + offset).astype(np.float32),
        np.ones([count, num_joints], bool),
        np.zeros(count, np.float32),
        joints_3d.astype(np.float32),
    )


def corrupt(views: Views, num_missing, noise_px, rng: np.random.Generator) -> Views:
    """Moves landmarks at random and hides some.

    Args:
        views: `Views` with exact landmarks.
        num_missing: Landmarks to hide of each pose, a number or `[N]`; joint 0 stays.
        noise_px: Standard deviation of each coordinate on a person of `PERSON_PX`, a number
            or `[N]`.
        rng: Random generator.

    Returns:
        `Views` of the same truth.
    """
    count, num_joints = views.visibility.shape
    if np.max(num_missing) >= num_joints:
        raise ValueError(
            f"`num_missing` must be less than {num_joints}. Received: {np.max(num_missing)}"
        )
    box = np.ptp(views.landmarks, axis=1).max(axis=-1)
    stddev = (box * (np.broadcast_to(noise_px, [count]) / PERSON_PX)).astype(np.float32)
    noise = rng.standard_normal(views.landmarks.shape).astype(np.float32)
    landmarks = views.landmarks + stddev[:, np.newaxis, np.newaxis] * noise
    # Every pose hides the joints of its smallest random keys.
    keys = rng.random([count, num_joints])
    keys[:, 0] = np.inf
    rank = keys.argsort(axis=1).argsort(axis=1)
    visibility = rank >= np.broadcast_to(num_missing, [count])[:, np.newaxis]
    return dataclasses.replace(
        views,
        landmarks=np.where(visibility[..., np.newaxis], landmarks, np.float32(np.nan)),
        visibility=visibility,
        noise_px=stddev,
    )


def mirror(poses, skeleton: str) -> np.ndarray:
    """Exchanges left and right of poses `[N, L, 3]`, z up."""
    swapped = np.asarray(poses)[:, list(skeletons.get(skeleton).swap)]
    return swapped * np.array([-1.0, 1.0, 1.0], swapped.dtype)
