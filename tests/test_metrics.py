"""Keras metrics against the errors that they average."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tf_lift import metrics
from tf_lift.ops.errors import pose_errors

METRICS = [
    (metrics.MPJPE, pose_errors.mpjpe, 3),
    (metrics.PAMPJPE, pose_errors.pa_mpjpe, 3),
    (metrics.NMPJPE, pose_errors.n_mpjpe, 3),
    (metrics.PCK3D, pose_errors.pck3d, 3),
    (metrics.LandmarkError, pose_errors.landmark_error, 2),
]


def random_poses(rng, dimension, batch=6):
    true = 100 * rng.standard_normal([batch, 5, dimension])
    return true.astype(np.float32), (true + 60 * rng.standard_normal(true.shape)).astype(np.float32)


@pytest.mark.parametrize(("metric", "error", "dimension"), METRICS)
def test_mean_over_poses_of_several_batches(rng, metric, error, dimension):
    true, predicted = random_poses(rng, dimension)
    instance = metric()
    instance.update_state(true[:4], predicted[:4])
    instance.update_state(true[4:], predicted[4:])
    np.testing.assert_allclose(instance.result(), np.mean(error(predicted, true)), rtol=1e-5)
    instance.reset_state()
    assert float(instance.result()) == 0.0


@pytest.mark.parametrize(("metric", "error", "dimension"), METRICS)
def test_weights_of_joints_and_of_poses(rng, metric, error, dimension):
    true, predicted = random_poses(rng, dimension)
    weights = rng.uniform(0.1, 1.0, [6, 5]).astype(np.float32)
    weights[1, 2:] = 0.0
    weights[4] = 0.0
    true[5, 3] = np.nan
    errors = error(predicted, true, weights).numpy()
    instance = metric()
    instance.update_state(true, predicted, sample_weight=weights)
    # The pose without a visible joint does not enter the mean.
    np.testing.assert_allclose(instance.result(), np.mean(np.delete(errors, 4)), rtol=1e-5)

    pose_weights = weights[:, 0] + 0.1
    errors = error(predicted, true).numpy()
    for shape in ([6], [6, 1]):
        instance.reset_state()
        instance.update_state(true, predicted, sample_weight=pose_weights.reshape(shape))
        expected = np.average(errors, weights=pose_weights)
        np.testing.assert_allclose(instance.result(), expected, rtol=1e-5)


@pytest.mark.parametrize(("metric", "error", "dimension"), METRICS)
def test_pose_without_visible_joint_has_no_weight(rng, metric, error, dimension):
    true, predicted = random_poses(rng, dimension)
    true[2] = np.nan
    instance = metric()
    instance.update_state(true, predicted)
    expected = np.mean(np.delete(error(predicted, true), 2))
    np.testing.assert_allclose(instance.result(), expected, rtol=1e-5)
    instance.reset_state()
    instance.update_state(true[2:3], predicted[2:3])
    assert float(instance.result()) == 0.0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_compile(rng, jit_compile):
    """On a model with a dict of outputs, as the lifting CPM has."""
    true, predicted = random_poses(rng, 3)
    flat, flat_predicted = random_poses(rng, 2)
    true[0, 1] = np.nan
    inputs = tf.keras.Input([5, 3])
    landmark_inputs = tf.keras.Input([5, 2])
    outputs = {
        "landmarks": tf.keras.layers.Dense(2, kernel_initializer="identity", name="landmarks")(
            landmark_inputs
        ),
        "joints_3d": tf.keras.layers.Dense(3, kernel_initializer="identity", name="joints_3d")(
            inputs
        ),
    }
    model = tf.keras.Model([inputs, landmark_inputs], outputs)
    pose_metrics = [metric for metric, _, dimension in METRICS if dimension == 3]
    model.compile(
        optimizer="sgd",
        loss={"landmarks": "mse", "joints_3d": None},
        metrics={
            "landmarks": [metrics.LandmarkError()],
            "joints_3d": [metric() for metric in pose_metrics],
        },
        jit_compile=jit_compile,
    )
    targets = {"landmarks": flat, "joints_3d": true}
    report = model.evaluate(
        [predicted, flat_predicted], targets, batch_size=4, verbose=0, return_dict=True
    )
    for metric, error, dimension in METRICS:
        output = "landmarks" if dimension == 2 else "joints_3d"
        pair = (flat_predicted, flat) if dimension == 2 else (predicted, true)
        actual = report[f"{output}_{metric().name}"]
        np.testing.assert_allclose(actual, np.mean(error(*pair)), rtol=1e-3)


@pytest.mark.parametrize("metric", [metric for metric, _, _ in METRICS])
def test_config_round_trip(metric):
    instance = metric(name="error", **({"threshold": 80.0} if metric is metrics.PCK3D else {}))
    config = json.loads(json.dumps(instance.get_config()))
    assert metric.from_config(config).get_config() == instance.get_config()
    assert config["name"] == "error"


def test_pck_threshold(rng):
    true, predicted = random_poses(rng, 3)
    instance = metrics.PCK3D(threshold=80.0)
    instance.update_state(true, predicted)
    expected = np.mean(pose_errors.pck3d(predicted, true, threshold=80.0))
    np.testing.assert_allclose(instance.result(), expected, rtol=1e-6)
    assert expected < np.mean(pose_errors.pck3d(predicted, true))


def test_errors(rng):
    true, predicted = random_poses(rng, 3)
    with pytest.raises(ValueError, match=r"`sample_weight` must have shape .*\(6, 4\)"):
        metrics.MPJPE().update_state(true, predicted, sample_weight=np.ones([6, 4]))
    with pytest.raises(ValueError, match="`threshold` must be positive. Received: threshold=0"):
        metrics.PCK3D(threshold=0)
