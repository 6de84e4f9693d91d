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
    The search needs their products along an axis, n (n + 1), and across, n^2.

    For a level camera and an even number of angles the large tables keep the first half of
    these, H of M candidates: half a turn later horizontal coordinates and depths have
    changed their sign, no more. `find_half` and the functions beside it know.

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
        whitening: `[H, 2n, 2n]`; landmarks times this have y'My / noise^2 as their square.
        whitened_mean: `[H, 2n]`; p times that.
        growth: `[H, 2n, 3 (L - 1)]`; landmarks in mm times this are what they add to
            `rest`.
        rest: `[H, 3 (L - 1)]`; the pose for landmarks of zero, camera frame, first all x,
            then all y and all depths, relative to joint 0, which is left out. At a given
            scale of all L joints, as the prior has them.
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
        missing_variance: `[M, L]`; what missing landmarks add to the variance, see
            `masked_tables`. `None` where all are visible, as the next two.
        completion: `[H, 2n, R]`; landmarks times this are what completes them.
        places: `[D, R, 2n]`; where that belongs, for each of D masks.
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
    missing_variance: Any = None
    completion: Any = None
    places: Any = None

    @property
    def num_joints(self) -> int:
        """Number of landmarks."""
        return self.axes.shape[0]

    @property
    def num_candidates(self) -> int:
        """Number of candidates, M."""
        return self.constant.shape[-1]

    @property
    def per_component(self) -> int:
        """Number of candidates of one component."""
        return self.num_rotations * len(self.pitches)

    @property
    def is_halved(self) -> bool:
        """Whether the large tables keep half of the angles."""
        return self.rest.shape[0] < self.num_candidates

    @property
    def dtype(self):
        """Floating type of the tables."""
        return self.constant.dtype

    def find_half(self, indices):
        """Returns where the large tables have candidates, and signs, -1 half a turn later.

        Args:
            indices: Integers of any shape, 0 to M - 1.

        Returns:
            Integers of that shape, 0 to H - 1, and signs, or `None` where H is M.
        """
        if not self.is_halved:
            return indices, None
        half = self.num_rotations // 2
        turn = indices // half
        signs = tf.cast(1 - 2 * (turn % 2), self.dtype)
        return turn // 2 * half + indices % half, signs

    def turn_landmarks(self, landmarks, signs):
        """Returns landmarks `[..., 2n]` seen half a turn later where `signs` `[...]` are -1."""
        return self._turn(landmarks, signs, (1.0, 0.0))

    def turn_pose(self, pose, signs):
        """Returns poses, `[..., 3 (L - 1)]` or `[..., 3 L]` as `rest`, half a turn later."""
        return self._turn(pose, signs, (1.0, 0.0, 1.0))

    def _turn(self, values, signs, changes):
        if signs is None:
            return values
        changes = tf.repeat(tf.constant(changes, self.dtype), values.shape[-1] // len(changes))
        return values * (signs[..., tf.newaxis] * changes + (1 - changes))

    @functools.cached_property
    def heaviest(self):
        """Index of the candidate at angle zero of the component of the largest weight, int32."""
        return self._constant(lambda: tf.argmin(self.mixture_cost, output_type=tf.int32))

    @functools.cached_property
    def mean_pose(self):
        """`[L, 3]`; the mean pose of that candidate, relative to joint 0."""

        def make():
            mean = self.loadings[self.heaviest // self.per_component, -1]
            return tf.matmul(mean - mean[:1], self.rotation[self.heaviest], transpose_b=True)

        return self._constant(make)

    @functools.cached_property
    def mean_pose_stddev(self):
        """`[L]`; deviations of the joints of that component about its mean pose."""

        def make():
            loadings = self.loadings[self.heaviest // self.per_component, :-1]
            variance = tf.reduce_sum((loadings - loadings[:, :1]) ** 2, [0, 2])[1:]
            variance += 3 * tf.gather(self.noise_stddev, self.heaviest) ** 2
            return tf.pad(tf.sqrt(variance), [[1, 0]])

        return self._constant(make)

    @functools.cached_property
    def gradient(self):
        """`[H, 2n + 3 (L - 1), 2n]`; `whitening` and `growth` transposed: what it takes."""

        def make():
            both = tf.concat([self.whitening, self.growth], -1)
            return tf.linalg.matrix_transpose(both)

        return self._constant(make)

    @functools.cached_property
    def stacked(self):
        """`[2n, H, 2n + 3 (L - 1)]`; M_c and `growth` abreast."""

        def make():
            return tf.transpose(tf.concat([self.axes_form, self.growth], -1), [1, 0, 2])

        return self._constant(make)

    @functools.cached_property
    def axes_form(self):
        """`[H, 2n, 2n]`; M_c, in coordinates of `axes`."""

        def make():
            factor = self._noise_stddev_of_halves() * self.whitening
            return tf.matmul(factor, factor, transpose_b=True)

        return self._constant(make)

    @functools.cached_property
    def axes_linear(self):
        """`[H, 2n]`; p'M, as `axes_form`."""

        def make():
            factor = self._noise_stddev_of_halves() ** 2 * self.whitening
            return tf.linalg.matvec(factor, self.whitened_mean)

        return self._constant(make)

    @functools.cached_property
    def form(self):
        """`[2L, 2L, H]`; M_c of all landmarks, first all x, then all y."""

        def make():
            factor = self._of_all_landmarks(self._noise_stddev_of_halves() * self.whitening)
            return tf.transpose(tf.matmul(factor, factor, transpose_b=True), [2, 1, 0])

        return self._constant(make)

    @functools.cached_property
    def linear(self):
        """`[2L, H]`; p'M, as `form`."""

        def make():
            return tf.transpose(self._of_all_landmarks(self.axes_linear[..., tf.newaxis])[..., 0])

        return self._constant(make)

    def _noise_stddev_of_halves(self):
        """Returns `noise_stddev` of the first half of the angles, `[H, 1, 1]`."""
        values = self.noise_stddev
        if self.is_halved:
            values = tf.reshape(values, [-1, 2, self.num_rotations // 2])[:, 0]
        return tf.reshape(values, [-1, 1, 1])

    def _of_all_landmarks(self, table):
        """Returns a table `[H, 2n, R]` for coordinates of all landmarks, `[H, 2L, R]`."""
        by_axis = tf.reshape(table, [-1, 2, self.axes.shape[1], table.shape[2]])
        by_axis = tf.einsum("ln,mcnr->mclr", self.axes, by_axis)
        return tf.reshape(by_axis, [-1, 2 * self.num_joints, table.shape[2]])

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

    def _constant(self, make):
        if tf.is_symbolic_tensor(self.whitening):
            return make()
        # A constant of every graph to come, also where a graph asks for it first.
        with tf.init_scope():
            return make()
