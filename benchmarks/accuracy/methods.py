"""The methods that the benchmark of accuracy compares: a registry.

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
from tf_lift.training import prior_tuning

__all__ = [
    "CORRUPTION",
    "METHODS",
    "Method",
    "Options",
    "Predictor",
    "encode",
    "lifter",
    "register",
]

# What the learning methods that know of corruption are trained with: at most so many
# landmarks missing, at most so much noise (px on a person of 300 px).
CORRUPTION = (6, 10.0)
# Poses that are lifted at once: the memory of a search grows with it.
_BATCH_SIZE = 500
# Views that the linear regression is fitted to, and its ridge: the inputs are of order 1.
_NUM_LINEAR_VIEWS = 50_000
_RIDGE = 1e-4


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says about the methods.

    Attributes:
        network_steps: Training steps of the network.
        network_mirroring: Whether its training poses are mirrored at random.
    """

    network_steps: int = 18000
    network_mirroring: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """A method that has learnt.

    Attributes:
        predict: Function of `landmarks` `[N, L, 2]` (NaN where not visible), `visibility`
            `[N, L]` (bool) and `noise_px` `[N]` (standard deviation, px) to joints
            `[N, L, 3]` in mm, camera frame; joint 0 is subtracted afterwards.
        budget: What the learning took, for the results.
    """

    predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    budget: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Method:
    """An entry of the registry.

    Attributes:
        name: Name on the command line and in the results.
        title: What the table calls it.
        group: "baseline", "network", "paper" or "ours": its style in the figure.
        make: Function of `TrainingData` and `Options` to a `Predictor`.
        options: Names of those `Options` that change its result.
    """

    name: str
    title: str
    group: str
    make: Callable[[TrainingData, Options], Predictor]
    options: tuple[str, ...] = ()


METHODS: dict[str, Method] = {}


def register(name: str, title: str, group: str, options: tuple[str, ...] = (), **arguments):
    """Decorates a function that makes a `Predictor`, and enters it as a method.

    Args:
        name: Name of the method.
        title: What the table calls it.
        group: "baseline", "network", "paper" or "ours".
        options: Names of those `Options` that change its result.
        **arguments: Passed on to the function: one function can be several methods.
    """

    def enter(make):
        bound = functools.partial(make, **arguments) if arguments else make
        METHODS[name] = Method(name, title, group, bound, options)
        return make

    return enter


@register("mean_pose", "Mean pose", "baseline")
def _mean_pose(training, options):
    """The same for everybody: the mean over the clips, mirrored or not, and over all yaws."""
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
    """Martinez et al. 2017: see `martinez`."""
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


# A prior as the paper learns it: the most likely one, EM run to its end.
_PAPER_PRIOR = {"noise_stddev": None, "max_iterations": 100}


@register("paper_k3", "Grid of the paper, K=3", "paper", mixture_size=3)
@register("paper_k1", "Grid of the paper, K=1", "paper", mixture_size=1)
def _paper(training, options, mixture_size):
    prior = training.prior(mixture_size=mixture_size, **_PAPER_PRIOR)
    return Predictor(lifter(prior, selection="energy"))


@register("ours_plain", "Ours, plain (K=3)", "ours")
def _ours_plain(training, options):
    return Predictor(lifter(training.prior(mixture_size=3)))


@register("ours_mean", "Ours, mean of the candidates", "ours", selection="mean")
@register("ours_refined", "Ours, refined", "ours", refine=True)
def _ours_told(training, options, **lift_options):
    prior = training.prior(mixture_size=3)
    return Predictor(lifter(prior, tells_noise=True, **lift_options))


# The prior that ships as "cmu-tuned", before and after its tuning: docs/prior.md.
_MANY_MODELS = {"mixture_size": 16, "num_bases": 40, "noise_stddev": 8.0, "shrinkage": 1.0}


@register("ours_limbs", "Ours, K=16, tuned, limbs", "ours", tuned=True, bone_lengths="prior")
@register("ours_tuned", "Ours, K=16, tuned", "ours", tuned=True)
@register("ours_many", "Ours, K=16", "ours")
def _ours_many(training, options, tuned=False, **lift_options):
    prior, budget = training.prior(**_MANY_MODELS), {}
    if tuned:
        config = prior_tuning.TuningConfig(seed=training.seed)
        prior = training.kept("tuned", lambda: _tune(prior, training, config))
        budget = dataclasses.asdict(config)
    # The mean needs fewer angles than the choice of one.
    lift_options |= {"selection": "mean", "num_rotations": 40}
    return Predictor(lifter(prior, tells_noise=True, **lift_options), budget)


def _tune(prior, training, config):
    return prior_tuning.tune(prior, training.poses, training.clip, config)


def lifter(
    prior, *, tells_noise: bool = False, **options
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Returns `tf_lift.lift` as the `predict` of a `Predictor`.

    Args:
        prior: `PosePrior`.
        tells_noise: Whether the lift is told the noise, by `landmark_noise`, also where it
            is 0: the joints then lie where the landmarks are.
        **options: Further options of `tf_lift.lift`.
    """

    # The lift needs no conversion of its code, which takes most of the time of a trace.
    @tf.function(autograph=False)
    def joints_3d(**tensors):
        return tf_lift.lift(prior=prior, **tensors, **options)["joints_3d"]

    def predict(landmarks, visibility, noise_px):
        parts = []
        for first in range(0, len(landmarks), _BATCH_SIZE):
            part = slice(first, first + _BATCH_SIZE)
            tensors = {"landmarks": landmarks[part]}
            # All visible: the fast way.
            if not visibility[part].all():
                tensors["visibility"] = visibility[part]
            if tells_noise:
                noise = noise_px[part, np.newaxis]
                tensors["landmark_noise"] = np.broadcast_to(noise, visibility[part].shape)
            parts.append(joints_3d(**{key: tf.constant(x) for key, x in tensors.items()}))
        return np.concatenate([part.numpy() for part in parts])

    return predict


def encode(landmarks, visibility, with_visibility: bool) -> np.ndarray:
    """Makes the inputs of the learning methods, free of place and scale.

    Args:
        landmarks: `[N, L, 2]`; those not visible are not looked at.
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
