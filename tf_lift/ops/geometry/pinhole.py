"""Projection by a pinhole camera with lens distortion: pixels, rays, points, and the image's roll.

These are functions of tensors. The class that holds a camera's numbers is `tf_lift.Camera`.
"""

import tensorflow as tf

from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import distortion as lens

__all__ = ["divide_by_depth", "project", "to_pixels", "to_rays", "undo_roll"]


def to_rays(pixels, focal_length, principal_point, distortion=None) -> tf.Tensor:
    """Converts pixels to points of the image plane at focal length 1: rays (x, y, 1).

    Args:
        pixels: Tensor of shape `[..., L, 2]`.
        focal_length: Tensor of shape `[..., 2]`, px.
        principal_point: Tensor of shape `[..., 2]`, px.
        distortion: Tensor of shape `[..., 5]`, OpenCV's k1, k2, p1, p2, k3; `None` for none.

    Returns:
        Tensor of shape `[..., L, 2]`: (x / z, y / z) of the camera frame; NaN where the lens
        projects no ray to the pixel (`distortion.undistort`), infinite where the focal length
        is 0.

    Raises:
        ValueError: If a shape does not fit.

    >>> to_rays([[420.0, 140.0]], [200.0, 200.0], [320.0, 240.0]).numpy()
    array([[ 0.5, -0.5]], dtype=float32)
    """
    with tf.name_scope("to_rays"):
        pixels, focal_length, principal_point = _intrinsics(
            pixels, "pixels", focal_length, principal_point
        )
        rays = (pixels - principal_point) / focal_length
        return rays if distortion is None else lens.undistort(rays, distortion)


def to_pixels(rays, focal_length, principal_point, distortion=None) -> tf.Tensor:
    """Converts points of the image plane at focal length 1 to pixels: inverts `to_rays`.

    Args:
        rays: Tensor of shape `[..., L, 2]`: (x / z, y / z) of the camera frame.
        focal_length: Tensor of shape `[..., 2]`, px.
        principal_point: Tensor of shape `[..., 2]`, px.
        distortion: Tensor of shape `[..., 5]`; `None` for none.

    Returns:
        Tensor of shape `[..., L, 2]`.

    Raises:
        ValueError: If a shape does not fit.

    >>> to_pixels([[0.5, -0.5]], [200.0, 200.0], [320.0, 240.0]).numpy()
    array([[420., 140.]], dtype=float32)
    """
    with tf.name_scope("to_pixels"):
        rays, focal_length, principal_point = _intrinsics(
            rays, "rays", focal_length, principal_point
        )
        if distortion is not None:
            rays = lens.distort(rays, distortion)
        return rays * focal_length + principal_point


def project(points, focal_length, principal_point, distortion=None) -> tf.Tensor:
    """Projects points of the camera frame to pixels.

    Args:
        points: Tensor of shape `[..., L, 3]`, mm, x right, y down, z away from the camera.
        focal_length: Tensor of shape `[..., 2]`, px.
        principal_point: Tensor of shape `[..., 2]`, px.
        distortion: Tensor of shape `[..., 5]`; `None` for none.

    Returns:
        Tensor of shape `[..., L, 2]`; NaN, with zero gradient, where a point is not in front
        of the camera.

    Raises:
        ValueError: If a shape does not fit.

    >>> project([[1000.0, 0.0, 4000.0]], [200.0, 200.0], [320.0, 240.0]).numpy()
    array([[370., 240.]], dtype=float32)
    """
    with tf.name_scope("project"):
        points = dtypes.to_float(points)
        shapes.check_shape(points, "points", None, 3)
        rays, in_front = divide_by_depth(points)
        pixels = to_pixels(rays, focal_length, principal_point, distortion)
        return tf.where(in_front, pixels, float("nan"))


def undo_roll(landmarks, roll, centre) -> tf.Tensor:
    """Turns landmarks in the image plane so that vertical lines become upright.

    Args:
        landmarks: Tensor of shape `[..., L, 2]`, px.
        roll: Tensor of shape `[...]`, rad, positive where the image of an upright person
            appears turned clockwise.
        centre: Tensor of shape `[..., 2]`, px: the principal point.

    Returns:
        Tensor of shape `[..., L, 2]`: turned anticlockwise by `roll` about the centre.

    Raises:
        ValueError: If a shape does not fit.

    >>> undo_roll([[0.0, 9.0]], np.pi / 2, [0.0, 0.0]).numpy().round(3) + 0.0
    array([[9., 0.]], dtype=float32)
    """
    with tf.name_scope("undo_roll"):
        landmarks, centre = dtypes.to_common_float(landmarks, centre)
        shapes.check_shape(landmarks, "landmarks", None, 2)
        shapes.check_shape(centre, "centre", 2)
        roll = tf.cast(dtypes.to_float(roll), landmarks.dtype)[..., tf.newaxis]
        cos, sin = tf.cos(roll), tf.sin(roll)
        x, y = tf.unstack(landmarks - centre[..., tf.newaxis, :], axis=-1)
        turned = tf.stack([cos * x + sin * y, cos * y - sin * x], -1)
        return turned + centre[..., tf.newaxis, :]


def divide_by_depth(points) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (x / z, y / z) and whether each point is in front of the camera.

    Args:
        points: Tensor of shape `[..., 3]`, camera frame.

    Returns:
        `[..., 2]`, zero with no gradient where z <= 0 or is NaN; and `[..., 1]`, bool.
    """
    depth = points[..., 2:]
    in_front = depth > 0
    return tf.where(in_front, points[..., :2] / tf.where(in_front, depth, 1), 0), in_front


def _intrinsics(points, name, focal_length, principal_point):
    points, focal_length, principal_point = dtypes.to_common_float(
        points, focal_length, principal_point
    )
    shapes.check_shape(points, name, None, 2)
    shapes.check_shape(focal_length, "focal_length", 2)
    shapes.check_shape(principal_point, "principal_point", 2)
    return points, focal_length[..., tf.newaxis, :], principal_point[..., tf.newaxis, :]
