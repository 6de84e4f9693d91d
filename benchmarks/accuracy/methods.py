"""Registry of the methods that the benchmark of accuracy compares.

A method is a function that learns from `TrainingData` and returns a `Predictor`; `register`
gives it a name and a title. To add one:

    @register("mine", "My method", "ours")
    def mine(training, options):
        prior = training.prior(mixture_size=8)
        return Predictor(lifter(prior, refine=True))
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.accuracy.martinez import NetworkConfig, train
from benchmarks.accuracy.protocol import TrainingData
from tf_lift.data.motion import bodies, recombination
from tf_lift.prior.learning import em
from tf_lift.training import prior_tuning

__all__ = [
    "CORRUPTION",
    "MANY_MODELS",
    "METHODS",
    "Method",
    "Options",
    "Predictor",
    "encode",
    "learn_default",
    "lifter",
    "register",
]

# Training data of the methods that learn from corrupted landmarks: largest number of missing
# landmarks, largest noise (px on a person of 300 px).
CORRUPTION = (6, 10.0)
# Poses of one call: the memory of a search grows with them.
_BATCH_SIZE = 500
# Number of views that the linear regression is fitted to, and its ridge: the inputs are of
# order 1.
_NUM_LINEAR_VIEWS = 50_000
_RIDGE = 1e-4


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the methods on the command line.

    Attributes:
        network_steps: Training steps of the network.
        network_mirroring: Whether its training poses are mirrored at random.
    """

    network_steps: int = 18000
    network_mirroring: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """A trained method.

    Attributes:
        predict: Function of `landmarks` `[N, L, 2]` (NaN where not visible), `visibility`
            `[N, L]` (bool) and `noise_px` `[N]` (standard deviation, px) to joints
            `[N, L, 3]` in mm, camera frame; joint 0 is subtracted afterwards.
        budget: Cost of the training, for the results.
    """

    predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    budget: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Method:
    """An entry of the registry.

    Attributes:
        name: Name on the command line and in the results.
        title: Name in the table.
        group: "baseline", "network", "paper" or "ours": its style in the figure.
        make: Function of `TrainingData` and `Options` to a `Predictor`.
        options: Names of the `Options` that change its result.
    """

    name: str
    title: str
    group: str
    make: Callable[[TrainingData, Options], Predictor]
    options: tuple[str, ...] = ()


METHODS: dict[str, Method] = {}


def register(name: str, title: str, group: str, options: tuple[str, ...] = (), **arguments):
    """Decorates a function that makes a `Predictor`, and registers it as a method.

    Args:
        name: Name of the method.
        title: Name in the table.
        group: "baseline", "network", "paper" or "ours".
        options: Names of the `Options` that change its result.
        **arguments: Passed on to the function: one function can be several methods.
    """

    def enter(make):
        bound = functools.partial(make, **arguments) if arguments else make
        METHODS[name] = Method(name, title, group, bound, options)
        return make

    return enter


@register("mean_pose", "Mean pose", "baseline")
def _mean_pose(training, options):
    """Predicts the same pose for all: the mean over clips, their mirror images and all yaws."""
    rng = np.random.default_rng(training.seed)
    height = training.draw(_NUM_LINEAR_VIEWS, rng)[..., 2].mean(axis=0)
    mirrored = list(tf_lift.skeletons.get(training.skeleton).swap)
    height = (height + height[mirrored]) / 2
    # Camera frame; the mean over all yaws leaves the vertical alone.
    pose = np.stack([0 * height, -height, 0 * height], axis=-1)
    return Predictor(lambda landmarks, *_: np.tile(pose, [len(landmarks), 1, 1]))


@register("linear_corrupted", "Linear regression, corrupted", "baseline", corruption=CORRUPTION)
@register("linear", "Linear regression", "baseline")
def _linear(training, options, corruption=None):
    rng = np.random.default_rng(training.seed)
    views = training.draw_views(_NUM_LINEAR_VIEWS, rng, corruption=corruption)
    with_visibility = corruption is not None

    def inputs_of(landmarks, visibility):
        inputs = encode(landmarks, visibility, with_visibility).astype(np.float64)
        return np.concatenate([inputs, np.ones([len(inputs), 1])], axis=1)

    inputs = inputs_of(views.landmarks, views.visibility)
    outputs = views.joints_3d.reshape(len(inputs), -1).astype(np.float64)
    gram = inputs.T @ inputs + _RIDGE * len(inputs) * np.eye(inputs.shape[1])
    matrix = np.linalg.solve(gram, inputs.T @ outputs)

    def predict(landmarks, visibility, noise_px):
        return (inputs_of(landmarks, visibility) @ matrix).reshape(len(landmarks), -1, 3)

    return Predictor(predict, {"num_views": len(inputs)})


_NETWORK_OPTIONS = ("network_steps", "network_mirroring")


@register(
    "network_corrupted",
    "Network, corrupted",
    "network",
    _NETWORK_OPTIONS,
    corruption=CORRUPTION,
)
@register("network", "Network", "network", _NETWORK_OPTIONS)
def _network(training, options, corruption=None):
    """Trains the network of Martinez et al. 2017, see `martinez`."""
    rng = np.random.default_rng(training.seed)
    with_visibility = corruption is not None
    sample = training.draw_views(20_000, rng, mirroring=options.network_mirroring)
    mean = sample.joints_3d.mean(axis=0)
    # Joint 0 never moves: its standard deviation is 0.
    stddev = np.maximum(sample.joints_3d.std(axis=0), 1.0)

    def draw(count):
        views = training.draw_views(
            count, rng, corruption=corruption, mirroring=options.network_mirroring
        )
        inputs = encode(views.landmarks, views.visibility, with_visibility)
        return inputs, ((views.joints_3d - mean) / stddev).reshape(count, -1)

    config = NetworkConfig(steps=options.network_steps, seed=training.seed)
    network, budget = train(draw, config)

    def predict(landmarks, visibility, noise_px):
        inputs = tf.constant(encode(landmarks, visibility, with_visibility))
        return network(inputs).numpy().reshape(landmarks.shape[:2] + (3,)) * stddev + mean

    return Predictor(predict, budget)


# The paper's prior: the most likely one, after convergence of EM.
_PAPER_PRIOR = {"noise_stddev": None, "max_iterations": 100}


@register("paper_k3", "Grid of the paper, K=3", "paper", mixture_size=3)
@register("paper_k1", "Grid of the paper, K=1", "paper", mixture_size=1)
def _paper(training, options, mixture_size):
    prior = training.prior(mixture_size=mixture_size, **_PAPER_PRIOR)
    return Predictor(lifter(prior, estimator="min_energy"))


@register("ours_plain", "Ours, plain (K=3)", "ours")
def _ours_plain(training, options):
    return Predictor(lifter(training.prior(mixture_size=3), estimator="map"))


@register("ours_mean", "Ours, mean of the candidates", "ours", estimator="mean")
@register("ours_refined", "Ours, refined", "ours", estimator="map", refine=True)
def _ours_with_noise(training, options, **lift_options):
    prior = training.prior(mixture_size=3)
    return Predictor(lifter(prior, knows_noise=True, **lift_options))


# The recipe of the prior that ships as "people", without and with recombined poses, other bodies
# and tuning: docs/prior.md.
_NUM_DRAWN = 60_000
_TUNE_STEPS = 2000
_BODIES = bodies.BodyVariation(hips=(0.09, 0.16), shoulders=(0.16, 0.23), forearm=(0.14, 0.17))
MANY_MODELS = {"mixture_size": 16, "num_bases": 40, "noise_stddev": 8.0, "shrinkage": 1.0}


@register("ours_limbs", "Ours, K=16, tuned, limbs", "ours", tuned=True, bone_lengths="prior")
@register("ours_tuned", "Ours, K=16, tuned", "ours", tuned=True)
@register("ours_many", "Ours, K=16", "ours")
def _ours_many(training, options, tuned=False, **lift_options):
    if tuned:
        prior, budget = learn_default(training), dataclasses.asdict(_tuning(training))
    else:
        prior, budget = training.prior(**MANY_MODELS), {}
    # The mean needs fewer angles than the choice of one.
    lift_options |= {"estimator": "mean", "num_rotations": 40}
    return Predictor(lifter(prior, knows_noise=True, **lift_options), budget)


def learn_default(training) -> tf_lift.PosePrior:
    """Learns a prior as the default one is learnt, by the command of docs/prior.md.

    Args:
        training: `protocol.TrainingData`.

    Returns:
        The `PosePrior`, learnt at the first call and kept.
    """
    return training.kept("tuned", lambda: _tuned(training, _tuning(training)))


def _tuning(training):
    return prior_tuning.TuningConfig(_TUNE_STEPS, bodies=_BODIES, seed=training.seed)


def _tuned(training, config):
    """Learns the prior as `tf-lift fit-prior --recombine 1 --tune` does."""
    poses = recombination.draw(
        training.poses,
        tf_lift.skeletons.get(training.skeleton),
        np.random.default_rng(training.seed),
        _NUM_DRAWN,
        share=1.0,
        weights=em.balanced_weights(training.clip) / len(training.poses),
    )
    prior = tf_lift.PosePrior.fit(
        poses, seed=training.seed, skeleton=training.skeleton, **MANY_MODELS
    )
    return prior_tuning.tune(prior, poses, config=config)


def lifter(
    prior, *, knows_noise: bool = False, **options
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Returns `tf_lift.lift` as the `predict` of a `Predictor`.

    Args:
        prior: `PosePrior`.
        knows_noise: Whether the lift gets the standard deviation of the noise, as
            `landmark_stddev`, and adds what the landmarks show beyond the bases,
            `add_residuals`: without noise the joints then project to the landmarks.
        **options: Further fields of `tf_lift.LiftOptions`.
    """
    if knows_noise:
        options |= {"add_residuals": True}

    # The lift needs no conversion of its code, which takes most of the time of a trace.
    @functools.partial(tf.function, autograph=False)
    def exact(**tensors):
        return tf_lift.lift(prior=prior, **tensors, **options, camera="level")["joints_3d"]

    @functools.partial(tf.function, autograph=False)
    def noisy(**tensors):
        return tf_lift.lift(prior=prior, **tensors, **options, landmark_stddev=1.0, camera="level")[
            "joints_3d"
        ]

    def predict(landmarks, visibility, noise_px):
        is_noisy = knows_noise and bool(np.any(noise_px))
        if is_noisy:
            if not np.all(noise_px > 0):
                raise ValueError("`noise_px` must be positive for all poses or zero for all")
            # The scale of the landmarks is free: in units of its noise, every pose has noise 1.
            landmarks = landmarks / noise_px[:, np.newaxis, np.newaxis]
        parts = []
        for first in range(0, len(landmarks), _BATCH_SIZE):
            part = slice(first, first + _BATCH_SIZE)
            tensors = {"landmarks": landmarks[part]}
            # Without visibility the lift takes its fastest path.
            if not visibility[part].all():
                tensors["visibility"] = visibility[part]
            joints_3d = noisy if is_noisy else exact
            parts.append(joints_3d(**{key: tf.constant(x) for key, x in tensors.items()}))
        return np.concatenate([part.numpy() for part in parts])

    return predict


def encode(landmarks, visibility, with_visibility: bool) -> np.ndarray:
    """Encodes landmarks for the learning methods, independently of place and scale.

    Args:
        landmarks: `[N, L, 2]`; values that are not visible do not count.
        visibility: `[N, L]`, bool; joint 0 must be visible.
        with_visibility: Whether the visibility is an input too.

    Returns:
        `[N, 2 * L]` or `[N, 3 * L]`, float32: landmarks relative to joint 0 and of unit root
        mean square over the visible ones, 0 where not visible; then the visibility.
    """
    seen = visibility[..., np.newaxis]
    centred = np.where(seen, landmarks - landmarks[:, :1], np.float32(0))
    size = np.sqrt((centred**2).sum(axis=(1, 2)) / (2 * visibility.sum(axis=1)))
    scaled = centred / np.maximum(size, 1e-9)[:, np.newaxis, np.newaxis]
    parts = [scaled.reshape(len(scaled), -1)] + [visibility] * with_visibility
    return np.concatenate(parts, axis=1).astype(np.float32)
