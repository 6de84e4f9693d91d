"""`tf-lift lift` and `predict`: options of the prior and of the lift, as in Python."""

import dataclasses
import inspect
import json

import numpy as np
import pytest

import tf_lift
from tf_lift import LiftOptions, cli
from tf_lift.cli import lift_options


@pytest.fixture
def keypoints(tmp_path, tiny_prior):
    landmarks = tiny_prior.sample(2, seed=3)[..., [0, 2]] * [0.2, -0.2] + 300
    np.savez(tmp_path / "keypoints.npz", landmarks=landmarks.astype(np.float32))
    tiny_prior.save(tmp_path / "prior.npz")
    return landmarks.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 35.0])
def test_noise_to_expect_adds_to_that_of_the_prior(tmp_path, tiny_prior, keypoints, noise):
    arguments = ["--prior", tmp_path / "prior.npz", "--noise-mm", noise, "-o"]
    arguments = ["lift", tmp_path / "keypoints.npz", *arguments, tmp_path / "poses.json"]
    assert cli.main([str(argument) for argument in [*arguments, "--skeleton", "h36m17"]]) == 0

    expected = tf_lift.lift(keypoints, tiny_prior.with_noise(noise))["joints_3d"]
    found = json.loads((tmp_path / "poses.json").read_text())
    joints = [pose["joints_3d"] for pose in found["poses"]]
    np.testing.assert_allclose(joints, expected, atol=0.1)


@pytest.mark.parametrize("noise", ["-1", "nan", "inf"])
def test_bad_noise_is_named(tmp_path, keypoints, capsys, noise):
    arguments = ["lift", str(tmp_path / "keypoints.npz"), "--noise-mm", noise]
    assert cli.main([*arguments, "-o", str(tmp_path / "poses.json")]) == 2
    assert "`noise_mm` must be a finite number" in capsys.readouterr().err
    assert not (tmp_path / "poses.json").exists()


def test_options_have_the_names_and_defaults_of_python():
    fields = {field.name: field.default for field in dataclasses.fields(LiftOptions)}
    defaults = {name: default for name, (_, default) in lift_options.OPTIONS.items()}
    assert list(defaults) == list(fields)
    assert defaults | {"pitches": (float(defaults["pitches"]),)} == fields
    for command in (cli.lift.lift, cli.predict.predict):
        assert set(fields) <= set(inspect.signature(command).parameters)


ANYTHING = [
    (
        ["--noise-mm", "0", "--add-residuals", "--bone-lengths", "prior"],
        {
            "add_residuals": True,
            "bone_lengths": "prior",
        },
    ),
    (
        ["--camera", "level", "--estimator", "min_energy", "--num-rotations", "8"]
        + ["--pitches", "-0.2,0.1"],
        {
            "camera": "level",
            "estimator": "min_energy",
            "num_rotations": 8,
            "pitches": (-0.2, 0.1),
        },
    ),
    (
        ["--camera", "level", "--estimator", "map", "--refine", "--height", "1700"]
        + ["--landmark-stddev", "4"],
        {
            "camera": "level",
            "estimator": "map",
            "refine": True,
            "height": 1700.0,
            "landmark_stddev": 4.0,
        },
    ),
    (
        ["--num-hypotheses", "2", "--temperature", "5", "--landmark-stddev", "1" + ",2" * 16],
        {"num_hypotheses": 2, "temperature": 5.0, "landmark_stddev": (1.0, *[2.0] * 16)},
    ),
    (["--bone-lengths", "300" + ",200" * 15], {"bone_lengths": (300.0, *[200.0] * 15)}),
]


@pytest.mark.parametrize(("arguments", "fields"), ANYTHING)
def test_every_option_is_that_of_python(tmp_path, tiny_prior, keypoints, arguments, fields):
    command = ["lift", "keypoints.npz", "--prior", "prior.npz", "-o", "poses.json"]
    command = [tmp_path / part if "." in part else part for part in command]
    command = [str(part) for part in [*command, "--skeleton", "h36m17", *arguments]]
    assert cli.main(command) == 0

    prior = tiny_prior.with_noise(0.0 if "--noise-mm" in arguments else 20.0)
    expected = tf_lift.lift(keypoints, prior, **fields)
    found = json.loads((tmp_path / "poses.json").read_text())["poses"]
    for name in ("joints_3d", "joints_3d_stddev", "scale"):
        np.testing.assert_allclose([pose[name] for pose in found], expected[name], atol=0.1)
    for name, value in expected.get("hypotheses", {}).items():
        written = [pose[f"hypotheses_{name}"] for pose in found]
        np.testing.assert_allclose(written, value, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pitches", "low"], "`--pitches` must be like 0.1,0.2. Received: 'low'"),
        (["--bone-lengths", "mine"], "`--bone-lengths` must be like"),
        (["--estimator", "energy"], "`estimator` must be one of"),
        (["--height", "1700", "--bone-lengths", "prior"], "`height` must be None"),
    ],
)
def test_bad_options_are_named(tmp_path, keypoints, capsys, arguments, message):
    command = ["lift", str(tmp_path / "keypoints.npz"), "-o", str(tmp_path / "poses.json")]
    assert cli.main([*command, *arguments]) == 2
    assert message in capsys.readouterr().err
