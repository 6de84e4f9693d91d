"""`tf-lift lift`: the prior and the noise that its options ask for."""

import dataclasses
import json

import numpy as np
import pytest

import tf_lift
from tf_lift import cli


@pytest.fixture
def keypoints(tmp_path, tiny_prior):
    landmarks = tiny_prior.sample(2, seed=3)[..., [0, 2]] * [0.2, -0.2] + 300
    np.savez(tmp_path / "keypoints.npz", landmarks=landmarks.astype(np.float32))
    tiny_prior.save(tmp_path / "prior.npz")
    return landmarks.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 35.0])
def test_noise_to_expect_adds_to_that_of_the_prior(tmp_path, tiny_prior, keypoints, noise):
    arguments = ["--prior", tmp_path / "prior.npz", "--landmark-noise", noise, "-o"]
    arguments = ["lift", tmp_path / "keypoints.npz", *arguments, tmp_path / "poses.json"]
    assert cli.main([str(argument) for argument in [*arguments, "--skeleton", "h36m17"]]) == 0

    noise_stddev = np.hypot(tiny_prior.noise_stddev, noise)
    prior = dataclasses.replace(tiny_prior, noise_stddev=noise_stddev)
    expected = tf_lift.lift(keypoints, prior)["joints_3d"]
    found = json.loads((tmp_path / "poses.json").read_text())
    joints = [pose["joints_3d"] for pose in found["poses"]]
    np.testing.assert_allclose(joints, expected, atol=0.1)


@pytest.mark.parametrize("noise", ["-1", "nan", "inf"])
def test_bad_noise_is_named(tmp_path, keypoints, capsys, noise):
    arguments = ["lift", str(tmp_path / "keypoints.npz"), "--landmark-noise", noise]
    assert cli.main([*arguments, "-o", str(tmp_path / "poses.json")]) == 2
    assert "`--landmark-noise` must not be negative" in capsys.readouterr().err
    assert not (tmp_path / "poses.json").exists()
