"""Landmarks and covariances as weights have them: scaled, centred, missing ones left out."""

from typing import NamedTuple

import tensorflow as tf

from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["Observed", "centre_covariances", "observe"]


class Observed(NamedTuple):
    """Landmarks of poses with weights, poses last.

    Residuals are multiplied by the roots of the weights and centred by the weighted mean, so
    that the noise of all of them is the prior's and a translation changes nothing.

    Attributes:
        root: `[s, B]`; roots of the weights.
        mean: `[s, B]`; weights of the mean that a free translation removes.
        joints: `[s, B]`, int32; the joints of the s places, or `None` for all in order.
        landmarks: `[2, s, B]`; horizontal and vertical, scaled and centred.
        dimensions: `[B]`; number of free coordinates.
        unused: `[B]`; number of coordinates that take part with noise alone.
    """

    root: tf.Tensor
    mean: tf.Tensor
    joints: tf.Tensor | None
    landmarks: tf.Tensor
    dimensions: tf.Tensor
    unused: tf.Tensor

    def centre(self, values):
        """Returns values `[..., s, B]` of the joints, scaled and centred."""
        return self.root * (values - tf.reduce_sum(self.mean * values, -2, keepdims=True))

    def spread(self, values):
        """Applies the transpose of `centre` to `[..., s, B]`."""
        scaled = self.root * values
        return scaled - self.mean * tf.reduce_sum(scaled, -2, keepdims=True)

    def repeat(self, number):
        """Returns the same for `number` candidates of each pose, the first of all poses first."""
        return Observed(
            *(None if part is None else tf.concat([part] * number, -1) for part in self)
        )


def centre_covariances(blocks, root, mean, compiled):
    """Returns the covariances of coordinates that are scaled and centred.

    Args:
        blocks: `[F, s, s, ..., N]`.
        root: As of `Observed`, `[s, ..., N]`.
        mean: `[s, ..., N]`.
        compiled: Whether XLA compiles it.
    """
    blocks = materialize(blocks, compiled)
    left = materialize(tf.reduce_sum(blocks * mean, 2), compiled)
    right = materialize(tf.reduce_sum(blocks * mean[:, tf.newaxis], 1), compiled)
    both = materialize(tf.reduce_sum(mean * left, 1), compiled)
    blocks = (
        blocks
        - left[:, :, tf.newaxis]
        - right[:, tf.newaxis]
        + tf.reshape(both, tf.concat([tf.shape(both)[:1], [1, 1], tf.shape(both)[1:]], 0))
    )
    return materialize(root[:, tf.newaxis] * root * blocks, compiled)


def observe(landmarks, weights, free_scale, size=None):
    """Returns `Observed` of landmarks `[B, L, 2]` and weights `[B, L]`.

    Args:
        landmarks: `[B, L, 2]`, finite.
        weights: `[B, L]`, >= 0.
        free_scale: Whether scale and position are free.
        size: Number of joints to keep, the visible ones first; no pose may have more visible
            ones. `None` keeps all.
    """
    num_joints = weights.shape[-1]
    joints = None
    mean = component.mean_weights(weights, free_scale)
    dimensions = component.dimensions(weights, free_scale)
    if size is not None and size < num_joints:
        joints = tf.math.top_k(tf.cast(weights > 0, tf.int32), size).indices
        landmarks, weights, mean = (
            tf.gather(values, joints, batch_dims=1) for values in (landmarks, weights, mean)
        )
        joints = tf.transpose(joints)
    observed = Observed(
        tf.transpose(tf.sqrt(weights)),
        tf.transpose(mean),
        joints,
        tf.transpose(landmarks, [2, 1, 0]),
        dimensions,
        2.0 * weights.shape[-1] - dimensions,
    )
    return observed._replace(landmarks=observed.centre(observed.landmarks))
