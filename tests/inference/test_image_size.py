import json

import numpy as np
import pytest

import tf_lift
from tf_lift import cli
from tf_lift.inference import image_size, poses

pytestmark = pytest.mark.usefixtures("untraced_lifts")

CAMERA = tf_lift.Camera(1000.0, image_size=(640, 480))


@pytest.mark.parametrize(
    ("landmarks", "camera"),
    [
        ([[600.0, 470.0], [10.0, 20.0], [1e4, 1e4]], CAMERA),  # Two of three are inside.
        ([[700.0, 520.0], [-60.0, -40.0]], CAMERA),  # Cut off.
        ([[np.nan, np.nan]], CAMERA),
        ([[1e4, 1e4]], tf_lift.Camera(1000.0, (320.0, 240.0))),
        ([[1e4, 1e4]], None),
        ([[1e4, 1e4]], "level"),
    ],
)
def test_landmarks_of_the_image_pass(landmarks, camera):
    image_size.check([landmarks], camera)


@pytest.mark.parametrize("place", [(800.0, 100.0), (-80.0, 100.0), (100.0, 600.0), (1.0, -60.0)])
def test_landmarks_of_another_image_are_named(place):
    with pytest.raises(ValueError, match="image size of the landmarks, not 640 x 480 px"):
        image_size.check([[place, place, (300.0, 200.0)]], CAMERA)


def test_command_names_both_sizes(tmp_path, tiny_prior, capsys):
    landmarks = tiny_prior.sample(3, seed=2)[..., [0, 2]] * [1, -1] + [1500, 1200]
    with pytest.raises(ValueError, match="most of them far outside"):
        poses.lift_landmarks(landmarks, tiny_prior, camera=CAMERA)
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="h36m17")
    (tmp_path / "camera.json").write_text(
        json.dumps({"focal_length": 1000.0, "image_size": [640, 480]})
    )
    tiny_prior.save(tmp_path / "prior.npz")
    names = [str(tmp_path / name) for name in ("in.npz", "prior.npz", "out.npz", "camera.json")]
    command = ["lift", names[0], "--prior", names[1], "-o", names[2], "--camera", names[3]]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert "not 640 x 480 px" in error and "Received: landmarks from (" in error
