"""Turns a camera towards a person, so that the view is upright and weak perspective holds."""

import tensorflow as tf

from tf_lift.ops import dtypes, shapes
from tf_lift.ops.geometry import pinhole

__all__ = [
    "depth_ratio",
    "level_rotation",
    "mean_ray",
    "ray_pitch",
    "recentring_rotation",
    "rotate_points",
    "rotate_rays",
]


def level_rotation(pitch, roll) -> tf.Tensor:
    """Returns the rotation from the camera to a level camera with the same heading.

    A camera's rotation from the world factors as roll . pitch . yaw
    (`rotations.world_to_camera` builds pitch . yaw); this one undoes roll and pitch.

    Args:
        pitch: Tensor of shape `[...]`, rad, positive where the camera looks down.
        roll: Tensor of shape `[...]`, rad, as in `undo_roll`.

    Returns:
        Tensor of shape `[..., 3, 3]`, for column vectors; its second row points straight down.

    >>> level_rotation(np.pi / 2, 0.0).numpy().round(3) + 0.0  # Looks down: z is down.
    array([[ 1.,  0.,  0.],
           [ 0.,  0.,  1.],
           [ 0., -1.,  0.]], dtype=float32)
    """
    with tf.name_scope("level_rotation"):
        pitch, roll = dtypes.to_common_float(pitch, roll)
        cos_roll, sin_roll = tf.cos(roll), tf.sin(roll)
        zero = tf.zeros_like(roll)
        upright = _matrix([[cos_roll, sin_roll, zero], [-sin_roll, cos_roll, zero], [0, 0, 1]])
        return tf.matmul(tilt(-pitch), upright)


def mean_ray(rays, visibility=None) -> tf.Tensor:
    """Returns the direction towards a person: the mean of the landmarks' rays.

    Args:
        rays: Tensor of shape `[..., L, 2]`, at focal length 1. Rays of visibility 0 or with a
            coordinate that is not finite do not count.
        visibility: Tensor of shape `[..., L]`, bool or weights >= 0; `None` for all visible.

    Returns:
        Tensor of shape `[..., 3]`, of length 1; the optical axis where no ray counts.

    Raises:
        ValueError: If a shape does not fit.

    >>> mean_ray([[0.75, 0.0], [0.75, 0.0]]).numpy().round(3)
    array([0.6, 0. , 0.8], dtype=float32)
    """
    with tf.name_scope("mean_ray"):
        rays = dtypes.to_float(rays)
        shapes.check_shape(rays, "rays", None, 2)
        counts = tf.reduce_all(tf.math.is_finite(rays), -1)
        if visibility is not None:
            visibility = tf.convert_to_tensor(visibility)
            shapes.check_shape(visibility, "visibility", rays.shape[-2])
            counts &= tf.cast(visibility, rays.dtype) > 0
        rays = tf.where(counts[..., tf.newaxis], rays, 0)
        directions = _normalise(tf.concat([rays, tf.ones_like(rays[..., :1])], -1))
        # An uncertain landmark still shows where the person is, so all count equally.
        total = tf.reduce_sum(tf.where(counts[..., tf.newaxis], directions, 0), -2)
        axis = tf.constant([0.0, 0.0, 1.0], rays.dtype)
        return _normalise(tf.where(tf.reduce_any(counts, -1)[..., tf.newaxis], total, axis))


def recentring_rotation(ray, level, pitch) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the turn of a camera about its centre that makes it head for a person, upright.

    Turning a camera only changes the coordinates of its rays, so the image that the turned
    camera would have taken is known exactly. In that image the person stands upright and in
    the middle, except for a vertical offset where the given pitch differs from the ray's.

    Args:
        ray: Tensor of shape `[..., 3]`: direction towards the person, camera frame.
        level: Tensor of shape `[..., 3, 3]`: `level_rotation` of the camera.
        pitch: Tensor of shape `[...]`, rad: pitch of the turned camera; see `ray_pitch`.

    Returns:
        Rotation from the camera frame to the turned frame `[..., 3, 3]`, and the angle
        `[...]`, rad, which added to a person's `rotation_angle` in the turned frame gives that
        in the camera frame. A ray straight up or down has no heading, so the turned camera
        keeps the camera's own.

    Raises:
        ValueError: If a shape does not fit.

    >>> level = level_rotation(0.0, 0.0)
    >>> rotation, angle = recentring_rotation([3.0, 0.0, 4.0], level, 0.0)
    >>> tf.linalg.matvec(rotation, [3.0, 0.0, 4.0]).numpy().round(3) + 0.0
    array([0., 0., 5.], dtype=float32)
    """
    with tf.name_scope("recentring_rotation"):
        ray, level, pitch = dtypes.to_common_float(ray, level, pitch)
        shapes.check_shape(ray, "ray", 3)
        shapes.check_shape(level, "level", 3, 3)
        right, _, ahead = tf.unstack(tf.linalg.matvec(level, ray), axis=-1)
        length = _hypotenuse(right, ahead)
        has_heading = length > 1e-6
        length = tf.where(has_heading, length, 1)
        sin, cos = (
            tf.where(has_heading, right / length, 0),
            tf.where(has_heading, ahead / length, 1),
        )
        zero = tf.zeros_like(sin)
        turn = _matrix([[cos, zero, -sin], [0, 1, 0], [sin, zero, cos]])
        rotation = tf.matmul(tilt(pitch), tf.matmul(turn, level))
        return rotation, tf.atan2(-sin, cos)


def ray_pitch(ray, level) -> tf.Tensor:
    """Returns the pitch of a camera that looks along a ray.

    Args:
        ray: Tensor of shape `[..., 3]`, camera frame.
        level: Tensor of shape `[..., 3, 3]`: `level_rotation` of the camera.

    Returns:
        Tensor of shape `[...]`, rad, positive looking down.

    >>> round(float(ray_pitch([0.0, 3.0, 3.0], level_rotation(0.0, 0.0))), 3)
    0.785
    """
    with tf.name_scope("ray_pitch"):
        ray, level = dtypes.to_common_float(ray, level)
        right, down, ahead = tf.unstack(tf.linalg.matvec(level, ray), axis=-1)
        return tf.atan2(down, _hypotenuse(right, ahead))


def rotate_rays(rays, rotation) -> tf.Tensor:
    """Converts rays to the frame of a turned camera.

    Args:
        rays: Tensor of shape `[..., L, 2]`, at focal length 1.
        rotation: Tensor of shape `[..., 3, 3]`, from the frame of the rays.

    Returns:
        Tensor of shape `[..., L, 2]`; NaN, with zero gradient, for a ray that is behind the
        turned camera or not finite.
    """
    with tf.name_scope("rotate_rays"):
        rays, rotation = dtypes.to_common_float(rays, rotation)
        # Otherwise zero gradients times NaN would make the rotation's gradient NaN.
        finite = tf.reduce_all(tf.math.is_finite(rays), -1, keepdims=True)
        rays = tf.where(finite, rays, 0)
        turned = rotate_points(tf.concat([rays, tf.ones_like(rays[..., :1])], -1), rotation)
        turned, in_front = pinhole.divide_by_depth(turned)
        return tf.where(in_front & finite, turned, float("nan"))


def rotate_points(points, rotation) -> tf.Tensor:
    """Rotates points.

    Args:
        points: Tensor of shape `[..., L, 3]`.
        rotation: Tensor of shape `[..., 3, 3]`, for column vectors.

    Returns:
        Tensor of shape `[..., L, 3]`.

    >>> rotate_points([[1.0, 0.0, 0.0]], level_rotation(0.0, np.pi / 2)).numpy().round(3) + 0.0
    array([[ 0., -1.,  0.]], dtype=float32)
    """
    points, rotation = dtypes.to_common_float(points, rotation)
    return tf.matmul(points, rotation, transpose_b=True)


def depth_ratio(depths, root_depth) -> tf.Tensor:
    """Returns how many times as far as joint 0 the joints are.

    A joint at (X, Y, Z) projects to (X, Y) / Z. Times this ratio the projection is
    (X, Y) / root_depth, which the lift's weak perspective assumes.

    Args:
        depths: Tensor of shape `[..., L]`, mm: depths of the joints less that of joint 0.
        root_depth: Tensor of shape `[...]`, mm: depth of joint 0.

    Returns:
        Tensor of shape `[..., L]`: 1 where the root's depth is not positive and finite; a tenth
        for a joint that is nearer than that.

    >>> depth_ratio([500.0], 4000.0).numpy()
    array([1.125], dtype=float32)
    """
    depths, root_depth = dtypes.to_common_float(depths, root_depth)
    known = (root_depth > 0) & tf.math.is_finite(root_depth)
    depth = tf.where(known, root_depth, 1)[..., tf.newaxis]
    ratio = tf.maximum(1 + depths / depth, 0.1)
    return tf.where(known[..., tf.newaxis], ratio, 1)


def tilt(pitch):
    """Returns the rotation `[..., 3, 3]` from a level camera's frame to one that looks down."""
    cos, sin = tf.cos(pitch), tf.sin(pitch)
    return _matrix([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _matrix(rows):
    """Stacks numbers and tensors `[...]` of one shape to `[..., 3, 3]`."""
    like = next(entry for row in rows for entry in row if tf.is_tensor(entry))
    full = [
        [
            entry if tf.is_tensor(entry) else tf.fill(tf.shape(like), tf.cast(entry, like.dtype))
            for entry in row
        ]
        for row in rows
    ]
    return tf.stack([tf.stack(row, -1) for row in full], -2)


def _hypotenuse(x, y):
    """Returns the square root of x^2 + y^2, with zero gradient at zero."""
    square = x**2 + y**2
    positive = square > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, square, 1)), 0)


def _normalise(vector):
    return vector / tf.sqrt(tf.reduce_sum(vector**2, -1, keepdims=True))
