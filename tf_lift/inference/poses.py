"""Lifts landmarks of any skeleton to poses."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

import tf_lift
from tf_lift import skeletons
from tf_lift.camera import lifting as camera_lifting
from tf_lift.camera.camera import Camera
from tf_lift.inference import confidence, image_size
from tf_lift.ops import shapes
from tf_lift.ops.lift import outputs
from tf_lift.ops.lift.options import LiftOptions, merge
from tf_lift.prior.narrowing import narrow

__all__ = ["Poses", "lift_landmarks", "with_attitude"]

# A free scale, position and rotation are four numbers, so two joints fit any pose exactly, and
# three leave two numbers to compare poses by.
MIN_JOINTS = 4

# Number of poses, evenly spaced, to estimate a camera's pitch and roll from.
NUM_FOR_ATTITUDE = 60

# Results of the lift that poses take over unchanged.
LIFTED = (
    "joints_3d",
    "joints_3d_stddev",
    "scale",
    "rotation_angle",
    "mixture_index",
    "energy",
    "misfit",
)

# Fields of `Poses` that are not arrays of poses.
OTHERS = ("skeleton", "conversion", "frames", "fps", "image_size")


@dataclasses.dataclass(frozen=True)
class Poses:
    """Lifted poses; the first dimension of all arrays is N, their number.

    Attributes:
        skeleton: Skeleton of the joints, the prior's: L joints.
        landmarks: `[N, L, 2]`, px: the landmarks found, NaN where a joint was not.
        visibility: `[N, L]`, bool: which joints were found.
        scores: `[N, L]`: confidence of each joint that was found, else 0.
        projected_landmarks: `[N, L, 2]`, px: the 3D pose in the image, every joint.
        joints_3d: `[N, L, 3]`, mm, camera frame (x right, y down, z away), origin at joint 0.
        joints_3d_stddev: `[N, L]`, mm.
        scale: `[N]`, px per mm.
        rotation_angle: `[N]`, rad, about the vertical.
        mixture_index: `[N]`: component of the prior, -1 if too few joints were found.
        energy: `[N]`, mm^2: squared distance to the landmarks and the prior; infinite where the
            landmarks coincide (`null` in JSON), as `misfit` is.
        misfit: `[N]`: how badly the landmarks fit the prior. Above 1 they do not, and something is
            likely wrong with them: see `tf_lift.ops.lift.misfit.CAUSES`.
        conversion: Report of which joints the skeleton of the landmarks has and lacks.
        root_position: `[N, 3]`, mm, camera frame: where joint 0 is. `None` without a camera.
        pitch: `[N]`, rad: the camera's, positive looking down; known or estimated.
        roll: `[N]`, rad: positive if an upright person appears turned clockwise.
        hypotheses_joints_3d: `[N, n, L, 3]`, mm, as `joints_3d`: distinct poses that fit the
            landmarks, most probable first. `None` unless the options ask for them.
        hypotheses_probability: `[N, n]`.
        bone_lengths: `[N, L - 1]`, mm, from each joint but the root, in order, to its parent: those
            of the person in all frames, if poses were lifted as a sequence. Else `None`.
        frame: `[N]`, int: number of the frame or image of each pose.
        person: `[N]`, int: number of the person: the same in all frames of a sequence.
        person_score: `[N]`: how sure a detector is that a person is there, NaN where unknown.
        box: `[N, 4]`: (x, y, width, height), px: where the person is.
        time: `[N]`, s: when the frame was taken, from the start.
        frames: `[F]`, int: all frames of the source, those without people too.
        fps: Frames per second of the source.
        image_size: (width, height), px.
    """

    skeleton: skeletons.Skeleton
    landmarks: np.ndarray
    visibility: np.ndarray
    scores: np.ndarray
    projected_landmarks: np.ndarray
    joints_3d: np.ndarray
    joints_3d_stddev: np.ndarray
    scale: np.ndarray
    rotation_angle: np.ndarray
    mixture_index: np.ndarray
    energy: np.ndarray
    misfit: np.ndarray
    conversion: skeletons.MapReport | None = None
    root_position: np.ndarray | None = None
    pitch: np.ndarray | None = None
    roll: np.ndarray | None = None
    hypotheses_joints_3d: np.ndarray | None = None
    hypotheses_probability: np.ndarray | None = None
    bone_lengths: np.ndarray | None = None
    frame: np.ndarray | None = None
    person: np.ndarray | None = None
    person_score: np.ndarray | None = None
    box: np.ndarray | None = None
    time: np.ndarray | None = None
    frames: np.ndarray | None = None
    fps: float | None = None
    image_size: tuple[int, int] | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns all arrays of N poses that are not `None`, by name."""
        fields = (field.name for field in dataclasses.fields(self))
        arrays = {name: getattr(self, name) for name in fields if name not in OTHERS}
        return {name: array for name, array in arrays.items() if array is not None}

    @classmethod
    def concatenate(cls, parts: Sequence["Poses"]) -> "Poses":
        """Joins poses of one skeleton and one source, in order; leaves out what some lack."""
        arrays = [part.arrays() for part in parts]
        shared = [name for name in arrays[0] if all(name in part for part in arrays)]
        joined: dict[str, Any] = {
            name: np.concatenate([part[name] for part in arrays]) for name in shared
        }
        others: dict[str, Any] = {name: getattr(parts[0], name) for name in OTHERS}
        return cls(**others, **joined)

    def take(self, rows) -> "Poses":
        """Returns some of the poses, by index."""
        return dataclasses.replace(self, **{k: v[rows] for k, v in self.arrays().items()})

    def drawn_landmarks(self) -> np.ndarray:
        """Returns landmarks `[N, L, 2]`: those found, and the projected pose elsewhere."""
        return np.where(self.visibility[..., np.newaxis], self.landmarks, self.projected_landmarks)

    def to_dict(self) -> dict:
        """Returns the content of a JSON file of these poses: header, then one dict per pose."""
        from tf_lift.inference import pose_files

        return pose_files.content(self)


def lift_landmarks(
    landmarks,
    prior,
    skeleton: skeletons.Skeleton | str | None = None,
    scores=None,
    *,
    min_score: float = 0.05,
    scale: float | None = None,
    robust: bool = True,
    allow_empty: bool = False,
    approximate: bool = False,
    camera: Camera | str | None = None,
    fps: float | None = None,
    options: LiftOptions | None = None,
    **option_fields,
) -> Poses:
    """Lifts landmarks of any skeleton to poses of the prior's.

    Joints are mapped with `skeletons.convert`. Joints that the skeleton lacks, that are NaN,
    or whose score is low count as missing, and the prior infers them.

    Args:
        landmarks: Array of shape `[N, num_joints, 2]`, px.
        prior: `PosePrior`.
        skeleton: Skeleton of the landmarks, or its name; `None` for the prior's own.
        scores: Array of shape `[N, num_joints]`: confidence; `None` for 1.
        min_score: Joints below count as missing.
        scale: Pixels per mm; `None` to estimate it. With a given scale, the position of the
            pelvis is taken from the landmarks, too.
        robust: Whether confidences, where they are given, weigh the landmarks: a doubtful one has a
            larger deviation and, in single frames, may be wrong altogether, see
            `tf_lift.inference.confidence`. An `outlier_probability` among the options replaces
            that of the confidences.
        allow_empty: Whether a pose with fewer than 4 joints of the prior (or, with a given
            scale, without its pelvis) becomes NaN, with mixture index -1, instead of an error.
        approximate: Whether joints of the skeleton stand in for joints of the prior that
            are some centimetres off (`skeletons.convert`).
        camera: As for `tf_lift.lift`. A `Camera` with a focal length places the poses in front
            of it. Joints that its lens cannot have seen count as missing.
        fps: Frames per second, if the poses are one person's, frame by frame: they are then
            lifted as a sequence (`tf_lift.lift_sequence`), which fills frames with too few
            joints. `None`: each pose by itself.
        options: `tf_lift.LiftOptions`; `None` for the defaults.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        The poses.

    Raises:
        ValueError: If a shape does not fit, a pose has too few joints, or most landmarks are far
            outside of the camera's image.

    >>> prior = tf_lift.PosePrior.load()
    >>> landmarks = 0.3 * prior.sample(2, seed=0)[:, :, [0, 2]] * [1, -1]
    >>> landmarks[0, 16] = np.nan
    >>> poses = lift_landmarks(landmarks, prior)
    >>> poses.joints_3d.shape, poses.visibility.sum(1)
    ((2, 17, 3), array([16, 17]))
    """
    if isinstance(camera, Camera) and scale is not None:
        raise ValueError(f"`scale` must be None where a `Camera` is given. Received: {scale}")
    prior = narrow(prior, skeleton or prior.skeleton)
    if fps is not None and scale is not None:
        raise ValueError(f"`scale` must be None where `fps` is given. Received: {scale}")
    target = skeletons.get(prior.skeleton)
    mapped, mapped_scores, conversion = _map_joints(
        landmarks, target, skeleton, scores, min_score, approximate, camera
    )
    visibility = mapped_scores > 0
    enough = visibility.sum(1) >= MIN_JOINTS
    if fps is not None:
        enough[:] = enough.any()  # The sequence fills the others.
    few = np.flatnonzero(~enough)
    if len(few) and not allow_empty:
        raise ValueError(
            f"`landmarks` must have at least {MIN_JOINTS} joints of {target.name} that score "
            f"{min_score:g} or more. Received: {visibility[few[0]].sum()} in pose {few[0]}"
        )
    # The prior's origin is its joint 0, so a given scale wants landmarks relative to it.
    origin = np.zeros_like(mapped[:, :1]) if scale is None else mapped[:, :1]
    enough &= np.isfinite(origin).all((1, 2))
    if not enough.all() and not allow_empty:
        raise ValueError(
            f"`landmarks` must have the joint {target.joint_names[0]!r} where `scale` is given. "
            f"Received: none in pose {np.flatnonzero(~enough)[0]}"
        )
    origin = np.where(enough[:, np.newaxis, np.newaxis], origin, 0.0)
    shown = np.where(visibility[..., np.newaxis], mapped - origin, 0.0).astype(np.float32)
    options = merge(options, option_fields)
    weights = visibility
    if robust and confidence.are_known(mapped_scores):
        is_sequence = fps is not None and len(shown) > 1
        weights = confidence.weights(mapped_scores, prior, is_sequence)
        if options.outlier_probability is None and not is_sequence:  # Time shows gross errors.
            outliers = confidence.outlier_probability(mapped_scores)
            options = dataclasses.replace(options, outlier_probability=outliers)
    if fps is not None:
        lifted = tf_lift.lift_sequence(
            shown, prior, weights, fps=fps, camera=camera, options=options
        )
    else:
        lifted = tf_lift.lift(shown, prior, weights, scale=scale, camera=camera, options=options)
    lifted = {name: value.numpy() for name, value in outputs.flatten(lifted).items()}
    bone_lengths = lifted.pop("bone_lengths", None)
    lifted["mixture_index"] = np.where(enough, lifted["mixture_index"], -1)
    for name, value in lifted.items():
        if name != "mixture_index":
            value[~enough] = np.nan
    return Poses(
        skeleton=target,
        landmarks=mapped,
        visibility=visibility,
        scores=mapped_scores,
        projected_landmarks=lifted["landmarks"] + origin.astype(np.float32),
        **{name: lifted[name] for name in LIFTED},
        conversion=conversion,
        hypotheses_joints_3d=lifted.get("hypotheses_joints_3d"),
        hypotheses_probability=lifted.get("hypotheses_probability"),
        root_position=lifted.get("root_position"),
        pitch=lifted["pitch"],
        roll=lifted["roll"],
        bone_lengths=None if bone_lengths is None else np.tile(bone_lengths, [len(mapped), 1]),
    )


def with_attitude(
    landmarks,
    prior,
    camera: Camera,
    skeleton: skeletons.Skeleton | str | None = None,
    scores=None,
    *,
    min_score: float = 0.05,
    approximate: bool = False,
    options: LiftOptions | None = None,
    **option_fields,
) -> Camera:
    """Returns the camera with its pitch and roll, estimated from some of the poses if unknown.

    Args:
        landmarks: Array of shape `[N, num_joints, 2]`, px.
        prior: `PosePrior`.
        camera: `Camera`.
        skeleton: As for `lift_landmarks`, like the following arguments.
        scores: Array of shape `[N, num_joints]`.
        min_score: Joints below count as missing.
        approximate: Whether joints may stand in for others.
        options: `tf_lift.LiftOptions`.
        **option_fields: Fields of `LiftOptions` by name.

    Raises:
        ValueError: If no pose has enough joints.
    """
    if camera.pitch is not None and camera.roll is not None:
        return camera
    prior = narrow(prior, skeleton or prior.skeleton)
    target = skeletons.get(prior.skeleton)
    mapped, mapped_scores, _ = _map_joints(
        landmarks, target, skeleton, scores, min_score, approximate, camera
    )
    rows = np.flatnonzero((mapped_scores > 0).sum(1) >= MIN_JOINTS)
    if not len(rows):
        raise ValueError(
            f"`landmarks` must hold a pose with at least {MIN_JOINTS} joints of {target.name}. "
            "Received: none"
        )
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), NUM_FOR_ATTITUDE)).round().astype(int)]
    return camera_lifting.estimate_attitude(
        np.nan_to_num(mapped[rows]).astype(np.float32),
        prior,
        camera,
        visibility=mapped_scores[rows] > 0,
        options=merge(options, option_fields),
    )


def _map_joints(landmarks, target, skeleton, scores, min_score, approximate, camera):
    """Returns landmarks `[N, L, 2]` and scores `[N, L]` of the prior's joints, and the report."""
    source = skeletons.get(skeleton or target)
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.ndim != 3 or landmarks.shape[1:] != (source.num_joints, 2):
        raise ValueError(
            f"`landmarks` must have shape [N, {source.num_joints}, 2]. "
            f"Received: landmarks.shape={landmarks.shape}"
        )
    shapes.check_not_empty(landmarks, "landmarks")
    scores = np.ones(landmarks.shape[:2]) if scores is None else np.asarray(scores, np.float64)
    shapes.check_shape(scores, "scores", *landmarks.shape[:2])
    # A score of NaN compares false and counts as missing, as does a score of 0.
    scores = np.where((scores >= min_score) & (scores > 0) & (scores < np.inf), scores, 0.0)
    image_size.check(np.where(scores[..., np.newaxis] > 0, landmarks, np.nan), camera)
    if isinstance(camera, Camera) and camera.focal_length is not None:
        scores = np.where(np.isfinite(camera.to_rays(landmarks)).all(-1), scores, 0.0)
    return skeletons.convert(landmarks, source, target, scores, approximate=approximate)
