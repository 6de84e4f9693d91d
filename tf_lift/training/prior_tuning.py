"""Tunes a pose prior by gradient descent on the error of lifting."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.data.motion.bodies import BodyVariation, vary_bodies
from tf_lift.ops.geometry import rotations
from tf_lift.ops.lift import soft_lifting
from tf_lift.prior import PosePrior
from tf_lift.prior.gaussian import alignment, symmetry
from tf_lift.prior.learning.em import balanced_weights

__all__ = ["TuningConfig", "draw_views", "tune"]

# Poses are tuned in decimetres: a step of 1e-3 by Adam then moves a joint by 0.1 mm.
_MM = 100.0


@dataclasses.dataclass(frozen=True)
class TuningConfig:
    """Settings of tuning a prior.

    Attributes:
        steps: Number of steps of Adam: 300 for poses as they were recorded, which more steps
            memorise; 2,000 and more where a part is recombined (docs/prior.md).
        batch_size: Number of views per step.
        learning_rate: Learning rate of the first step, in decimetres; it falls to a twentieth.
        bodies: How far bodies vary, `data.motion.bodies.BodyVariation`.
        num_rotations: Number of angles about the vertical.
        temperature: See `layers.TrainablePPCALifting`.
        seed: Seed of the views.
    """

    steps: int = 300
    batch_size: int = 256
    learning_rate: float = 1e-3
    bodies: BodyVariation = BodyVariation()
    num_rotations: int = 24
    temperature: float = 3.0
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch_size", "num_rotations"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"`{name}` must be positive. Received: {getattr(self, name)}")


def tune(
    prior: PosePrior,
    poses,
    groups=None,
    config: TuningConfig | None = None,
    on_progress: Callable[[float, float], None] | None = None,
) -> PosePrior:
    """Tunes mean poses, bases, deviations, noise and weights of a prior to lift poses.

    Minimises the mean distance between joints and the lift's posterior mean (that of
    `layers.TrainablePPCALifting`) over orthographic views of poses, which are mirrored at
    random, given other bodies and turned about the vertical.

    The prior stays its own mirror image: a component and its mirror image share their
    parameters, and a component that is its own has symmetric and antisymmetric bases. A prior
    that is not its own mirror image becomes so first, by `symmetry.symmetrise`.

    Args:
        prior: `PosePrior` to start from.
        poses: `[N, L, 3]`, mm, world frame, z up.
        groups: `[N]`, label of each pose, such as its clip or subject; every group then has
            the same weight.
        config: `TuningConfig`.
        on_progress: Called as `on_progress(fraction, error)` with the fraction of the
            steps that is done and the training error in mm, a running mean.

    Returns:
        The tuned `PosePrior` with the same `credit`.

    Raises:
        ValueError: If shapes do not fit or values are not finite.

    References:
        Tome, Agapito and Russell. Wibergian Learning of Continuous Energy Functions.
        NeurIPS 2019. docs/method.md, section 11.

    >>> prior = tf_lift.PosePrior.load("cmu")
    >>> tuned = tune(prior, prior.sample(50, seed=1), config=TuningConfig(steps=2))
    >>> tuned.mixture_size == prior.mixture_size
    True
    """
    config = TuningConfig() if config is None else config
    poses = np.asarray(poses)
    if poses.ndim != 3 or poses.shape[1:] != (prior.num_joints, 3) or not len(poses):
        raise ValueError(
            f"`poses` must have shape [N, {prior.num_joints}, 3]. "
            f"Received: poses.shape={poses.shape}"
        )
    if not np.isfinite(poses).all():
        raise ValueError("`poses` must be finite. Received: NaN or infinity")
    if groups is not None and np.shape(groups) != (len(poses),):
        raise ValueError(
            f"`groups` must have shape [{len(poses)}]. Received: groups.shape={np.shape(groups)}"
        )
    if groups is not None:
        # Integers instead of labels are faster to balance, which happens at each step.
        groups = np.unique(groups, return_inverse=True)[1]
    rng = np.random.default_rng(config.seed)
    skeleton = skeletons.get(prior.skeleton)
    mixture = _MirroredMixture(prior, skeleton)
    optimizer = tf.keras.optimizers.Adam(
        tf.keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps, alpha=0.05)
    )
    optimizer.build(mixture.variables)
    spec = tf.TensorSpec([None, prior.num_joints, 3])

    @tf.function(input_signature=[spec], autograph=False)
    def step(joints_3d):
        with tf.GradientTape() as tape:
            mean_pose, loadings, log_noise, logits = mixture()
            tables = soft_lifting.tables(
                mean_pose,
                loadings,
                tf.exp(log_noise),
                tf.nn.log_softmax(logits),
                config.num_rotations,
            )
            lifted = soft_lifting.lift(joints_3d[..., :2], tables, config.temperature)[0]
            # Joint 0 is the origin of both poses, and so left out.
            difference = (_MM * lifted - joints_3d)[:, 1:]
            error = tf.reduce_mean(tf.norm(difference, axis=-1))
        gradients = tape.gradient(error, mixture.variables)
        optimizer.apply_gradients(zip(gradients, mixture.variables, strict=True))
        return error

    running = None
    for index in range(config.steps):
        views = draw_views(poses, skeleton, rng, config.batch_size, groups, config.bodies)
        error = float(step(tf.constant(views, tf.float32)))
        if not np.isfinite(error):
            raise ValueError(
                "`learning_rate` must be lower: the error is no longer finite. "
                f"Received: {config.learning_rate}"
            )
        running = error if running is None else 0.95 * running + 0.05 * error
        if on_progress is not None:
            on_progress((index + 1) / config.steps, running)
    return mixture.prior(prior.credit)


class _MirroredMixture:
    """Variables of a mixture that is its own mirror image.

    There are variables for one component of each pair, and for each component that is its
    own mirror image.
    """

    def __init__(self, prior, skeleton):
        self._skeleton = skeleton
        prior = dataclasses.replace(prior, **symmetry.symmetrise(prior, skeleton))
        partners = symmetry.partners_of(prior, skeleton)
        kept = np.flatnonzero(partners >= np.arange(len(partners)))
        is_own = partners[kept] == kept
        loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
        # 1 for a symmetric basis, -1 for an antisymmetric one.
        signs = np.sign(np.sum(loadings * alignment.mirror(loadings, skeleton), (2, 3)))[kept]
        self._is_own = tf.constant(is_own[:, np.newaxis, np.newaxis])
        self._signs = tf.constant(signs[:, :, np.newaxis, np.newaxis], tf.float32)
        self._paired = tf.constant(np.flatnonzero(~is_own), tf.int32)
        order = np.concatenate([kept, partners[kept[~is_own]]])
        self._place = tf.constant(np.argsort(order), tf.int32)
        self.variables = [
            tf.Variable(values[kept], dtype=tf.float32)
            for values in (
                prior.mean_pose / _MM,
                loadings / _MM,
                np.log(prior.noise_stddev / _MM),
                np.log(prior.mixture_weights),
            )
        ]
        self._skeleton_name = prior.skeleton

    def _mirror(self, poses):
        swapped = tf.gather(poses, self._skeleton.swap, axis=-2)
        return swapped * tf.constant([-1.0, 1.0, 1.0])

    def __call__(self):
        """Returns mean poses, loadings (dm), logarithms of noise and logits of all components."""
        mean, loadings, *others = (tf.convert_to_tensor(variable) for variable in self.variables)
        mean = tf.where(self._is_own, (mean + self._mirror(mean)) / 2.0, mean)
        even_or_odd = (loadings + self._signs * self._mirror(loadings)) / 2.0
        loadings = tf.where(self._is_own[..., tf.newaxis], even_or_odd, loadings)

        def whole(values, image):
            images = image(tf.gather(values, self._paired))
            return tf.gather(tf.concat([values, images], 0), self._place)

        return (
            whole(mean, self._mirror),
            whole(loadings, self._mirror),
            *(whole(values, tf.identity) for values in others),
        )

    def prior(self, credit):
        """Returns the `PosePrior`: bases are the principal axes of the loadings."""
        mean, loadings, log_noise, logits = (values.numpy().astype(np.float64) for values in self())
        # Joint 0 back at the origin: a lift of free position does not see the difference.
        mean, loadings = mean - mean[:, :1], loadings - loadings[:, :, :1]
        flat = loadings.reshape(*loadings.shape[:2], -1)
        _, stddev, basis = np.linalg.svd(flat, full_matrices=False)
        weights = np.exp(logits - logits.max())
        tuned = PosePrior(
            mean_pose=_MM * mean,
            basis=basis.reshape(loadings.shape),
            # Deviations must be positive, so a direction that has vanished gets this.
            stddev=_MM * np.maximum(stddev, 1e-9),
            noise_stddev=_MM * np.exp(log_noise),
            mixture_weights=weights / weights.sum(),
            skeleton=self._skeleton_name,
            credit=credit,
        )
        # Singular vectors differ between a component and its image by rounding.
        return dataclasses.replace(tuned, **symmetry.symmetrise(tuned, self._skeleton))


def draw_views(poses, skeleton, rng, count, groups=None, bodies=None):
    """Draws views of poses from random sides.

    Args:
        poses: `[N, L, 3]`, world frame, z up.
        skeleton: `Skeleton` of the joints.
        rng: Random generator.
        count: Number of views.
        groups: `[N]`, labels; every group then has the same weight.
        bodies: `data.motion.bodies.BodyVariation`, or `None` for the bodies of the poses.

    Returns:
        Joints `[count, L, 3]`, camera frame, origin at joint 0; half of them mirrored.
    """
    if groups is None:
        rows = rng.integers(len(poses), size=count)
    else:
        rows = rng.choice(len(poses), size=count, p=balanced_weights(groups) / len(poses))
    drawn = poses[rows] - poses[rows, :1]
    mirrored = drawn[:, list(skeleton.swap)] * np.array([-1, 1, 1])
    drawn = np.where(rng.random([count, 1, 1]) < 0.5, mirrored, drawn)
    if bodies is not None:
        drawn = vary_bodies(drawn, skeleton, rng, bodies)
    rotation = rotations.world_to_camera(rng.uniform(0, 2 * np.pi, count))
    return np.einsum("nij,nlj->nli", rotation, drawn)
