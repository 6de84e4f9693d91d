"""The pose prior: a mixture of probabilistic PCA models of 3D poses."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.prior import files, learning, ppca

__all__ = ["DEFAULT_MAX_ITERATIONS", "DEFAULT_NOISE_STDDEV", "PosePrior"]

# How far from orthonormal a basis may be: float32 files pass, a scaled or transposed
# basis (errors of order 1) does not.
ORTHONORMAL_TOLERANCE = 1e-3

# Noise (mm) of a prior that is learnt. The most likely noise is that of the subjects at
# hand, whose bones the bases know by heart: 3 to 13 mm by component. Subjects held out of
# the CMU data are lifted better with more: over five seeds, three components have an MPJPE
# of 69 mm at 16 mm and, with some lifts far off, 98 mm at 12 mm.
DEFAULT_NOISE_STDDEV = 16.0
# Iterations of EM, after which it is stopped early: it goes on to raise the likelihood of
# the subjects at hand, and lifts unseen ones worse. MPJPE / PA-MPJPE over two folds of
# held-out CMU subjects and two seeds: 66.9 / 50.7 mm after 1 iteration, 79.6 / 55.2 after 5.
DEFAULT_MAX_ITERATIONS = 1


@dataclasses.dataclass(frozen=True, eq=False)
class PosePrior:
    """A mixture of probabilistic PCA models of 3D human poses.

    A pose of component k is `mean_pose + sum_j a_j basis_j + noise` with independent
    `a_j` of standard deviation `stddev_j`: its covariance is
    `basis.T @ diag(stddev**2) @ basis + noise_stddev**2 * I`.

    Frame: world, millimetres, z up, right-handed, known up to a rotation about z. The
    priors that `fit` learns have their **origin at joint 0** (the pelvis; it does not move
    in any component), so 2D landmarks in mm for a lift of given scale are relative to
    the pelvis; and their mean poses stand with the left hip towards +x and face -y, that
    is towards the camera at rotation 0.

    Priors compare and hash by identity; their arrays are read-only float64.

    Attributes:
        mean_pose: Array of shape `[K, L, 3]`, mm.
        basis: Array of shape `[K, J, L, 3]`, orthonormal over `L * 3` for each k.
        stddev: Array of shape `[K, J]`, mm, positive: standard deviations of the
            coefficients (the paper's sigma, by which it multiplies, is the inverse).
        noise_stddev: Array of shape `[K]`, mm, positive.
        mixture_weights: Array of shape `[K]`, positive, sums to 1.
        skeleton: Name of the joints' convention, one of `tf_lift.skeletons`.
        credit: Whom to thank for the data it was learnt from.

    Raises:
        ValueError: If the arrays disagree or break what is said above.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017: section 4.
        Tipping and Bishop. Mixtures of Probabilistic Principal Component Analysers.
        Neural Computation, 1999.

    >>> prior = PosePrior(
    ...     mean_pose=np.zeros([1, 17, 3]), basis=np.eye(51).reshape(1, 51, 17, 3)[:, :2],
    ...     stddev=[[200.0, 100.0]], noise_stddev=[10.0], mixture_weights=[1.0])
    >>> prior.mixture_size, prior.num_bases, prior.num_joints
    (1, 2, 17)
    >>> prior.sample(5, seed=0).shape
    (5, 17, 3)
    """

    mean_pose: NDArray[np.float64]
    basis: NDArray[np.float64]
    stddev: NDArray[np.float64]
    noise_stddev: NDArray[np.float64]
    mixture_weights: NDArray[np.float64]
    skeleton: str = "h36m17"
    credit: str = ""

    def __post_init__(self):
        for name in files.ARRAY_NAMES:
            # A copy of our own, so that nobody changes a prior behind cached tables.
            array = files.as_float64(getattr(self, name), name)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        self._check_shapes()
        self._check_values()

    @property
    def mixture_size(self) -> int:
        """Number of components K."""
        return self.mean_pose.shape[0]

    @property
    def num_bases(self) -> int:
        """Number of basis poses J of each component."""
        return self.basis.shape[1]

    @property
    def num_joints(self) -> int:
        """Number of joints L."""
        return self.mean_pose.shape[1]

    @classmethod
    def fit(
        cls,
        poses,
        mixture_size: int = 3,
        num_bases: int = 25,
        seed: int = 0,
        groups=None,
        *,
        noise_stddev: float | None = DEFAULT_NOISE_STDDEV,
        max_iterations: int = DEFAULT_MAX_ITERATIONS,
        tolerance: float = 1e-3,
        skeleton: str = "h36m17",
        credit: str = "",
        on_progress: Callable[[str, float, float], None] | None = None,
    ) -> "PosePrior":
        """Learns a prior from poses.

        Joint 0 of every pose is moved to the origin. Every pose is used as it is and
        mirrored. A single PPCA model is grown rank by rank while the poses are turned
        about the vertical to fit it; its clusters start EM for the mixture
        (`tf_lift.prior.learning`).

        Args:
            poses: Array of shape `[N, L, 3]`, mm, z up, wherever they stand and face;
                at least `num_bases` of them.
            mixture_size: Number of components K.
            num_bases: Number of basis poses J, less than `3 * L - 3`.
            seed: Seed; the same poses and seed give the same prior, to the last bit on
                the same machine.
            groups: Array of shape `[N]`: a label of each pose, say its clip or its
                subject. Every group then counts the same, however many poses it has.
            noise_stddev: Standard deviation of the noise in mm, the same for every
                component; `None` for the most likely one of each.
            max_iterations: Most iterations of EM: 100 for the most likely prior, few for
                one that lifts people it has not seen.
            tolerance: EM stops when an iteration raises the mean log-likelihood of a pose
                by less.
            skeleton: Name of the joints' convention, one of `tf_lift.skeletons`.
            credit: Text to keep with the prior.
            on_progress: Called as `on_progress(stage, fraction, log_likelihood)` with the
                stage "align" or "mixture", the fraction of it that is done, and the mean
                log-likelihood of a pose, which never falls within "mixture".

        Raises:
            ValueError: If an argument has a wrong shape or size or is not finite.

        References:
            Tipping and Bishop. Mixtures of Probabilistic Principal Component Analysers.
            Neural Computation, 1999.

        >>> poses = PosePrior.load().sample(200, seed=1)
        >>> prior = PosePrior.fit(poses, mixture_size=1, num_bases=8)
        >>> prior.basis.shape
        (1, 8, 17, 3)
        """
        joints = skeletons.get(skeleton)
        poses = files.as_float64(poses, "poses")
        learning.check_arguments(
            poses, groups, joints, mixture_size, num_bases, noise_stddev, max_iterations
        )
        arrays = learning.fit_mixture(
            poses - poses[:, :1],
            np.ones(len(poses)) if groups is None else learning.balanced_weights(groups),
            mixture_size,
            num_bases,
            seed,
            joints,
            noise_stddev,
            max_iterations,
            tolerance,
            on_progress or (lambda stage, fraction, log_likelihood: None),
        )
        return cls(**arrays, skeleton=skeleton, credit=credit)

    @classmethod
    def load(cls, path=None) -> "PosePrior":
        """Reads a prior from a file.

        Args:
            path: File written by `save`, or the `.mat` file of the paper's authors
                (`mu`, `e`, `sigma`; it has no mixture weights: they are taken as
                uniform); `None` for the prior that ships with the package.

        Raises:
            ValueError: If the file is no such file, is damaged, or its arrays disagree.
            FileNotFoundError: If there is no such file.

        >>> PosePrior.load().skeleton
        'h36m17'
        """
        path = files.DEFAULT_PATH if path is None else pathlib.Path(path)
        reader = files.read_mat if path.suffix.lower() == ".mat" else files.read_npz
        fields = reader(path)
        try:
            return cls(**fields)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def save(self, path) -> None:
        """Writes the prior as npz, whole or not at all; `load` gives it back exactly.

        Args:
            path: File to write; its folder must exist. `.npz` is the usual ending.

        Raises:
            ValueError: If the path ends in `.mat`, which is only read.
        """
        path = pathlib.Path(path)
        if path.suffix.lower() == ".mat":
            raise ValueError(f"`path` must end in .npz. Received: {str(path)!r}")
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        files.write_npz(path, fields)

    def sample(self, num_poses: int, seed: int = 0, noise: bool = False) -> NDArray[np.float64]:
        """Draws poses.

        Args:
            num_poses: Number of poses.
            seed: Seed; the same seed gives the same poses.
            noise: Whether to add the isotropic noise, which moves every joint on its own
                (also joint 0 off the origin).

        Returns:
            Array of shape `[num_poses, L, 3]`, mm, world frame, z up.
        """
        if num_poses < 1:
            raise ValueError(f"`num_poses` must be at least 1. Received: {num_poses}")
        rng = np.random.default_rng(seed)
        # Rounded weights may sum to 1 + 1e-7, which numpy's choice refuses.
        probabilities = self.mixture_weights / self.mixture_weights.sum()
        index = rng.choice(self.mixture_size, size=num_poses, p=probabilities)
        coefficients = rng.standard_normal([num_poses, self.num_bases]) * self.stddev[index]
        poses = np.empty([num_poses, self.num_joints, 3])
        for k in range(self.mixture_size):
            chosen = index == k
            offsets = np.tensordot(coefficients[chosen], self.basis[k], axes=1)
            poses[chosen] = self.mean_pose[k] + offsets
        if noise:
            poses += rng.standard_normal(poses.shape) * self.noise_stddev[index, None, None]
        return poses

    def log_likelihood(self, poses, num_rotations: int = 1) -> NDArray[np.float64]:
        """Computes the log density of poses.

        Args:
            poses: Array of shape `[N, L, 3]`, mm, z up, in the prior's frame (for a prior
                that `fit` learnt: origin at joint 0).
            num_rotations: The density is the mean over this many equally spaced rotations
                about the vertical: 1 takes the poses as they stand, 80 asks how likely a
                pose is whichever way it faces.

        Returns:
            Array of shape `[N]`, natural logarithm of a density in 1 / mm^(3 L).

        Raises:
            ValueError: If the poses have a wrong shape or are not finite.
        """
        poses = files.as_float64(poses, "poses")
        if poses.ndim != 3 or poses.shape[1:] != (self.num_joints, 3):
            raise ValueError(
                f"`poses` must have shape [N, {self.num_joints}, 3]. "
                f"Received: poses.shape={poses.shape}"
            )
        if num_rotations < 1:
            raise ValueError(f"`num_rotations` must be at least 1. Received: {num_rotations}")
        total = np.full(len(poses), -np.inf)
        for angle in 2.0 * np.pi * np.arange(num_rotations) / num_rotations:
            cosine, sine = np.cos(angle), np.sin(angle)
            x, y, z = np.moveaxis(poses, -1, 0)
            turned = np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)
            for k in range(self.mixture_size):
                density = ppca.log_density(
                    turned.reshape(len(poses), -1),
                    self.mean_pose[k].ravel(),
                    self.basis[k].reshape(self.num_bases, -1),
                    self.stddev[k],
                    self.noise_stddev[k],
                )
                total = np.logaddexp(total, density + np.log(self.mixture_weights[k]))
        return total - np.log(num_rotations)

    def _check_shapes(self):
        if self.basis.ndim != 4 or self.basis.shape[-1] != 3 or 0 in self.basis.shape:
            raise ValueError(
                "`basis` must have shape [mixture_size, num_bases, num_joints, 3]. "
                f"Received: basis.shape={self.basis.shape}"
            )
        size, num_bases, num_joints, _ = self.basis.shape
        expected = {
            "mean_pose": (size, num_joints, 3),
            "stddev": (size, num_bases),
            "noise_stddev": (size,),
            "mixture_weights": (size,),
        }
        for name, shape in expected.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ValueError(
                    f"`{name}` must have shape {list(shape)} to fit "
                    f"basis.shape={self.basis.shape}. Received: {name}.shape={actual}"
                )
        if skeletons.get(self.skeleton).num_joints != num_joints:
            raise ValueError(
                f"`basis` must have {skeletons.get(self.skeleton).num_joints} joints for the "
                f"skeleton {self.skeleton!r}. Received: basis.shape={self.basis.shape}"
            )

    def _check_values(self):
        for name in ("stddev", "noise_stddev", "mixture_weights"):
            smallest = getattr(self, name).min()
            if smallest <= 0.0:
                raise ValueError(f"`{name}` must be positive. Received: a value of {smallest:g}")
        total = self.mixture_weights.sum()
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"`mixture_weights` must sum to 1. Received: a sum of {total:g}")
        flat = self.basis.reshape(self.mixture_size, self.num_bases, -1)
        error = np.abs(flat @ flat.swapaxes(1, 2) - np.eye(self.num_bases)).max()
        if error > ORTHONORMAL_TOLERANCE:
            raise ValueError(
                "`basis` must be orthonormal over joints and coordinates. Received: "
                f"products of basis poses that are off by up to {error:g}"
            )
