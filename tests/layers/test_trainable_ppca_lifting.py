"""The layer whose prior learns: contract, the prior it returns, that it learns."""

import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.layers import TrainablePPCALifting
from tf_lift.ops.lift import soft_lifting
from tf_lift.prior import PosePrior


def make_landmarks(prior, num_poses):
    poses = prior.sample(num_poses, seed=5)
    return np.float32(0.3 * poses[..., [0, 2]] * [1, -1] + 200)


def test_layer_contract(tiny_prior, tmp_path):
    helpers.check_layer(
        lambda: TrainablePPCALifting(tiny_prior, num_rotations=6),
        make_landmarks(tiny_prior, 4),
        tmp_path,
        num_trainable=4,
        # Nothing depends on the size of the landmarks, which this check trains.
        trains=False,
        rtol=1e-3,
        atol=1e-2,
    )


def test_computes_the_soft_lift_of_its_prior(tiny_prior):
    landmarks = make_landmarks(tiny_prior, 3)
    tables = soft_lifting.tables(
        tiny_prior.mean_pose,
        tiny_prior.basis * tiny_prior.stddev[..., np.newaxis, np.newaxis],
        tiny_prior.noise_stddev,
        np.log(tiny_prior.mixture_weights),
        6,
    )
    expected = soft_lifting.lift(landmarks, tables, 2.0)[0]
    actual = TrainablePPCALifting(tiny_prior, num_rotations=6, temperature=2.0)(landmarks)
    np.testing.assert_allclose(actual, expected, atol=0.1)


def test_returns_the_prior_it_was_given(tiny_prior):
    prior = TrainablePPCALifting(tiny_prior, num_rotations=6).prior(credit="thanks")
    assert (prior.skeleton, prior.credit) == ("h36m17", "thanks")
    np.testing.assert_allclose(prior.mean_pose, tiny_prior.mean_pose, atol=1e-3)
    np.testing.assert_allclose(prior.stddev, tiny_prior.stddev, rtol=1e-5)
    np.testing.assert_allclose(prior.noise_stddev, tiny_prior.noise_stddev, rtol=1e-5)
    np.testing.assert_allclose(prior.mixture_weights, tiny_prior.mixture_weights, rtol=1e-5)
    products = np.einsum("kjlc,kilc->kji", prior.basis, tiny_prior.basis)
    np.testing.assert_allclose(np.abs(products), np.tile(np.eye(4), [2, 1, 1]), atol=1e-4)


def test_learns_every_parameter(tiny_prior):
    # A prior of other noise, weights and poses learns to lift the people of the first.
    rng = np.random.default_rng(0)
    wrong = PosePrior(
        mean_pose=tiny_prior.mean_pose + 30 * rng.standard_normal(tiny_prior.mean_pose.shape),
        basis=tiny_prior.basis,
        stddev=tiny_prior.stddev * 0.7,
        noise_stddev=tiny_prior.noise_stddev * 2,
        mixture_weights=tiny_prior.mixture_weights[::-1],
    )
    poses = tiny_prior.sample(256, seed=2)
    targets = poses[..., [0, 2, 1]] * [1, -1, 1]
    landmarks = np.float32(targets[..., :2])
    targets = np.float32(targets - targets[:, :1])
    layer = TrainablePPCALifting(wrong, num_rotations=6)
    before = [weight.numpy().copy() for weight in layer.trainable_variables]
    optimizer = tf.keras.optimizers.Adam(1e-2)
    errors = []
    step = tf.function(lambda: _step(layer, optimizer, landmarks, targets))
    optimizer.build(layer.trainable_variables)
    for _ in range(40):
        errors.append(float(step()))
    assert errors[-1] < 0.7 * errors[0]
    for weight, old in zip(layer.trainable_variables, before, strict=True):
        # Poses of one component say little about the weights of both, whose gradient is small
        # and changes its sign from step to step.
        assert np.abs(weight.numpy() - old).max() > 1e-4, weight.name


def _step(layer, optimizer, landmarks, targets):
    with tf.GradientTape() as tape:
        error = tf.reduce_mean(tf.norm(layer(landmarks) - targets + 1e-6, axis=-1))
    variables = layer.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(error, variables), variables, strict=True))
    return error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": None}, "`prior` must be a PosePrior"),
        ({"num_rotations": 0}, "`num_rotations` must be at least 1"),
        ({"temperature": 0.0}, "`temperature` must be positive"),
    ],
)
def test_bad_arguments_are_named(tiny_prior, arguments, message):
    with pytest.raises(ValueError, match=message):
        TrainablePPCALifting(**({"prior": tiny_prior} | arguments))
