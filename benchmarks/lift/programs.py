"""The lift as functions to time, and inputs for them."""

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.accuracy import views
from tf_lift import skeletons
from tf_lift.ops.lift import lift as lifting

__all__ = [
    "bare_matmul",
    "forward",
    "forward_and_backward",
    "forward_in_turn",
    "forward_masked",
    "landmarks",
    "matmul_inputs",
    "random_masks",
    "random_prior",
    "synchronised",
    "upstreams",
]

# The bare product that the lift is measured by: the landmarks' products times the
# quadratic forms of 3 components at 80 angles, 17 landmarks.
MATMUL_SHAPE = (630, 240)


def forward(tables, compiled: bool, unknown_batch: bool = False):
    """Returns the default lift as a function of landmarks, of any number if wanted."""

    def lift(landmarks):
        return lifting.lift(landmarks, tables, jit_compile=compiled and "caller")

    signature = _signature(tables, 2) if unknown_batch else None
    return tf.function(lift, signature, jit_compile=compiled, autograph=False)


def forward_in_turn(tables, number: int):
    """Returns a compiled function that lifts landmarks, then what these project to, and on.

    It returns a list of all results.
    """

    def lift(landmarks):
        results = []
        for _ in range(number):
            results.append(lifting.lift(landmarks, tables, jit_compile="caller"))
            landmarks = results[-1]["landmarks"]
        return results

    return tf.function(lift, jit_compile=True, autograph=False)


def forward_masked(tables, compiled: bool):
    """Returns the default lift as a function of landmarks and their visibility."""

    def lift(landmarks, visibility):
        return lifting.lift(landmarks, tables, visibility, jit_compile=compiled)

    return tf.function(lift, jit_compile=compiled, autograph=False)


def forward_and_backward(tables, compiled: bool, unknown_batch: bool = False):
    """Returns the lift with its gradient as one function, of any number of poses if wanted.

    It takes landmarks and the upstream gradients of `joints_3d` and `landmarks`, and
    returns all results and the gradient of the landmarks.
    """

    def step(landmarks, joints_upstream, landmarks_upstream):
        with tf.GradientTape() as tape:
            tape.watch(landmarks)
            lifted = lifting.lift(landmarks, tables, jit_compile=compiled and "caller")
        targets = [lifted["joints_3d"], lifted["landmarks"]]
        upstream = [joints_upstream, landmarks_upstream]
        return lifted, tape.gradient(targets, landmarks, output_gradients=upstream)

    signature = _signature(tables, 2, 3, 2) if unknown_batch else None
    return tf.function(step, signature, jit_compile=compiled, autograph=False)


def _signature(tables, *axes):
    return [tf.TensorSpec([None, tables.num_joints, count]) for count in axes]


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


def random_masks(rng, batch: int, num_joints: int, max_missing: int = 6, distinct=None):
    """Draws which landmarks are seen.

    Args:
        rng: Random generator.
        batch: Number of masks.
        num_joints: Number of landmarks.
        max_missing: Each mask misses 0 to so many, all numbers equally likely.
        distinct: If given, the masks are drawn of so many.

    Returns:
        `[batch, num_joints]`, bool.
    """
    if distinct is not None:
        some = random_masks(rng, distinct, num_joints, max_missing)
        return some[rng.integers(distinct, size=batch)]
    missing = rng.integers(max_missing + 1, size=[batch, 1])
    return rng.random([batch, num_joints]).argsort(1).argsort(1) >= missing


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
    """Returns a function that returns when the device has done all that was asked."""

    def call(*inputs):
        function(*inputs)
        tf.test.experimental.sync_devices()

    return call
