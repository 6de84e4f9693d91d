"""The lift as functions to time, and makers of their landmarks."""

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.accuracy import views
from tf_lift import skeletons

__all__ = [
    "bare_matmul",
    "forward",
    "forward_and_backward",
    "forward_in_turn",
    "keyword",
    "landmarks",
    "matmul_inputs",
    "random_prior",
    "synchronised",
    "upstreams",
]

# The bare product that the lift is measured against: the landmarks' products times the
# quadratic forms of 3 components at 80 angles, 17 landmarks.
MATMUL_SHAPE = (630, 240)
# The estimator whose speed has aims, unless another is named.
_ESTIMATOR = "map"


def keyword(prior, *, compiled: bool = True, **options):
    """Returns the call that a user makes in eager mode.

    Args:
        prior: `PosePrior`.
        compiled: The keyword `jit_compile`.
        **options: The camera, "level" by default, and fields of `tf_lift.LiftOptions`; the
            estimator is "map" by default.

    Returns:
        Function of landmarks and, if wanted, their visibility.
    """
    options = {"estimator": _ESTIMATOR, "camera": "level"} | options

    def lift(landmarks, visibility=None):
        return tf_lift.lift(landmarks, prior, visibility, jit_compile=compiled, **options)

    return lift


def forward(prior, compiled: bool, *, unknown_batch: bool = False, inner=None, **options):
    """Returns the lift as one `tf.function`.

    Args:
        prior: `PosePrior`.
        compiled: Whether XLA compiles the function.
        unknown_batch: Whether its signature leaves the number of poses open; it then takes
            landmarks without visibility.
        inner: The lift's own `jit_compile`; by default that of the function.
        **options: See `keyword`.

    Returns:
        Function of landmarks and, if wanted, their visibility.
    """
    call = keyword(prior, compiled=compiled if inner is None else inner, **options)

    # TensorFlow gives no StableHLO of a function with optional arguments.
    def lift(*inputs):
        return call(*inputs)

    signature = _signature(prior, 2) if unknown_batch else None
    return tf.function(lift, signature, jit_compile=compiled, autograph=False)


def forward_in_turn(prior, number: int):
    """Returns a compiled function that lifts landmarks, then the projection of the result.

    Args:
        prior: `PosePrior`.
        number: Number of lifts, each of the landmarks to which the last one projects.

    Returns:
        Function of landmarks that returns the list of all results.
    """
    lift = keyword(prior)

    def lifts(landmarks):
        results = []
        for _ in range(number):
            results.append(lift(landmarks))
            landmarks = results[-1]["landmarks"]
        return results

    return tf.function(lifts, jit_compile=True, autograph=False)


def forward_and_backward(prior, compiled: bool, *, unknown_batch: bool = False, **options):
    """Returns the lift and its gradient as one `tf.function`.

    Args:
        prior: `PosePrior`.
        compiled: Whether XLA compiles the function.
        unknown_batch: Whether its signature leaves the number of poses open.
        **options: See `keyword`.

    Returns:
        Function of landmarks, the upstream gradients of `joints_3d` and `landmarks`, and, if
        wanted, the visibility. It returns all results and the gradient of the landmarks.
    """
    lift = keyword(prior, compiled=compiled, **options)

    def step(landmarks, joints_upstream, landmarks_upstream, *visibility):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            lifted = lift(landmarks, *visibility)
        targets = [lifted["joints_3d"], lifted["landmarks"]]
        upstream = [joints_upstream, landmarks_upstream]
        return lifted, tape.gradient(targets, landmarks, output_gradients=upstream)

    signature = _signature(prior, 2, 3, 2) if unknown_batch else None
    return tf.function(step, signature, jit_compile=compiled, autograph=False)


def _signature(prior, *axes):
    return [tf.TensorSpec([None, prior.num_joints, count]) for count in axes]


def bare_matmul(compiled: bool):
    """Returns the product of two matrices as a function."""
    return tf.function(tf.matmul, jit_compile=compiled, autograph=False)


def matmul_inputs(batch: int):
    """Returns a maker of `[batch, 630]` and `[630, 240]`, the former new each time."""
    forms = tf.constant(np.random.default_rng(0).standard_normal(MATMUL_SHAPE), tf.float32)

    def make(rng):
        return tf.constant(rng.standard_normal([batch, MATMUL_SHAPE[0]], np.float32)), forms

    return make


def landmarks(prior, batch: int):
    """Returns a maker of `[batch, L, 2]`: poses of the prior, turned at random, in pixels."""

    def make(rng):
        poses = prior.sample(batch, seed=int(rng.integers(2**31)))
        return (tf.constant(views.make_views(poses, rng).landmarks),)

    return make


def upstreams(batch: int, num_joints: int):
    """Returns a maker of random upstream gradients of `joints_3d` and `landmarks`."""

    def make(rng):
        return tuple(
            tf.constant(rng.standard_normal([batch, num_joints, axes], np.float32))
            for axes in (3, 2)
        )

    return make


def random_prior(mixture_size: int, num_bases: int, num_joints: int, seed: int = 0):
    """Returns a prior of any size: a tall cloud of joints that moves in random directions.

    Standard deviations fall from 600 to 20 mm, as those of people do.
    """
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal([mixture_size, num_joints, 3]) * [150.0, 100.0, 450.0]
    mean[:, 0] = 0.0
    directions = rng.standard_normal([mixture_size, 3 * num_joints - 3, num_bases])
    basis = np.linalg.qr(directions)[0].swapaxes(1, 2)
    basis = np.concatenate([np.zeros([mixture_size, num_bases, 3]), basis], 2)
    joints = tuple(f"joint_{index}" for index in range(num_joints))
    return tf_lift.PosePrior(
        mean_pose=mean,
        basis=basis.reshape(mixture_size, num_bases, num_joints, 3),
        stddev=np.tile(np.geomspace(600.0, 20.0, num_bases), [mixture_size, 1]),
        noise_stddev=np.full(mixture_size, 16.0),
        mixture_weights=np.full(mixture_size, 1 / mixture_size),
        skeleton=skeletons.Skeleton("random", joints, (-1, *range(num_joints - 1))),
    )


def synchronised(function):
    """Returns a function that returns when the device has finished all work."""

    def call(*inputs):
        function(*inputs)
        tf.test.experimental.sync_devices()

    return call
