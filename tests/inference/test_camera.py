"""`tf-lift lift` and `predict` with the camera that took the images."""

import json

import numpy as np
import pytest
from reference import cameras as reference

import tf_lift
from tf_lift import Camera, cli
from tf_lift.inference import poses

pytestmark = pytest.mark.usefixtures("untraced_lifts")

LENS = [-0.4, 0.0, 0.0, 0.0, 0.0]


@pytest.fixture
def scene(tiny_prior):
    """Camera, joints [6, 17, 3] and roots [6, 3] in its frame, and landmarks."""
    camera = Camera(900.0, (320.0, 240.0), LENS, pitch=np.radians(20.0), roll=0.0)
    world = tiny_prior.sample(6, seed=1)
    joints = (world - world[:, :1]) @ reference.world_to_camera(0.0, camera.pitch, 0.0).T
    roots = np.linspace([-800, 200, 3500], [900, -300, 5000], 6)
    landmarks = camera.project(joints + roots[:, np.newaxis]).numpy()
    return camera, joints, roots, landmarks


def write_camera(path, **changes):
    content = {
        "focal_length": 900,
        "principal_point": [320, 240],
        "distortion": LENS,
        "pitch_degrees": 20,
        "roll_degrees": 0,
    }
    path.write_text(json.dumps(content | changes))


def run(tmp_path, landmarks, prior_path, *options):
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="h36m17")
    return cli.main(
        ["lift", str(tmp_path / "in.npz"), "--prior", str(prior_path)]
        + ["-o", str(tmp_path / "out.json"), "--camera", str(tmp_path / "camera.json"), *options]
    )


def test_command_places_the_poses(tiny_prior, prior_path, scene, tmp_path):
    camera, joints, roots, landmarks = scene
    landmarks[2, 5] = [320 + 900 * 0.7, 240]  # The lens shows nothing beyond 0.609.
    landmarks[4, 16] = np.nan
    write_camera(tmp_path / "camera.json")
    assert run(tmp_path, landmarks, prior_path, "--batch-size", "4", "--noise-mm", "0") == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["units"]["root_position"] == "mm, camera frame"
    visible = np.ones([6, 17], bool)
    visible[2, 5] = visible[4, 16] = False
    expected = tf_lift.lift(
        np.where(visible[..., None], landmarks, 0).astype(np.float32),
        tiny_prior,
        visible,
        camera=camera,
    )
    for name, tolerance in (("joints_3d", 0.2), ("root_position", 1.0), ("pitch", 1e-6)):
        found = np.array([pose[name] for pose in content["poses"]])
        np.testing.assert_allclose(found, expected[name], atol=tolerance)
    np.testing.assert_array_equal([pose["visibility"] for pose in content["poses"]], visible)
    found = np.array([pose["projected_landmarks"] for pose in content["poses"]])
    np.testing.assert_allclose(found, expected["landmarks"], atol=0.2)
    found = np.array([pose["root_position"] for pose in content["poses"]])
    assert np.median(np.linalg.norm(found - roots, axis=-1) / roots[:, 2]) < 0.05


def test_unknown_pitch_is_estimated_from_the_file(prior_path, scene, tmp_path):
    *_, landmarks = scene
    write_camera(tmp_path / "camera.json", pitch_degrees=None)
    assert run(tmp_path, landmarks, prior_path) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    pitches = {pose["pitch"] for pose in content["poses"]}
    assert len(pitches) == 1 and abs(np.degrees(pitches.pop()) - 20) < 6


def test_without_a_camera_there_is_no_place(tiny_prior, scene):
    found = poses.lift_landmarks(scene[-1], tiny_prior)
    assert found.root_position is None and "root_position" not in found.arrays()
    assert "root_position" not in found.to_dict()["units"]
    found = poses.lift_landmarks(scene[-1], tiny_prior, camera=scene[0])
    both = poses.Poses.concatenate([found, found])
    assert both.root_position.shape == (12, 3)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"pitch": 20}, (), "keys must be of"),
        ({"focal_length": -3}, (), "`focal_length` must be positive"),
        ({}, ("--scale", "0.2"), "`scale` must be None where a `Camera` is given"),
    ],
)
def test_bad_input_is_one_line(prior_path, scene, tmp_path, capsys, changes, options, message):
    write_camera(tmp_path / "camera.json", **changes)
    assert run(tmp_path, scene[-1], prior_path, *options) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out.json").exists()


def test_absent_camera_is_one_line(prior_path, scene, tmp_path, capsys):
    assert run(tmp_path, scene[-1], prior_path) == 2
    assert "camera.json" in capsys.readouterr().err
