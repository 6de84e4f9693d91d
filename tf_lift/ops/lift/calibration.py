"""The one place where the deviations of joints are fitted to the errors of real people."""

import tensorflow as tf

__all__ = ["BONES", "FEW", "GROWTH", "RAY_STDDEV", "SINGLE", "calibrate", "ray_variance"]

# What each unit of misfit adds to the deviation, relative to that of the model: errors are in
# proportion to noise that was not told, and to the distance of a pose from the prior.
GROWTH = 2.6

# The same over the root of the number of coordinates: few coordinates tell the misfit badly,
# with a standard deviation that falls with that root.
FEW = 1.5

# Factor of a single candidate, whose model leaves out all but the next one.
SINGLE = 1.3

# Factor of the deviation with bone lengths, the person's or the prior's, which remove part of
# the error.
BONES = 0.9

# Of a camera without a focal length: the standard deviation of the angles between its axis and
# the ray to the person, rad, across and along the image. People anywhere in images of usual
# fields of view (45 to 75 degrees) that show them as a whole have 0.21 to 0.24.
RAY_STDDEV = 0.22


def calibrate(joints_3d_stddev, misfit, dimensions, read_out, joints_3d=None):
    """Scales deviations to the errors that poses of this misfit have.

    Args:
        joints_3d_stddev: `[B, L]`, mm, as the model has it.
        misfit: `[B]`.
        dimensions: `[B]`: number of free coordinates of the landmarks.
        read_out: `ReadOut`.
        joints_3d: `[B, L, 3]`, mm, relative to joint 0, where the ray to the person is unknown;
            `None` where it is known or the camera faces the person.

    Returns:
        `[B, L]`, mm, without gradient. Where the landmarks determine no pose, so that the misfit is
        infinite, the deviations stay.

    References:
        docs/method.md, M33 and M33a.

    >>> from tf_lift.ops.lift.options import ReadOut
    >>> misfit, dimensions = tf.constant([0.0, 1.0]), tf.constant([25.0, 25.0])
    >>> calibrate(tf.ones([2, 1]), misfit, dimensions, ReadOut("mean")).numpy()[:, 0].round(2)
    array([0.3, 2.9], dtype=float32)
    """
    factor = GROWTH * misfit + FEW / tf.sqrt(tf.maximum(dimensions, 1))
    if read_out.estimator != "mean":
        factor *= SINGLE
    if read_out.parents is not None:
        factor *= BONES
    variance = (factor[:, tf.newaxis] * joints_3d_stddev) ** 2
    if joints_3d is not None:
        variance += ray_variance(joints_3d)
    determined = ~tf.math.is_inf(misfit)[:, tf.newaxis]
    stddev = tf.where(determined, tf.sqrt(variance), joints_3d_stddev)
    return tf.stop_gradient(stddev)


def ray_variance(joints_3d):
    """Computes the variance of joints by that of the unknown ray to the person.

    Args:
        joints_3d: `[..., L, 3]`, mm, relative to joint 0, z away from the camera.

    Returns:
        `[..., L]`, mm^2, summed over the three axes.

    References:
        docs/method.md, M33a.

    >>> ray_variance(tf.constant([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])).numpy().round()
    array([  0., 484.], dtype=float32)
    """
    # A turn about x moves y and z, and a turn about y moves x and z.
    moved = tf.reduce_sum(joints_3d**2, -1) + joints_3d[..., 2] ** 2
    return RAY_STDDEV**2 * moved
