"""Views of people by random real-like cameras, with a detector's errors."""

import dataclasses
from collections.abc import Sequence

import numpy as np

import tf_lift
from benchmarks.accuracy import marks
from tf_lift import skeletons
from tf_lift.data.synthetic import views

__all__ = [
    "CONVENTIONS",
    "DISTANCES_M",
    "MAX_MISSING",
    "CameraViews",
    "corrupt",
    "make_views",
    "native_landmarks",
    "project",
    "random_camera",
    "sizes",
]

CONVENTIONS = ("coco17", "openpose25", "h36m17", "mediapipe33")
PITCHES_DEGREES = (-10.0, 40.0)
ROLLS_DEGREES = (-25.0, 25.0)
DISTANCES_M = (2.0, 8.0)
MAX_MISSING = 9
# Width and height, px, and the field of view along the longer side, degrees: from a standard
# lens to a telephone's.
_IMAGE_SIZES = ((1000, 1000), (1280, 960), (960, 1280))
_FIELDS_OF_VIEW_DEGREES = (45.0, 75.0)
# An indoor camera's lens. Half of the cameras have a part of it, from none to all.
_LENS = np.array([-0.2, 0.24, -0.0009, -0.0014, -0.002])
# Scores of a detector: Beta distributions of means 0.73 for right landmarks and 0.33 for gross
# errors. Chosen by us; they overlap as those of real detectors do.
_RIGHT_SCORES, _GROSS_SCORES = (8.0, 3.0), (2.0, 4.0)
# Places tried for one distance, and distances tried, until the whole person is inside.
_NUM_PLACES = 20
_NUM_DISTANCES = 100


@dataclasses.dataclass(frozen=True, eq=False)
class CameraViews:
    """Landmarks that cameras saw, and the truth.

    Attributes:
        landmarks: `[N, 17, 2]`, float32, joints of h36m17, px; NaN where not visible.
        visibility: `[N, 17]`, bool.
        scores: `[N, 17]`, float32, in [0, 1]: a detector's confidence, 0 where not visible.
        joints_3d: `[N, 17, 3]`, float64, mm, camera frame, origin at joint 0; the marks of
            the view's convention, NaN for joints that it lacks.
        root_position: `[N, 3]`, mm, camera frame.
        convention: `[N]`, names of `marks.MARKS`.
        camera_index: `[N]`, index into `cameras`.
        cameras: `tf_lift.Camera` each, with pitch and roll.
        person_px: `[N]`: longer side of the box of the exact landmarks, px.
        noise: Standard deviation of each coordinate, as a share of `person_px`.
    """

    landmarks: np.ndarray
    visibility: np.ndarray
    scores: np.ndarray
    joints_3d: np.ndarray
    root_position: np.ndarray
    convention: np.ndarray
    camera_index: np.ndarray
    cameras: tuple[tf_lift.Camera, ...]
    person_px: np.ndarray
    noise: float = 0.0

    @property
    def num_missing(self) -> np.ndarray:
        """Returns the number of the 17 joints that are not visible, `[N]`."""
        return (~self.visibility).sum(1)


def make_views(
    poses,
    rng: np.random.Generator,
    num_views: int = 3000,
    *,
    num_cameras: int = 100,
    conventions: Sequence[str] = CONVENTIONS,
) -> CameraViews:
    """Makes exact views of poses by random cameras.

    Each camera has its own focal length, lens, pitch and roll and sees the same number of
    people, each from a random side, at a random distance, at a random place of the image
    where the person is inside as a whole. Poses and conventions are used equally often.

    Args:
        poses: `[M, 17, 3]`, joints of h36m17 as CMU's people have them, mm, z up, any place.
        rng: Random generator.
        num_views: Number of views.
        num_cameras: Number of cameras.
        conventions: Names of `marks.MARKS`.

    Returns:
        `CameraViews` with all landmarks that the conventions have, exact.

    Raises:
        ValueError: If a number is not positive, or people do not fit into the images.
    """
    for name, value in (("num_views", num_views), ("num_cameras", num_cameras)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {value}")
    poses = np.asarray(poses, np.float64)
    chosen = np.concatenate(
        [rng.permutation(len(poses)) for _ in range(-(-num_views // len(poses)))]
    )[:num_views]
    convention = rng.permutation(np.resize(np.array(conventions), num_views))
    camera_index = np.sort(np.arange(num_views) % num_cameras)
    bodies = np.empty([num_views, *poses.shape[1:]])
    for name in conventions:
        rows = convention == name
        bodies[rows] = marks.displace(poses[chosen[rows]], marks.MARKS[name], rng)
    bodies -= bodies[:, :1]
    cameras = tuple(random_camera(rng) for _ in range(num_cameras))
    joints, roots, landmarks = np.empty_like(bodies), np.empty([num_views, 3]), []
    for number, camera in enumerate(cameras):
        rows = camera_index == number
        joints[rows] = _turn(bodies[rows], camera, rng)
        roots[rows] = _place(joints[rows], camera, rng)
        landmarks.append(project(joints[rows] + roots[rows, np.newaxis], camera))
    points = np.concatenate(landmarks)
    visibility = np.isfinite(points).all(-1)
    return CameraViews(
        points.astype(np.float32),
        visibility,
        visibility.astype(np.float32),
        joints,
        roots,
        convention,
        camera_index,
        cameras,
        sizes(points),
    )


def corrupt(
    exact: CameraViews,
    rng: np.random.Generator,
    *,
    noise: float = 0.01,
    gross_errors: float = 0.03,
    max_missing: int = MAX_MISSING,
) -> CameraViews:
    """Moves landmarks of exact views at random, and hides some.

    The number of missing joints is uniform from those that the convention lacks to
    `max_missing`. Detectors' pelvis is the middle of the hips, with their errors, and
    missing where one of them is, so a view may have one more.

    Args:
        exact: `CameraViews` of `make_views`.
        rng: Random generator.
        noise: Standard deviation of each coordinate, as a share of the person's size in the
            image.
        gross_errors: Share of the landmarks that are moved by up to half of the person's
            size along each axis, uniformly.
        max_missing: Largest number of missing joints; 0 for all that the convention has.

    Returns:
        `CameraViews` of the same truth.
    """
    shape = exact.visibility.shape
    size = exact.person_px[:, np.newaxis, np.newaxis]
    moved = exact.landmarks + noise * size * rng.standard_normal([*shape, 2])
    is_gross = rng.random(shape) < gross_errors
    jumps = size * rng.uniform(-0.5, 0.5, [*shape, 2])
    moved = np.where(is_gross[..., np.newaxis], exact.landmarks + jumps, moved)
    scores = np.where(is_gross, rng.beta(*_GROSS_SCORES, shape), rng.beta(*_RIGHT_SCORES, shape))
    index = skeletons.H36M_17.joint_names.index
    hips = [index("left_hip"), index("right_hip")]
    is_detector = np.isin(exact.convention, marks.DETECTORS)
    moved[is_detector, 0] = moved[is_detector][:, hips].mean(1)
    scores[is_detector, 0] = scores[is_detector][:, hips].min(1)

    visibility = exact.visibility.copy()
    for row in range(len(visibility)):
        lacking = int((~visibility[row]).sum())
        wanted = rng.integers(lacking, max(max_missing, lacking) + 1)
        for joint in rng.permutation(shape[1]):
            if (~visibility[row]).sum() >= wanted:
                break
            # The pelvis of a detector goes with its hips.
            visibility[row, joint] &= is_detector[row] and joint == 0
            if is_detector[row]:
                visibility[row, 0] = visibility[row, hips].all()
    return dataclasses.replace(
        exact,
        landmarks=np.where(visibility[..., np.newaxis], moved, np.nan).astype(np.float32),
        visibility=visibility,
        scores=np.where(visibility, scores, 0.0).astype(np.float32),
        noise=noise,
    )


def native_landmarks(
    seen: CameraViews, convention: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the landmarks of one convention in the joints of its own skeleton.

    For lifts that are told the skeleton of the landmarks. Converted back to h36m17, they are
    those of `seen`: both ears are at the mark of the head, and marks that h36m17 does not use
    are missing.

    Args:
        seen: `CameraViews`.
        convention: Name in `marks.MARKS` of a skeleton.

    Returns:
        The rows of `seen` that have the convention, `[n]`; their landmarks `[n, L, 2]`, NaN
        where missing, and their visibility `[n, L]`, bool.
    """
    own = skeletons.H36M_17.joint_names
    names = skeletons.get(convention).joint_names
    (rows,) = np.nonzero(seen.convention == convention)
    landmarks = np.full([len(rows), len(names), 2], np.nan, np.float32)
    for column, name in enumerate(names):
        name = {"left_ear": "head_top", "right_ear": "head_top", "mid_hip": "pelvis"}.get(
            name, name
        )
        if name in own:
            landmarks[:, column] = seen.landmarks[rows, own.index(name)]
    return rows, landmarks, np.isfinite(landmarks).all(-1)


def random_camera(rng) -> tf_lift.Camera:
    """Returns a camera of random lens, pitch and roll."""
    size = _IMAGE_SIZES[rng.integers(len(_IMAGE_SIZES))]
    field = np.radians(rng.uniform(*_FIELDS_OF_VIEW_DEGREES))
    lens = _LENS * rng.uniform() * (rng.random() < 0.5)
    return tf_lift.Camera(
        max(size) / 2 / np.tan(field / 2),
        distortion=lens,
        pitch=np.radians(rng.uniform(*PITCHES_DEGREES)),
        roll=np.radians(rng.uniform(*ROLLS_DEGREES)),
        image_size=size,
    )


def _turn(bodies, camera, rng):
    """Turns poses `[n, L, 3]`, z up, into the frame of the camera, each by a random yaw."""
    turns = [
        views.view_rotation(yaw, camera.pitch, camera.roll)
        for yaw in rng.uniform(0.0, 2.0 * np.pi, len(bodies))
    ]
    return np.einsum("nij,nlj->nli", np.reshape(turns, [-1, 3, 3]), bodies)


def _place(joints, camera, rng):
    """Returns positions `[n, 3]` of the roots, mm, at which all joints are in the image."""
    size = np.array(camera.image_size)
    focal_length = np.array(camera.focal_length)
    middle = np.nanmean(joints, axis=1)
    roots = np.full([len(joints), 3], np.nan)
    for _ in range(_NUM_DISTANCES):
        (pending,) = np.nonzero(np.isnan(roots[:, 0]))
        if not len(pending):
            return roots
        shape = [len(pending), _NUM_PLACES]
        distance = 1000.0 * rng.uniform(*DISTANCES_M, [len(pending), 1, 1])
        pixels = rng.uniform(0.0, size - 1.0, [*shape, 2])
        slopes = (pixels - camera.principal_point) / focal_length
        rays = np.concatenate([slopes, np.ones([*shape, 1])], -1)
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        tried = distance * rays - middle[pending, np.newaxis]
        points = joints[pending, np.newaxis] + tried[:, :, np.newaxis]
        landmarks = project(points, camera)
        lacking = np.isnan(joints[pending])[:, np.newaxis, :, 0]
        inside = ((landmarks >= 0) & (landmarks <= size - 1)).all(-1) & (points[..., 2] > 0)
        fits = (inside | lacking).all(-1)
        found = fits.any(1)
        roots[pending[found]] = tried[found, fits[found].argmax(1)]
    raise ValueError(f"`poses` must fit into an image of {camera}. Received: a pose that does not")


def project(points, camera) -> np.ndarray:
    """Projects points, NaN for those that are NaN."""
    known = np.isfinite(points).all(-1, keepdims=True)
    projected = camera.project(np.where(known, points, [0.0, 0.0, 1000.0])).numpy()
    return np.where(known, projected, np.nan)


def sizes(landmarks) -> np.ndarray:
    """Returns the longer side of the box of landmarks `[N, L, 2]`, px."""
    return (np.nanmax(landmarks, axis=1) - np.nanmin(landmarks, axis=1)).max(-1)
