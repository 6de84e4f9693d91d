"""`Camera`: the known properties of the camera that took an image."""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_lift.ops import dtypes
from tf_lift.ops.geometry import pinhole

__all__ = ["Camera"]

# Largest deviation of given numbers from a rotation, or of an intrinsic matrix from its form;
# large enough for files with few digits.
_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Camera:
    """The known properties of a camera: a pinhole with lens distortion, pitch and roll.

    Camera frame: x right, y down, z away from the camera. The vertical of the world is
    given by pitch and roll. Heading and position of the camera are not needed, because those
    of the person are free.

    Attributes:
        focal_length: Pixels, one number or one for each axis (fx, fy). `None` if unknown: the
            lift is then in weak perspective.
        principal_point: (x, y) of the point on the optical axis, pixel centres at whole
            numbers; `None` for the centre of the image, which needs `image_size`.
        distortion: OpenCV's five coefficients k1, k2, p1, p2, k3.
        pitch: Radians, positive if the camera looks down; `None` if unknown: the lift then
            estimates it for each pose.
        roll: Radians, about the optical axis; positive if an upright person appears turned
            clockwise in the image. `None` if unknown, as for `pitch`.
        image_size: (width, height), px, or `None`.

    Raises:
        ValueError: If a number is out of range, or the radial distortion is so strong that no
            image is left.

    >>> camera = Camera(1000.0, image_size=(1920, 1080), pitch=np.radians(20.0))
    >>> camera.focal_length, camera.principal_point
    ((1000.0, 1000.0), (959.5, 539.5))
    """

    focal_length: float | Sequence[float] | None = None
    principal_point: Sequence[float] | None = None
    distortion: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    pitch: float | None = None
    roll: float | None = None
    image_size: Sequence[int] | None = None

    def __post_init__(self):
        if self.focal_length is not None:
            focal_length = _numbers(self.focal_length, "focal_length", "one or two numbers", 1, 2)
            if min(focal_length) <= 0:
                raise ValueError(f"`focal_length` must be positive. Received: {self.focal_length}")
            self._set("focal_length", focal_length * (2 // len(focal_length)))
        if self.image_size is not None:
            size = _numbers(self.image_size, "image_size", "(width, height)", 2)
            if min(size) < 1 or any(part != int(part) for part in size):
                raise ValueError(
                    "`image_size` must be (width, height), positive integers. "
                    f"Received: {self.image_size}"
                )
            self._set("image_size", tuple(int(part) for part in size))
        if self.principal_point is not None:
            self._set(
                "principal_point", _numbers(self.principal_point, "principal_point", "(x, y)", 2)
            )
        elif self.image_size is not None:
            self._set("principal_point", tuple((size - 1) / 2 for size in self.image_size))
        elif self.focal_length is not None:
            raise ValueError(
                "`principal_point` must be given where `image_size` is not. Received: None"
            )
        self._set("distortion", _numbers(self.distortion, "distortion", "k1, k2, p1, p2, k3", 5))
        if self.pitch is not None:
            self._set("pitch", _angle(self.pitch, "pitch", math.pi / 2))
        if self.roll is not None:
            self._set("roll", _angle(self.roll, "roll", 2 * math.pi))

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @classmethod
    def from_matrices(cls, intrinsics, rotation=None, **fields) -> "Camera":
        """Builds a camera from the matrices of a calibration.

        Args:
            intrinsics: `[3, 3]`: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].
            rotation: `[3, 3]`, from a world with z up to the camera, for column vectors. It is
                factored as roll . pitch . yaw; the yaw is not needed. `None`: pitch and roll
                are as in `fields`.
            **fields: Other attributes of `Camera`.

        Raises:
            ValueError: If a matrix has another form.

        >>> looks_along_y = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
        >>> Camera.from_matrices([[900, 0, 500], [0, 900, 400], [0, 0, 1]], looks_along_y).pitch
        0.0
        """
        matrix = _matrix(intrinsics, "intrinsics")
        form = np.array(
            [[matrix[0, 0], 0, matrix[0, 2]], [0, matrix[1, 1], matrix[1, 2]], [0, 0, 1]]
        )
        if np.abs(matrix - form).max() > _TOLERANCE:
            raise ValueError(
                "`intrinsics` must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]: no skew, not "
                f"transposed. Received: {matrix.tolist()}"
            )
        if rotation is not None:
            if {"pitch", "roll"} & fields.keys():
                raise ValueError(
                    "`rotation` must be None where `pitch` or `roll` is given. "
                    f"Received: {np.asarray(rotation).tolist()}"
                )
            fields["pitch"], fields["roll"] = factor_rotation(rotation)
        return cls(
            focal_length=(matrix[0, 0], matrix[1, 1]), principal_point=matrix[:2, 2], **fields
        )

    @classmethod
    def from_field_of_view(cls, horizontal_degrees, image_size, **fields) -> "Camera":
        """Builds a camera from its horizontal field of view.

        Args:
            horizontal_degrees: Angle between the left and the right border, degrees.
            image_size: (width, height), px.
            **fields: Other attributes of `Camera`.

        Raises:
            ValueError: If the angle is not between 0 and 180 degrees.

        >>> Camera.from_field_of_view(90.0, (640, 480)).focal_length
        (320.0, 320.0)
        """
        if not 0 < horizontal_degrees < 180:
            raise ValueError(
                f"`horizontal_degrees` must be between 0 and 180. Received: {horizontal_degrees}"
            )
        width = _numbers(image_size, "image_size", "(width, height)", 2)[0]
        # Rounded to 12 digits, so that 320 does not become 320.00000000000006.
        focal_length = round(width / 2 / math.tan(math.radians(horizontal_degrees) / 2), 12)
        return cls(focal_length, image_size=image_size, **fields)

    @classmethod
    def guess(cls, image_size, **fields) -> "Camera":
        """Builds a camera that usual lenses come near: focal length = the image's longer side.

        Phones have 0.7 to 0.8 of it, webcams 0.8 to 1, cameras with a normal lens 1.3. A focal
        length that is wrong by a quarter is far better than none where people are near.

        Args:
            image_size: (width, height), px, of an image that was not cropped.
            **fields: Other attributes of `Camera`.

        >>> Camera.guess((1920, 1080)).focal_length
        (1920.0, 1920.0)
        """
        size = _numbers(image_size, "image_size", "(width, height)", 2)
        return cls(max(size), image_size=image_size, **fields)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Camera":
        """Reads a camera from a JSON file.

        The file holds one object with these keys (docs/cameras.md); angles are in degrees:

        - `focal_length` (one number or two) and `principal_point`, or `intrinsics` (3 x 3),
          or `horizontal_fov_degrees` and `image_size`; or none of these;
        - `distortion`, `image_size`;
        - `pitch_degrees` and `roll_degrees`, null or left out if unknown, or `rotation` (3 x 3).

        Args:
            path: File.

        Raises:
            ValueError: If the file has another form, or a value does not fit.
            FileNotFoundError: If there is no such file.
        """
        path = pathlib.Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:  # Neither text nor JSON.
            raise ValueError(f"`camera` must be a JSON file. Received: {path} ({error})") from error
        try:
            return _from_dict(cls, content)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error

    def to_rays(self, landmarks) -> tf.Tensor:
        """Converts pixels `[..., L, 2]` to (x / z, y / z) of the camera frame, undistorted.

        NaN where no ray reaches the pixel: `tf_lift.ops.geometry.pinhole.to_rays`.
        """
        landmarks = dtypes.to_float(landmarks)
        return pinhole.to_rays(landmarks, *self._intrinsics(landmarks.dtype))

    def project(self, joints_3d) -> tf.Tensor:
        """Projects points `[..., L, 3]` of the camera frame (mm) to pixels `[..., L, 2]`.

        NaN where a point is not in front of the camera: `tf_lift.ops.geometry.pinhole.project`.

        >>> Camera(1000.0, (320.0, 240.0)).project([[100.0, 0.0, 2000.0]]).numpy()
        array([[370., 240.]], dtype=float32)
        """
        joints_3d = dtypes.to_float(joints_3d)
        return pinhole.project(joints_3d, *self._intrinsics(joints_3d.dtype))

    def _intrinsics(self, dtype):
        if self.focal_length is None:
            raise ValueError("`focal_length` must be known to project and to find rays")
        distorts = any(self.distortion)
        return (
            tf.constant(self.focal_length, dtype),
            tf.constant(self.principal_point, dtype),
            tf.constant(self.distortion, dtype) if distorts else None,
        )


def factor_rotation(rotation) -> tuple[float, float]:
    """Factors a rotation from a world with z up as roll . pitch . yaw.

    Args:
        rotation: `[3, 3]`, from the world to the camera, for column vectors.

    Returns:
        Pitch and roll, rad, as in `Camera`. The roll of a camera that looks straight up
        or down cannot be told from its yaw, and is 0.

    Raises:
        ValueError: If it is not a rotation.

    >>> factor_rotation([[0, -1, 0], [0, 0, -1], [1, 0, 0]])  # Looks along x.
    (0.0, 0.0)
    """
    matrix = _matrix(rotation, "rotation")
    error = max(np.abs(matrix @ matrix.T - np.eye(3)).max(), abs(np.linalg.det(matrix) - 1))
    if error > _TOLERANCE:
        raise ValueError(
            "`rotation` must be a rotation matrix (orthonormal, of determinant 1). "
            f"Received: {matrix.tolist()}"
        )
    # The world's up in the camera frame is roll (0, -cos pitch, -sin pitch).
    up = matrix[:, 2]
    length = math.hypot(up[0], up[1])
    pitch = math.atan2(-up[2], length)
    roll = math.atan2(up[0], -up[1]) if length > 1e-9 else 0.0
    return pitch + 0.0, roll + 0.0


_KEYS = {
    "focal_length",
    "principal_point",
    "intrinsics",
    "horizontal_fov_degrees",
    "distortion",
    "image_size",
    "pitch_degrees",
    "roll_degrees",
    "rotation",
}


def _from_dict(cls, content):
    if not isinstance(content, dict):
        raise ValueError(f"a camera must be a JSON object. Received: {type(content).__name__}")
    unknown = sorted(content.keys() - _KEYS)
    if unknown:
        raise ValueError(f"a camera's keys must be of {sorted(_KEYS)}. Received: {unknown}")
    ways = [
        key for key in ("focal_length", "intrinsics", "horizontal_fov_degrees") if key in content
    ]
    knows_attitude = {"pitch_degrees", "roll_degrees", "rotation"} & content.keys()
    if len(ways) > 1 or not (ways or knows_attitude):
        raise ValueError(
            "a camera must have one of `focal_length`, `intrinsics` and "
            f"`horizontal_fov_degrees`, or angles alone. Received: {ways or 'none'}"
        )
    fields = {
        key: content[key]
        for key in ("distortion", "image_size", "principal_point")
        if key in content
    }
    if "rotation" in content:
        if {"pitch_degrees", "roll_degrees"} & content.keys():
            raise ValueError("a camera must have `rotation` or angles, not both")
        fields["pitch"], fields["roll"] = factor_rotation(content["rotation"])
    for name in ("pitch", "roll"):
        if f"{name}_degrees" in content:
            degrees = content[f"{name}_degrees"]
            fields[name] = None if degrees is None else math.radians(degrees)
    if not ways:
        return cls(**fields)
    if ways == ["focal_length"]:
        _numbers(content["focal_length"], "focal_length", "one or two numbers", 1, 2)
        return cls(content["focal_length"], **fields)
    if ways == ["horizontal_fov_degrees"]:
        if "image_size" not in fields:
            raise ValueError("`image_size` must be given with `horizontal_fov_degrees`")
        return cls.from_field_of_view(content["horizontal_fov_degrees"], **fields)
    if "principal_point" in fields:
        raise ValueError("`principal_point` must be left out where `intrinsics` has it")
    return cls.from_matrices(content["intrinsics"], **fields)


def _numbers(value, name, form, *sizes):
    """Returns a tuple of finite floats of one of the sizes."""
    try:
        array = np.atleast_1d(np.asarray(value, np.float64))
    except (TypeError, ValueError):
        array = np.array([math.nan])
    if array.ndim != 1 or len(array) not in sizes or not np.all(np.isfinite(array)):
        raise ValueError(f"`{name}` must be finite numbers, {form}. Received: {value!r}")
    return tuple(array.tolist())


def _angle(value, name, largest):
    (angle,) = _numbers(value, name, "one in radians", 1)
    # Slightly more than the limit is the limit, written with few digits.
    if abs(angle) > largest * (1 + 1e-6):
        raise ValueError(
            f"`{name}` must be in radians, from {-largest:.4f} to {largest:.4f}. "
            f"Received: {value!r}"
        )
    return angle


def _matrix(value, name):
    try:
        matrix = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        matrix = np.array(math.nan)
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)):
        raise ValueError(f"`{name}` must be a 3 x 3 matrix of finite numbers. Received: {value!r}")
    return matrix
