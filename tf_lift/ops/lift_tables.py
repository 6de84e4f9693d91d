"""The constants of the lift: all that depends on the mixture component and rotation only."""

import dataclasses
import functools
from typing import Any

import tensorflow as tf

__all__ = ["LiftTables"]


@dataclasses.dataclass(frozen=True, eq=False)
class LiftTables:
    """Precomputed constants for every candidate: a component seen at a rotation.

    Candidates are ordered by component, then pitch, then rotation angle: M = K * number
    of pitches * number of rotation angles. All are tensors of one floating type, lengths in
    mm. D are the loadings of a candidate and p its mean pose as they are seen, with M_c the
    inverse covariance of its landmarks times noise^2.

    Landmarks have the 2n coordinates of `axes`, first all horizontal, then all vertical.
    The search needs their products along an axis, n (n + 1), and across, n^2. For a level
    camera and an even number of angles it keeps the first half of these, H of M
    candidates: half a turn later the products across have changed their sign, no more.

    Attributes:
        axes: `[L, n]`, orthonormal: what a translation does not change, n = L - 1, at a
            free scale; else n = L.
        encode_along: `[r, n (n + 1)]`: takes the products along an axis to r numbers;
            `None` where that would save no work, and r = n (n + 1).
        encode_across: `[s, n^2]`; the same for products across.
        decode_along: `[H, r]`; times these numbers it is their part of y'My.
        decode_across: `[H, s]`
        linear_along: `[H, n]`; p'My is the sum of this times the vertical coordinates
        linear_across: `[H, n]` and of this times the horizontal ones.
        constant: `[M]`; p'Mp, mm^2.
        whitening: `[M, 2n, 2n]`; landmarks times this have y'My / noise^2 as their square.
        whitened_mean: `[M, 2n]`; p times that.
        growth: `[M, 2n, 3 (L - 1)]`; landmarks in mm times this are what they add to
            `rest`, camera frame. At a given scale of all L joints.
        rest: `[M, 3 (L - 1)]`; the pose for landmarks of zero, relative to joint 0, which
            is left out. At a given scale of all L joints, as the prior has them.
        regression: `[M, 2L, J]`; the latents are landmarks, in mm, less p, times this.
        variance: `[M, L]`, see `ppca.PPCAFit`.
        noise_stddev: `[M]`, mm.
        mixture_cost: `[M]`; -2 log of the mixture weight.
        normaliser: `[M]`; log-determinant plus `mixture_cost`, all landmarks visible.
        rotation: `[M, 3, 3]`; from the world to the camera frame.
        loadings: `[K, J + 1, L, 3]`; loadings and mean pose in the world frame.
        one: 1, which no compiler knows, see `rotation_search`.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        pitches: Camera pitches, rad.
        free_scale: Whether scale and position are free (weak perspective) or given.
    """

    axes: Any
    encode_along: Any
    encode_across: Any
    decode_along: Any
    decode_across: Any
    linear_along: Any
    linear_across: Any
    constant: Any
    whitening: Any
    whitened_mean: Any
    growth: Any
    rest: Any
    regression: Any
    variance: Any
    noise_stddev: Any
    mixture_cost: Any
    normaliser: Any
    rotation: Any
    loadings: Any
    one: Any
    num_rotations: int
    pitches: tuple[float, ...]
    free_scale: bool

    @property
    def num_joints(self) -> int:
        """Number of landmarks."""
        return self.axes.shape[0]

    @property
    def num_candidates(self) -> int:
        """Number of candidates, M."""
        return self.constant.shape[0]

    @property
    def per_component(self) -> int:
        """Number of candidates of one component."""
        return self.num_rotations * len(self.pitches)

    @property
    def is_halved(self) -> bool:
        """Whether the search keeps half of the angles."""
        return self.decode_along.shape[0] < self.num_candidates

    @property
    def dtype(self):
        """Floating type of the tables."""
        return self.constant.dtype

    @functools.cached_property
    def growth_transposed(self):
        """`[M, 3 (L - 1), 2n]`: what the gradient takes."""
        return self._constant(lambda: tf.linalg.matrix_transpose(self.growth))

    @functools.cached_property
    def whitening_transposed(self):
        """`[M, 2n, 2n]`: what the gradient takes."""
        return self._constant(lambda: tf.linalg.matrix_transpose(self.whitening))

    @functools.cached_property
    def axes_form(self):
        """`[M, 2n, 2n]`; M_c, in coordinates of `axes`."""

        def make():
            factor = self.noise_stddev[:, tf.newaxis, tf.newaxis] * self.whitening
            return tf.matmul(factor, factor, transpose_b=True)

        return self._constant(make)

    @functools.cached_property
    def form(self):
        """`[2L, 2L, M]`; M_c of all landmarks, first all x, then all y."""

        def make():
            rows = self._flat(tf.einsum("ln,mcnr->mclr", self.axes, self._split(self.axes_form)))
            columns = tf.linalg.matrix_transpose(rows)
            both = self._flat(tf.einsum("ln,mcnr->mclr", self.axes, self._split(columns)))
            return tf.transpose(both, [2, 1, 0])

        return self._constant(make)

    @functools.cached_property
    def linear(self):
        """`[2L, M]`; p'M, as `form`."""

        def make():
            mean = tf.linalg.matvec(self.whitening, self.whitened_mean)
            mean *= self.noise_stddev[:, tf.newaxis] ** 2
            mean = tf.einsum("ln,mcnr->mclr", self.axes, self._split(mean[..., tf.newaxis]))
            return tf.transpose(self._flat(mean)[..., 0])

        return self._constant(make)

    def _split(self, table):
        return tf.reshape(table, [self.num_candidates, 2, self.axes.shape[1], table.shape[2]])

    def _flat(self, table):
        return tf.reshape(table, [self.num_candidates, 2 * self.num_joints, table.shape[-1]])

    @functools.cached_property
    def directions(self):
        """`[M, L, 3, J + 1]`; loadings and mean pose in the camera frame.

        The largest table, so it is made only where it is asked for: with weights, say.
        """

        def make():
            rotation = tf.reshape(self.rotation, [self.loadings.shape[0], -1, 3, 3])
            directions = tf.einsum("krdc,kjlc->krldj", rotation, self.loadings)
            return tf.reshape(directions, [self.num_candidates, *directions.shape[2:]])

        return self._constant(make)

    @staticmethod
    def _constant(make):
        # A constant of every graph to come, also where a graph asks for it first.
        with tf.init_scope():
            return make()
