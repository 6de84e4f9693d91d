"""`tf-lift export` of a lift alone; the networks' commands run in `test_train_keras.py`."""

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift import cli


def test_lift_is_exported_with_its_options(tmp_path, small_layer_prior):
    small_layer_prior.save(tmp_path / "prior.npz")
    options = ["--estimator", "map", "--num-rotations", "6", "--noise-mm", "15"]
    arguments = ["export", "--prior", str(tmp_path / "prior.npz"), "-o", str(tmp_path / "out")]
    assert cli.main([*arguments, *options]) == 0
    landmarks = np.float32(small_layer_prior.sample(2, seed=1)[..., [0, 2]] * [0.3, -0.3])
    lift = tf.saved_model.load(str(tmp_path / "out" / "lift" / "1")).signatures["lift"]
    prior = small_layer_prior.with_noise(15.0)
    expected = tf_lift.lift(landmarks, prior, estimator="map", num_rotations=6, camera="level")
    found = lift(landmarks=tf.constant(landmarks))
    np.testing.assert_allclose(found["joints_3d"], expected["joints_3d"], rtol=1e-3, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Either `--model` or `--prior` must be given"),
        (["--model", "a", "--prior", "cmu"], "Either `--model` or `--prior` must be given"),
        (["--model", "a", "--estimator", "map"], "must not be given with `--model`"),
        (["--prior", "cmu", "--estimator", "best"], "`estimator` must be one of"),
    ],
)
def test_bad_arguments_of_an_export_are_named(capsys, arguments, message):
    assert cli.main(["export", *arguments]) == 2
    assert message in capsys.readouterr().err
