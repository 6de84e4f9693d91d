"""The constants of the lift: everything that depends on the prior and the rotations alone."""

import dataclasses
import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import pose_layout
from tf_lift.ops.lift.table_parts import ComponentTables, PoseTables, SearchTables, constant

__all__ = ["LiftTables"]


@dataclasses.dataclass(frozen=True, eq=False)
class LiftTables:
    """Precomputed constants for every candidate: a component seen at a rotation.

    Candidates are ordered by component, then pitch, then rotation angle: M = K * number
    of pitches * number of rotation angles. Tables are tensors of one floating type, lengths
    in mm.

    For a level camera and an even number of angles the large tables keep the first half of
    the angles, H of M candidates: half a turn later horizontal coordinates and depths have
    changed their sign, no more. `fold_half_turn` and the functions after it know.

    Attributes:
        search: `SearchTables`.
        poses: `PoseTables`.
        components: `ComponentTables`.
        noise_stddev: `[M]`, mm.
        mixture_cost: `[M]`; -2 log of the mixture weight.
        num_rotations: Number of angles about the vertical, evenly spaced from 0.
        num_coarse: Number of angles over half a turn from which the costs at all others
            follow by interpolation, see `fast.interpolation`, for a shortlist.
        num_coarse_mean: The same where the costs become probabilities.
        pitches: Camera pitches, rad.
        free_scale: Whether scale and position are free (weak perspective) or given.
    """

    search: SearchTables
    poses: PoseTables
    components: ComponentTables
    noise_stddev: Any
    mixture_cost: Any
    num_rotations: int
    num_coarse: int
    num_coarse_mean: int
    pitches: tuple[float, ...]
    free_scale: bool

    @property
    def num_joints(self) -> int:
        """Number of landmarks."""
        return self.search.axes.shape[0]

    @property
    def num_axes(self) -> int:
        """Number of coordinates of one image axis that no translation changes, n."""
        return self.search.axes.shape[1]

    @property
    def num_candidates(self) -> int:
        """Number of candidates, M."""
        return self.noise_stddev.shape[0]

    @property
    def num_components(self) -> int:
        """Number of components, K."""
        return self.components.mean.shape[-1]

    @property
    def per_component(self) -> int:
        """Number of candidates of one component."""
        return self.num_rotations * len(self.pitches)

    @property
    def uses_half_turn_symmetry(self) -> bool:
        """Whether the large tables keep half of the angles."""
        return self.poses.pose_offset.shape[0] < self.num_candidates

    @property
    def dtype(self):
        """Floating type of the tables."""
        return self.noise_stddev.dtype

    def fold_half_turn(self, indices):
        """Returns where the large tables have candidates, and signs, -1 half a turn later.

        Args:
            indices: Integers of any shape, 0 to M - 1.

        Returns:
            Integers of that shape, 0 to H - 1, and signs, or `None` where H is M.
        """
        if not self.uses_half_turn_symmetry:
            return indices, None
        half = self.num_rotations // 2
        turn = indices // half
        signs = tf.cast(1 - 2 * (turn % 2), self.dtype)
        return turn // 2 * half + indices % half, signs

    def turn_landmarks(self, landmarks, signs):
        """Returns landmarks `[..., 2n]` seen half a turn later where `signs` `[...]` are -1."""
        return self._turn(landmarks, signs, (1.0, 0.0))

    def turn_pose(self, pose, signs):
        """Returns poses, `[..., 3 (L - 1)]` or `[..., 3 L]`, half a turn later."""
        return self._turn(pose, signs, (1.0, 0.0, 1.0))

    def _turn(self, values, signs, changes):
        if signs is None:
            return values
        changes = tf.repeat(tf.constant(changes, self.dtype), values.shape[-1] // len(changes))
        return values * (signs[..., tf.newaxis] * changes + (1 - changes))

    @functools.cached_property
    def heaviest(self):
        """Index of the candidate at angle zero of the component of the largest weight, int32."""
        cost = self.mixture_cost
        return constant(lambda: tf.argmin(cost, output_type=tf.int32), cost)

    @functools.cached_property
    def mean_pose(self):
        """`[L, 3]`; the mean pose of that candidate, relative to joint 0."""

        def make():
            mean = self.components.mean[..., self.heaviest // self.per_component]
            view = self.components.view[self.heaviest]
            return tf.matmul(mean - mean[:, :1], view, transpose_a=True, transpose_b=True)

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def mean_pose_stddev(self):
        """`[L]`; deviations of the joints of that component about its mean pose."""

        def make():
            variance = self.rooted_variance[self.heaviest // self.per_component]
            variance = variance[1:] + 3 * tf.gather(self.noise_stddev, self.heaviest) ** 2
            return tf.pad(tf.sqrt(variance), [[1, 0]])

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def second_moments(self):
        """`[L, L]`, mm^2: mean products of two joints' image positions, over the prior's poses."""

        def make():
            shares, view = tf.nn.softmax(-self.mixture_cost / 2), self.components.view[:, :2]
            views = tf.einsum("m,mcp,mcq->mpq", shares, view, view)
            views = tf.reduce_sum(tf.reshape(views, [self.num_components, -1, 3, 3]), 1)
            mean = self.components.mean
            moments = self.components.covariance + tf.einsum("plk,qnk->plqnk", mean, mean)
            return tf.einsum("kpq,plqnk->ln", views, moments)

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def joint_by_joint(self):
        """`landmarks_to_pose` `[2n, H, 3 L]` and `pose_offset` `[H, 3 L]`, joint by joint."""

        def make():
            tables = []
            for table in (self.poses.landmarks_to_pose, self.poses.pose_offset):
                leading = table.shape[:-1]
                by_axis = tf.reshape(table, [*leading, 3, -1])
                by_joint = tf.linalg.matrix_transpose(by_axis)
                missing = self.num_joints - by_joint.shape[-2]
                by_joint = tf.pad(by_joint, [[0, 0]] * len(leading) + [[missing, 0], [0, 0]])
                tables.append(tf.reshape(by_joint, [*leading, -1]))
            return tf.transpose(tables[0], [1, 0, 2]), tables[1]

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def mean_matrices(self):
        """Factors of `landmarks_to_pose`, which compress weights of its sum over candidates.

        Of the even and of the odd part, see `fast.visible_mean`: `[3 n q, r]` and `[r, H]`, for
        each axis of a pose and coordinate of the landmarks.
        """

        def make():
            by_axis = tf.reshape(
                self.poses.landmarks_to_pose, [-1, 2, self.num_axes, 3, self.width]
            )
            horizontal, vertical = tf.unstack(tf.transpose(by_axis, [1, 3, 2, 4, 0]))
            factors = []
            for first, second in ((horizontal, vertical), (vertical, horizontal)):
                matrix = tf.stack([first[0], second[1], first[2]])
                matrix = tf.reshape(matrix, [3 * self.num_axes * self.width, -1])
                factors.append(_factor(matrix))
            return factors

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def added_by_axis(self):
        """`landmarks_to_pose` of horizontal and of vertical landmarks, rooted, `[H 3 q, n]`."""

        def make():
            rooted = pose_layout.rooted(self.poses.landmarks_to_pose, self)
            parts = tf.split(tf.transpose(rooted, [0, 2, 1]), 2, -1)
            return [tf.reshape(part, [-1, self.num_axes]) for part in parts]

        return constant(make, self.noise_stddev)

    @property
    def width(self) -> int:
        """Number of joints of a pose in the large tables, q: L - 1 at a free scale, L else."""
        return self.poses.pose_offset.shape[-1] // 3

    @functools.cached_property
    def rooted_covariance(self):
        """`[3, L K, 3 L]`, mm^2: landmarks along each world axis with joints less joint 0."""

        def make():
            covariance = self.components.covariance
            rooted = tf.transpose(covariance - covariance[:, :1], [2, 3, 4, 0, 1])
            rows = self.num_joints * self.num_components
            return tf.reshape(rooted, [3, rows, 3 * self.num_joints])

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def rooted_variance(self):
        """`[K, L]`, mm^2: prior variance of joints less joint 0, summed over the axes."""

        def make():
            rooted = self.components.covariance
            rooted -= rooted[:, :1]
            rooted -= rooted[:, :, :, :1]
            rooted = tf.transpose(rooted, [4, 0, 2, 1, 3])
            return tf.add_n([tf.linalg.diag_part(rooted[:, axis, axis]) for axis in range(3)])

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def axes_form(self):
        """`[H, 2n, 2n]`; M in the coordinates of `search.axes`."""

        def make():
            factor = self._noise_stddev_of_halves() * self.poses.whitening
            return tf.matmul(factor, factor, transpose_b=True)

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def form(self):
        """`[2L, 2L, H]`; M of all landmarks, first all x, then all y."""

        def make():
            factor = self._of_all_landmarks(self._noise_stddev_of_halves() * self.poses.whitening)
            return tf.transpose(tf.matmul(factor, factor, transpose_b=True), [2, 1, 0])

        return constant(make, self.noise_stddev)

    @functools.cached_property
    def linear(self):
        """`[2L, H]`; p'M, as `form`."""

        def make():
            factor = self._noise_stddev_of_halves() ** 2 * self.poses.whitening
            linear = tf.linalg.matvec(factor, self.poses.whitened_mean)
            return tf.transpose(self._of_all_landmarks(linear[..., tf.newaxis])[..., 0])

        return constant(make, self.noise_stddev)

    def _noise_stddev_of_halves(self):
        """Returns `noise_stddev` of the first half of the angles, `[H, 1, 1]`."""
        values = self.noise_stddev
        if self.uses_half_turn_symmetry:
            values = tf.reshape(values, [-1, 2, self.num_rotations // 2])[:, 0]
        return tf.reshape(values, [-1, 1, 1])

    def _of_all_landmarks(self, table):
        """Returns a table `[H, 2n, R]` for coordinates of all landmarks, `[H, 2L, R]`."""
        by_axis = tf.reshape(table, [-1, 2, self.num_axes, table.shape[2]])
        by_axis = tf.einsum("ln,mcnr->mclr", self.search.axes, by_axis)
        return tf.reshape(by_axis, [-1, 2 * self.num_joints, table.shape[2]])


def _factor(matrix):
    """Returns two factors of a matrix, of its singular value decomposition to seven digits."""
    left, values, right = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
    rank = np.count_nonzero(values > 1e-7 * values[0])
    factors = left[:, :rank] * values[:rank], right[:rank]
    return [tf.constant(factor, matrix.dtype) for factor in factors]
