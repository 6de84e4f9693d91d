"""The pose prior: a mixture of probabilistic PCA models of 3D poses."""

import dataclasses
import functools
import pathlib
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.prior import alignment as rotation
from tf_lift.prior import arguments, files, learning, ppca, products, texts
from tf_lift.prior.checkpoint import learn
from tf_lift.prior.statistics import PoseData, poses_array

__all__ = ["DEFAULT_MAX_ITERATIONS", "DEFAULT_NOISE_STDDEV", "PosePrior"]

# Noise (mm) of a prior that is learnt. The most likely noise is that of the subjects at
# hand, whose bones the bases know by heart: 3 to 13 mm by component. Subjects held out of
# the CMU data are lifted better with more: docs/prior.md.
DEFAULT_NOISE_STDDEV = 16.0
# Iterations of EM, after which it is stopped early: it goes on to raise the likelihood of
# the subjects at hand, and lifts unseen ones no better: docs/prior.md.
DEFAULT_MAX_ITERATIONS = 1


# Poses whose density at all rotations is computed at once: 180 rotations take 3 MB.
LIKELIHOOD_CHUNK = 2048


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
        arguments.check_prior(self)

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
        alignment: str = "likelihood",
        mirror: bool = True,
        shrinkage: float = 0.0,
        skeleton: str = "h36m17",
        credit: str = "",
        checkpoint=None,
        on_progress: Callable[[str, float, float], None] | None = None,
    ) -> "PosePrior":
        """Learns a prior from poses.

        Joint 0 of every pose is moved to the origin. Every pose is used as it is and
        mirrored. A single PPCA model is grown rank by rank while the poses are turned
        about the vertical to fit it; its clusters start EM for the mixture
        (`tf_lift.prior.learning`). Poses are read chunk by chunk and never copied: beside
        an array of floats that holds them, learning needs a few numbers per pose.

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
            alignment: "likelihood": as said above; "facing": poses are only turned to
                face one way; "none": they stay as they stand.
            mirror: Whether every pose counts mirrored as well.
            shrinkage: Draws the covariance of every component to the mean of all, as far
                as this many times the poses of an average component would: about 1 for a
                mixture of many components, which else know few people by heart.
            skeleton: Name of the joints' convention, one of `tf_lift.skeletons`.
            credit: Text to keep with the prior.
            checkpoint: File that keeps the state of the learning, written once a minute
                and on Ctrl-C. Where it exists, learning goes on from it, to the same
                prior as if it had never stopped. It stays when learning ends.
            on_progress: Called as `on_progress(stage, fraction, log_likelihood)` with the
                stage "align" or "mixture", the fraction of it that is done, and the mean
                log-likelihood of a pose, which never falls within "mixture".

        Raises:
            ValueError: If an argument has a wrong shape or size or is not finite, or if
                the checkpoint is damaged or of other poses or settings.

        References:
            Tipping and Bishop. Mixtures of Probabilistic Principal Component Analysers.
            Neural Computation, 1999.

        >>> poses = PosePrior.load().sample(200, seed=1)
        >>> prior = PosePrior.fit(poses, mixture_size=1, num_bases=8)
        >>> prior.basis.shape
        (1, 8, 17, 3)
        """
        joints = skeletons.get(skeleton)
        poses = poses_array(poses)
        settings = learning.Settings(
            mixture_size, num_bases, seed, noise_stddev, tolerance, alignment, shrinkage
        )
        arguments.check_fit(poses, groups, joints, settings, max_iterations)
        weights = np.ones(len(poses)) if groups is None else learning.balanced_weights(groups)
        data = PoseData(poses, weights / weights.sum(), joints, mirror)
        state = learn(data, settings, max_iterations, checkpoint, on_progress)
        return cls(**learning.arrays(state, joints), skeleton=skeleton, credit=credit)

    @classmethod
    def load(cls, path=None) -> "PosePrior":
        """Reads a prior that ships with the package, or one from a file.

        Args:
            path: Name of a prior that ships, such as "cmu" (a text without folder and
                ending); or a file written by `save`, or the `.mat` file of the paper's
                authors (`mu`, `e`, `sigma`; it has no mixture weights: they are taken as
                uniform); `None` for the default of those that ship.

        Raises:
            ValueError: If there is no prior of that name, or if the file is no such file,
                is damaged, or its arrays disagree.
            FileNotFoundError: If there is no such file.

        >>> PosePrior.load("cmu").skeleton
        'h36m17'
        """
        path = files.locate(path)
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
        files.write_npz(path, self._fields)

    def to_text(self) -> str:
        """Returns the prior as a text, for what keeps texts only, such as a layer's config.

        Returns:
            ASCII text, a third longer than the file of `save`; the same for the same prior.

        >>> prior = PosePrior.load("cmu")
        >>> copy = PosePrior.from_text(prior.to_text())
        >>> bool(np.all(copy.basis == prior.basis))
        True
        """
        _BY_TEXT.setdefault(self._text, self)
        return self._text

    @classmethod
    def from_text(cls, text: str) -> "PosePrior":
        """Returns the prior of a text, exactly.

        The same text gives the same object while anybody holds it, so that all layers
        restored from it share its tables.

        Args:
            text: What `to_text` gave.

        Raises:
            ValueError: If it is another text, or a damaged one.
        """
        if not isinstance(text, str):
            raise ValueError(f"`text` must be a text. Received: {type(text).__name__}")
        prior = _BY_TEXT.get(text)
        if prior is None:
            prior = _BY_TEXT.setdefault(text, cls(**texts.decode(text)))
        return prior

    @property
    def _fields(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @functools.cached_property
    def _text(self):
        return texts.encode(self._fields)

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
        angles = 2.0 * np.pi * np.arange(num_rotations) / num_rotations
        total = np.empty(len(poses))
        for start in range(0, len(poses), LIKELIHOOD_CHUNK):
            rows = slice(start, start + LIKELIHOOD_CHUNK)
            total[rows] = self._rotated_density(poses[rows], angles)
        return total

    def _rotated_density(self, poses, angles):
        waves = np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)])
        waves = np.concatenate([waves, np.cos(2.0 * angles)[None], np.sin(2.0 * angles)[None]])
        total = np.full([len(angles), len(poses)], -np.inf)
        for k in range(self.mixture_size):
            basis = self.basis[k].reshape(self.num_bases, -1)
            deviations = basis, self.stddev[k], self.noise_stddev[k]
            harmonics = rotation.distance_harmonics(poses, self.mean_pose[k].ravel(), *deviations)
            density = ppca.log_density_at(products.product(harmonics.T, waves).T, *deviations)
            total = np.logaddexp(total, density + np.log(self.mixture_weights[k]))
        return np.logaddexp.reduce(total, axis=0) - np.log(len(angles))


# Those whose text is known, while somebody holds them.
_BY_TEXT: weakref.WeakValueDictionary[str, PosePrior] = weakref.WeakValueDictionary()
