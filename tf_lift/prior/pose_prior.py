"""The pose prior: a mixture of probabilistic PCA models of 3D poses."""

import dataclasses
import functools
import numbers
import pathlib
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.prior import arguments
from tf_lift.prior.gaussian import distribution
from tf_lift.prior.learning import em as learning
from tf_lift.prior.learning.statistics import PoseData, poses_array
from tf_lift.prior.storage import files, texts
from tf_lift.prior.storage.checkpoint import learn

__all__ = ["DEFAULT_MAX_ITERATIONS", "DEFAULT_NOISE_STDDEV", "PosePrior"]

# Noise (mm) of a prior that is learnt. The most likely noise is 3 to 13 mm, because the bases
# fit the bones of the subjects learnt from; other people need more: docs/prior.md.
DEFAULT_NOISE_STDDEV = 16.0
# Iterations of EM: more fit the subjects learnt from better, but lift others no better.
DEFAULT_MAX_ITERATIONS = 1


@dataclasses.dataclass(frozen=True, eq=False)
class PosePrior:
    """A mixture of probabilistic PCA models of 3D human poses.

    A pose of component k is `mean_pose + sum_j a_j basis_j + noise` with independent
    `a_j` of standard deviation `stddev_j`: its covariance is
    `basis.T @ diag(stddev**2) @ basis + noise_stddev**2 * I`.

    Frame: world, millimetres, z up, right-handed, known up to a rotation about z. Priors
    from `fit` have their **origin at joint 0**, the pelvis, which moves in no component: 2D
    landmarks in mm for a lift of given scale are relative to the pelvis. Their mean poses
    have the left hip towards +x and face -y, which is towards the camera at rotation 0.

    Priors compare and hash by identity; their arrays are read-only float64.

    Attributes:
        mean_pose: Array of shape `[K, L, 3]`, mm.
        basis: Array of shape `[K, J, L, 3]`, orthonormal over `L * 3` for each k.
        stddev: Array of shape `[K, J]`, mm, positive: standard deviations of the
            coefficients (the sigma of P2, a factor of the coefficients, is the inverse).
        noise_stddev: Array of shape `[K]`, mm, positive.
        mixture_weights: Array of shape `[K]`, positive, sums to 1.
        skeleton: Name of the skeleton of the joints, one of `tf_lift.skeletons`.
        credit: Text that credits the source of the data.

    Raises:
        ValueError: If shapes disagree or values are out of the ranges above.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017: section 4.

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
            # A read-only copy: tables are cached by the identity of the prior.
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

        Moves joint 0 of every pose to the origin and uses every pose as it is and mirrored.
        Grows a single PPCA model rank by rank and turns the poses about the vertical to fit
        it; its clusters start EM for the mixture (`tf_lift.prior.learning.em`). Poses are
        read in chunks and never copied: in addition to their array, learning needs a few
        numbers per pose. NumPy's linear algebra runs on one thread meanwhile.

        Args:
            poses: Array of shape `[N, L, 3]`, mm, z up, at any place and facing any way;
                at least `num_bases` of them.
            mixture_size: Number of components K.
            num_bases: Number of basis poses J, less than `3 * L - 3`.
            seed: Seed; the same poses and seed give the same prior, to the last bit on
                the same machine.
            groups: Array of shape `[N]`: label of each pose, such as its clip or subject.
                Every group then has the same weight, whatever its number of poses.
            noise_stddev: Standard deviation of the noise in mm, the same for every
                component; `None` for the most likely noise of each.
            max_iterations: Largest number of iterations of EM: 100 for the most likely
                prior, few for a prior that lifts unseen people.
            tolerance: EM stops when an iteration raises the mean log-likelihood of a pose
                by less than this.
            alignment: "likelihood" turns each pose to fit the single model, "facing" to face
                one way, "none" not at all.
            mirror: Whether to use every pose mirrored as well.
            shrinkage: Weight of the mean covariance of all components in the covariance of
                each, in multiples of the poses of an average component: about 1 for a
                mixture of many components, which otherwise overfit few people each.
            skeleton: Name of the skeleton of the joints, one of `tf_lift.skeletons`.
            credit: Text to keep with the prior.
            checkpoint: File for the state of the learning, written once a minute and on
                Ctrl-C. If it exists, learning continues from it, to the same prior as
                without an interruption. It stays when learning ends.
            on_progress: Called as `on_progress(stage, fraction, log_likelihood)` with the
                stage "align" or "mixture", the fraction of it that is done, and the mean
                log-likelihood of a pose, which never falls within "mixture".

        Raises:
            ValueError: If an argument has a wrong shape or size or is not finite, or if
                the checkpoint is damaged or belongs to other poses or settings.

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
        """Reads a prior that ships with the package, or a prior from a file.

        Args:
            path: Name of a prior that ships, such as "cmu" (a string without folder and
                ending), which returns the same object each time; a file from `save`; or the
                `.mat` file of the paper's authors (`mu`, `e`, `sigma`), which has no mixture
                weights and gets uniform ones. `None` for the default prior.

        Raises:
            ValueError: If there is no prior of that name, or the file is damaged, of another
                kind, or its arrays disagree.
            FileNotFoundError: If there is no such file.

        >>> PosePrior.load("cmu").skeleton
        'cmu17'
        """
        path = files.locate(path)
        # Priors that ship do not change: all callers share one object and its tables.
        return (_shipped if path.parent == files.FOLDER else _read)(cls, path)

    def save(self, path) -> None:
        """Writes the prior as npz, a whole file or none; `load` returns it exactly.

        Args:
            path: File to write; its folder must exist. `.npz` is the usual ending.

        Raises:
            ValueError: If the path ends in `.mat`, a format that is only read.
        """
        path = pathlib.Path(path)
        if path.suffix.lower() == ".mat":
            raise ValueError(f"`path` must end in .npz. Received: {str(path)!r}")
        files.write_npz(path, self._fields)

    def to_text(self) -> str:
        """Returns the prior as text, for places that hold only text, such as a layer's config.

        Returns:
            ASCII text, a third longer than the file of `save`; equal for equal priors.

        >>> prior = PosePrior.load("cmu")
        >>> copy = PosePrior.from_text(prior.to_text())
        >>> bool(np.all(copy.basis == prior.basis))
        True
        """
        _BY_TEXT.setdefault(self._text, self)
        return self._text

    @classmethod
    def from_text(cls, text: str) -> "PosePrior":
        """Returns the exact prior from its text.

        The same text returns the same object for as long as it is referenced, so that all
        layers restored from it share its tables.

        Args:
            text: Text from `to_text`.

        Raises:
            ValueError: If the text is damaged or of another kind.
        """
        if not isinstance(text, str):
            raise ValueError(f"`text` must be a string. Received: {type(text).__name__}")
        return _BY_TEXT.get(text) or _BY_TEXT.setdefault(text, cls(**texts.decode(text)))

    def with_noise(self, noise_mm: float) -> "PosePrior":
        """Returns this prior with the error of a detector added to its noise.

        The prior's own noise is that of exact joints. Landmarks of a detector have an error
        on top; it is independent, so the variances add:
        `noise_stddev = sqrt(self.noise_stddev**2 + noise_mm**2)`.

        The same `noise_mm` returns the same object for as long as it is referenced, so that
        all lifts with it share its tables.

        Args:
            noise_mm: Standard deviation of each coordinate of the landmarks, as a length on
                the person in mm; 0 for exact landmarks, which gives this prior itself.

        Returns:
            The prior with more noise; everything else stays the same.

        Raises:
            ValueError: If `noise_mm` is negative, not finite or not a number.

        References:
            docs/method.md, M1 and section 7.

        >>> prior = PosePrior.load("cmu")
        >>> prior.noise_stddev.round(1), prior.with_noise(12.0).noise_stddev.round(1)
        (array([16., 16., 16.]), array([20., 20., 20.]))
        """
        if not isinstance(noise_mm, numbers.Real) or not 0.0 <= noise_mm < np.inf:
            raise ValueError(
                f"`noise_mm` must be a finite number of at least 0, in mm. Received: {noise_mm!r}"
            )
        if noise_mm == 0.0:
            return self
        by_noise = _BY_NOISE.setdefault(self, weakref.WeakValueDictionary())
        noisier = by_noise.get(float(noise_mm))
        if noisier is None:
            noise_stddev = np.hypot(self.noise_stddev, float(noise_mm))
            noisier = dataclasses.replace(self, noise_stddev=noise_stddev)
            by_noise[float(noise_mm)] = noisier
        return noisier

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
            noise: Whether to add the isotropic noise, which moves every joint
                independently, joint 0 included.

        Returns:
            Array of shape `[num_poses, L, 3]`, mm, world frame, z up.
        """
        return distribution.sample(self, num_poses, seed, noise)

    def log_likelihood(self, poses, num_rotations: int = 1) -> NDArray[np.float64]:
        """Computes the log density of poses.

        Args:
            poses: Array of shape `[N, L, 3]`, mm, z up, in the prior's frame (for a prior
                that `fit` learnt: origin at joint 0).
            num_rotations: The density is the mean over this many equally spaced rotations
                about the vertical: 1 for poses as they face, 80 for poses that may face any
                way.

        Returns:
            Array of shape `[N]`, natural logarithm of a density in 1 / mm^(3 L).

        Raises:
            ValueError: If the poses have a wrong shape or are not finite.
        """
        return distribution.log_density(self, poses, num_rotations)


def _read(cls: Callable[..., PosePrior], path: pathlib.Path) -> PosePrior:
    fields = (files.read_mat if path.suffix.lower() == ".mat" else files.read_npz)(path)
    try:
        return cls(**fields)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


_shipped = functools.cache(_read)
# Priors by their text, for as long as they are referenced.
_BY_TEXT: weakref.WeakValueDictionary[str, PosePrior] = weakref.WeakValueDictionary()
# Results of `with_noise` by prior and noise in mm, for as long as both are referenced.
_BY_NOISE: weakref.WeakKeyDictionary[PosePrior, weakref.WeakValueDictionary[float, PosePrior]] = (
    weakref.WeakKeyDictionary()
)
