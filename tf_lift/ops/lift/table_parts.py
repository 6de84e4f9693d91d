"""The parts of the constants of the lift, by the job that each is for."""

import dataclasses
import functools
from typing import Any

import tensorflow as tf

__all__ = ["ComponentTables", "PoseTables", "SearchTables", "constant"]


@dataclasses.dataclass(frozen=True, eq=False)
class SearchTables:
    """Constants that compare candidates where all landmarks are visible.

    Landmarks stand in the 2n coordinates of `axes`, first all horizontal, then all vertical.
    A quadratic form needs their n (n + 1) products on the same image axis and their n^2
    products across the two axes.

    Attributes:
        axes: `[L, n]`, orthonormal: the coordinates that no translation changes, n = L - 1,
            at a free scale; n = L otherwise.
        encode_same_axis: `[r, n (n + 1)]`: compresses products on one axis to r numbers;
            `None` where that saves no work, with r = n (n + 1).
        encode_cross_axis: `[s, n^2]`; the same for products across the axes.
        decode_same_axis: `[H, r]`; takes these numbers to their part of y'My.
        decode_cross_axis: `[H, s]`.
        linear_same_axis: `[H, n]`; p'My is the sum of this times the vertical coordinates
        linear_cross_axis: `[H, n]` and of this times the horizontal ones.
        constant: `[M]`; p'Mp, mm^2.
        normaliser: `[M]`; log-determinant less twice the log of the mixture weight.
    """

    axes: Any
    encode_same_axis: Any
    encode_cross_axis: Any
    decode_same_axis: Any
    decode_cross_axis: Any
    linear_same_axis: Any
    linear_cross_axis: Any
    constant: Any
    normaliser: Any


@dataclasses.dataclass(frozen=True, eq=False)
class PoseTables:
    """Constants that read poses out of candidates where all landmarks are visible.

    Attributes:
        whitening: `[H, 2n, 2n]`; landmarks times this have y'My / noise^2 as their square.
        whitened_mean: `[H, 2n]`; the projected mean pose times that.
        landmarks_to_pose: `[H, 2n, 3 (L - 1)]`; landmarks in mm times this, plus
            `pose_offset`, are the pose.
        pose_offset: `[H, 3 (L - 1)]`; the pose for landmarks of zero, camera frame, first all
            x, then all y and all depths, relative to joint 0, which is left out. At a given
            scale of all L joints, as the prior has them.
        variance: `[M, L]`, mm^2, see `component.PPCAFit`.
    """

    whitening: Any
    whitened_mean: Any
    landmarks_to_pose: Any
    pose_offset: Any
    variance: Any

    @functools.cached_property
    def gradient(self):
        """`[H, 2n + 3 (L - 1), 2n]`; `whitening` and `landmarks_to_pose` transposed."""

        def make():
            both = tf.concat([self.whitening, self.landmarks_to_pose], -1)
            return tf.linalg.matrix_transpose(both)

        return constant(make, self.whitening)


@dataclasses.dataclass(frozen=True, eq=False)
class ComponentTables:
    """The mixture's components, seen from no side in particular, for landmarks with weights.

    World axes are those of a level camera at angle 0: 0 to the right, 1 away from the
    camera, 2 down. A candidate sees them turned by its `view`.

    Attributes:
        covariance: `[3, L, 3, L, K]`, mm^2; of the joints, noise not included.
        mean: `[3, L, K]`, mm.
        loadings: `[3 L, K J]`, mm.
        noise_variance: `[K]`, mm^2.
        mixture_cost: `[K]`; -2 log of the mixture weight.
        view: `[M, 3, 3]`; from these axes to the camera frame.
    """

    covariance: Any
    mean: Any
    loadings: Any
    noise_variance: Any
    mixture_cost: Any
    view: Any

    def directions(self, indices, per_component):
        """Returns `[..., L, 3, J + 1]`: loadings and mean pose in the camera frame.

        Args:
            indices: Candidates, `[...]`.
            per_component: Number of candidates of one component.
        """
        num_joints, size = self.mean.shape[1:]
        loadings = tf.reshape(self.loadings, [3, num_joints, size, -1])
        both = tf.concat([loadings, self.mean[..., tf.newaxis]], -1)
        chosen = tf.gather(tf.transpose(both, [2, 1, 0, 3]), indices // per_component)
        return tf.einsum("...cd,...ldj->...lcj", tf.gather(self.view, indices), chosen)


def constant(make, table):
    """Returns a constant of every graph to come, also where a graph asks for it first."""
    if tf.is_symbolic_tensor(table):
        return make()
    with tf.init_scope():
        return make()
