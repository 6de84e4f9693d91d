"""Perspective cameras that view one person through a square crop.

A `CropCamera` relates the 3D truth of a synthetic image exactly to its landmarks. Its 3D frame
is the one that a weak-perspective lift can recover: the camera frame, rotated by the smallest
rotation that makes the ray through the crop's centre the z axis, with origin at joint 0.
"""

import dataclasses

import numpy as np

__all__ = ["CropCamera", "crop_camera", "ray_rotation", "view_rotation"]


@dataclasses.dataclass(frozen=True, eq=False)
class CropCamera:
    """A pinhole camera whose image is cropped to a square.

    Attributes:
        focal_px: Focal length in pixels of the crop.
        principal_point_px: Array of shape `[2]`: the principal point in pixels of the crop;
            for most people it is outside the crop.
        ray_rotation: Array of shape `[3, 3]`: from the camera frame to the frame of
            the crop's central ray.
        root_mm: Array of shape `[3]`: joint 0 in the camera frame, mm.
    """

    focal_px: float
    principal_point_px: np.ndarray
    ray_rotation: np.ndarray
    root_mm: np.ndarray

    def to_camera_frame(self, joints_3d: np.ndarray) -> np.ndarray:
        """Converts joints `[..., 3]` (mm, ray frame, origin at joint 0) to the camera frame."""
        return joints_3d @ self.ray_rotation + self.root_mm

    def project(self, joints_3d: np.ndarray) -> np.ndarray:
        """Projects joints of the ray frame to pixels of the crop.

        Args:
            joints_3d: Array of shape `[..., 3]`, mm, ray frame, origin at joint 0.

        Returns:
            Array of shape `[..., 2]`: (x, y), pixels.

        >>> camera = CropCamera(100.0, np.array([3.0, 4.0]), np.eye(3), np.array([0, 0, 1000.0]))
        >>> camera.project(np.array([[0.0, 0.0, 0.0], [500.0, 0.0, 0.0]])).tolist()
        [[3.0, 4.0], [53.0, 4.0]]
        """
        points = self.to_camera_frame(joints_3d)
        return self.focal_px * points[..., :2] / points[..., 2:] + self.principal_point_px


def view_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Returns the rotation from the world (z up) to a camera (y down, z away).

    Args:
        yaw: Angle of the rotation about the world's vertical, rad.
        pitch: Angle by which the camera looks down, rad.
        roll: Angle of the rotation about the optical axis, rad.

    Returns:
        Array of shape `[3, 3]`, a proper rotation; at zero angles it maps
        `(x, y, z)` to `(x, -z, y)`.

    >>> (view_rotation(0.0, 0.0, 0.0) @ [1.0, 2.0, 3.0]).tolist()
    [1.0, -3.0, 2.0]
    """
    cos_yaw, sin_yaw = np.cos(yaw), np.sin(yaw)
    cos_pitch, sin_pitch = np.cos(pitch), np.sin(pitch)
    cos_roll, sin_roll = np.cos(roll), np.sin(roll)
    about_vertical = np.array([[cos_yaw, -sin_yaw, 0.0], [sin_yaw, cos_yaw, 0.0], [0, 0, 1.0]])
    upright = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    tilt = np.array([[1.0, 0, 0], [0, cos_pitch, -sin_pitch], [0, sin_pitch, cos_pitch]])
    turn = np.array([[cos_roll, -sin_roll, 0.0], [sin_roll, cos_roll, 0.0], [0, 0, 1.0]])
    return turn @ tilt @ upright @ about_vertical


def ray_rotation(ray: np.ndarray) -> np.ndarray:
    """Returns the smallest rotation that takes a ray to the z axis.

    The smallest rotation commutes with rotations about the optical axis, so rotating the crop
    in its plane only rotates `joints_3d` about z.

    Args:
        ray: Array of shape `[3]` with a positive z, of any length.

    Returns:
        Array of shape `[3, 3]`.

    >>> (ray_rotation(np.array([3.0, 0.0, 4.0])) @ [3.0, 0.0, 4.0]).round(6).tolist()
    [0.0, 0.0, 5.0]
    """
    x, y, z = ray / np.linalg.norm(ray)
    # Rodrigues' formula for the axis ray x (0, 0, 1) and the cosine z.
    factor = 1.0 / (1.0 + z)
    return np.array(
        [
            [1.0 - factor * x * x, -factor * x * y, -x],
            [-factor * x * y, 1.0 - factor * y * y, -y],
            [x, y, z],
        ]
    )


def crop_camera(root_mm: np.ndarray, box: np.ndarray, image_size: int) -> CropCamera:
    """Returns the camera of a square crop.

    Args:
        root_mm: Array of shape `[3]`: joint 0 in the camera frame, mm.
        box: Array (centre x, centre y, side) of the crop in normalised image coordinates
            (focal length 1).
        image_size: Side of the crop, px; the crop extends from -0.5 to `image_size - 0.5`.

    >>> camera = crop_camera(np.array([0, 0, 4000.0]), np.array([0.1, 0.0, 0.5]), 128)
    >>> camera.focal_px, camera.principal_point_px.round(2).tolist()
    (256.0, [37.9, 63.5])
    """
    focal_px = image_size / float(box[2])
    return CropCamera(
        focal_px=focal_px,
        principal_point_px=(image_size - 1) / 2 - focal_px * box[:2],
        ray_rotation=ray_rotation(np.array([box[0], box[1], 1.0])),
        root_mm=np.asarray(root_mm, np.float64),
    )
