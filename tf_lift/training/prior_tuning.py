"""Tunes a pose prior by gradient descent on the error of lifting."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.data.motion.bones import vary_bones
from tf_lift.layers import TrainablePPCALifting
from tf_lift.ops.geometry import rotations
from tf_lift.prior import PosePrior
from tf_lift.prior.learning.em import balanced_weights

__all__ = ["TuningConfig", "draw_views", "tune"]


@dataclasses.dataclass(frozen=True)
class TuningConfig:
    """Settings of tuning a prior.

    The defaults were chosen on two sets of held-out subjects of the CMU data, whose error is
    lowest after some 300 steps: docs/prior.md.

    Attributes:
        steps: Number of steps of Adam.
        batch_size: Number of views per step.
        learning_rate: Learning rate of the first step, in decimetres; it falls to a twentieth.
        bone_variation: Standard deviation of the logarithm of bone lengths, see
            `data.motion.bones.vary_bones`.
        num_rotations: Number of angles about the vertical.
        temperature: See `layers.TrainablePPCALifting`.
        seed: Seed of the views.
    """

    steps: int = 300
    batch_size: int = 128
    learning_rate: float = 1e-3
    bone_variation: float = 0.07
    num_rotations: int = 32
    temperature: float = 3.0
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch_size", "num_rotations"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"`{name}` must be positive. Received: {getattr(self, name)}")
        if not self.bone_variation >= 0.0:
            raise ValueError(
                f"`bone_variation` must not be negative. Received: {self.bone_variation}"
            )


def tune(
    prior: PosePrior,
    poses,
    groups=None,
    config: TuningConfig | None = None,
    on_progress: Callable[[float, float], None] | None = None,
) -> PosePrior:
    """Tunes mean poses, bases, deviations, noise and weights of a prior to lift poses.

    Minimises the mean distance between joints and the lift's posterior mean
    (`layers.TrainablePPCALifting`) over orthographic views of poses, which are mirrored at
    random, given other bone lengths and turned about the vertical.

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
    layer = TrainablePPCALifting(prior, config.num_rotations, config.temperature)
    optimizer = tf.keras.optimizers.Adam(
        tf.keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps, alpha=0.05)
    )
    variables = layer.trainable_variables
    optimizer.build(variables)
    spec = tf.TensorSpec([None, prior.num_joints, 3])

    @tf.function(input_signature=[spec])
    def step(joints_3d):
        with tf.GradientTape() as tape:
            # Joint 0 is the origin of both poses, and so left out.
            difference = (layer(joints_3d[..., :2]) - joints_3d)[:, 1:]
            error = tf.reduce_mean(tf.norm(difference, axis=-1))
        optimizer.apply_gradients(zip(tape.gradient(error, variables), variables, strict=True))
        return error

    running = None
    for index in range(config.steps):
        views = draw_views(
            poses, skeleton, rng, config.batch_size, groups, bone_variation=config.bone_variation
        )
        error = float(step(tf.constant(views, tf.float32)))
        if not np.isfinite(error):
            raise ValueError(
                "`learning_rate` must be lower: the error is no longer finite. "
                f"Received: {config.learning_rate}"
            )
        running = error if running is None else 0.95 * running + 0.05 * error
        if on_progress is not None:
            on_progress((index + 1) / config.steps, running)
    return layer.prior(credit=prior.credit)


def draw_views(poses, skeleton, rng, count, groups=None, bone_variation=0.0):
    """Draws views of poses from random sides.

    Args:
        poses: `[N, L, 3]`, world frame, z up.
        skeleton: `Skeleton` of the joints.
        rng: Random generator.
        count: Number of views.
        groups: `[N]`, labels; every group then has the same weight.
        bone_variation: See `data.motion.bones.vary_bones`.

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
    if bone_variation:
        drawn = vary_bones(drawn, skeleton, rng, bone_variation)
    rotation = rotations.world_to_camera(rng.uniform(0, 2 * np.pi, count))
    return np.einsum("nij,nlj->nli", rotation, drawn)
