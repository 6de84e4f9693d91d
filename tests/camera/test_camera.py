"""`Camera`: what it takes, what it refuses, and its files."""

import dataclasses
import json

import numpy as np
import pytest
from reference import cameras as reference

from tf_lift import Camera
from tf_lift.camera.camera import factor_rotation

LENS = (-0.2, 0.24, -0.0009, -0.0014, -0.002)


def test_fields_are_checked_and_made_plain():
    camera = Camera(np.float32(1000), [320, 240], np.array(LENS), roll=1, image_size=(640, 480))
    assert camera.focal_length == (1000.0, 1000.0)
    assert camera.principal_point == (320.0, 240.0)
    assert camera.distortion == LENS
    assert (camera.pitch, camera.roll, camera.image_size) == (None, 1.0, (640, 480))
    assert hash(camera) == hash(dataclasses.replace(camera))
    with pytest.raises(dataclasses.FrozenInstanceError):
        camera.roll = 0.0
    assert Camera((900, 800), (1, 2)).focal_length == (900.0, 800.0)
    assert Camera(900, image_size=(641, 480)).principal_point == (320.0, 239.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"focal_length": 0.0}, "`focal_length` must be positive"),
        ({"focal_length": (900.0, -900.0)}, "`focal_length` must be positive"),
        ({"focal_length": (1.0, 2.0, 3.0)}, "`focal_length` must be finite numbers"),
        ({"focal_length": "wide"}, "`focal_length` must be finite numbers"),
        ({"focal_length": np.nan}, "`focal_length` must be finite numbers"),
        ({"principal_point": None}, "`principal_point` must be given where `image_size` is not"),
        ({"principal_point": (1.0,)}, "`principal_point` must be finite numbers"),
        ({"distortion": LENS[:4]}, "`distortion` must be finite numbers, k1, k2, p1, p2, k3"),
        ({"pitch": 15.0}, "`pitch` must be in radians"),
        ({"roll": 20.0}, "`roll` must be in radians"),
        ({"roll": "level"}, "`roll` must be finite numbers"),
        ({"image_size": (640.5, 480)}, "`image_size` must be"),
        ({"image_size": (0, 480)}, "`image_size` must be"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Camera(**{"focal_length": 900.0, "principal_point": (320.0, 240.0), **fields})


def test_rotation_is_factored(rng):
    for yaw, pitch, roll in rng.uniform(-1.5, 1.5, [6, 3]):
        matrix = reference.world_to_camera(2 * yaw, pitch, 2 * roll)
        np.testing.assert_allclose(factor_rotation(matrix), [pitch, 2 * roll], atol=1e-12)
    down = factor_rotation(reference.world_to_camera(0.7, np.pi / 2, 0.0))
    np.testing.assert_allclose(down, [np.pi / 2, 0.0], atol=1e-12)
    with pytest.raises(ValueError, match="`rotation` must be a rotation matrix"):
        factor_rotation(np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(ValueError, match="`rotation` must be a rotation matrix"):
        factor_rotation(1.01 * np.eye(3))
    with pytest.raises(ValueError, match="`rotation` must be a 3 x 3 matrix"):
        factor_rotation(np.eye(4))


def test_from_matrices():
    intrinsics = [[1145.0, 0, 512.5], [0, 1143.8, 515.4], [0, 0, 1]]
    rotation = reference.world_to_camera(2.0, 0.3, -0.1)
    camera = Camera.from_matrices(intrinsics, rotation, distortion=LENS)
    assert (camera.focal_length, camera.principal_point) == ((1145.0, 1143.8), (512.5, 515.4))
    np.testing.assert_allclose([camera.pitch, camera.roll], [0.3, -0.1])
    assert Camera.from_matrices(intrinsics, pitch=None).pitch is None
    for bad in (np.transpose(intrinsics), np.eye(3) + np.eye(3, k=1), np.diag([900, 900, 2])):
        with pytest.raises(ValueError, match="`intrinsics` must be"):
            Camera.from_matrices(bad)
    with pytest.raises(ValueError, match="`rotation` must be None where `pitch`"):
        Camera.from_matrices(intrinsics, rotation, pitch=0.2)


def test_from_field_of_view():
    camera = Camera.from_field_of_view(60.0, (1920, 1080), pitch=0.1)
    rays = camera.to_rays(np.array([[-0.5, 539.5], [1919.5, 539.5]])).numpy()
    np.testing.assert_allclose(np.degrees(np.arctan(rays[:, 0])), [-30, 30], rtol=1e-9)
    np.testing.assert_allclose(rays[:, 1], 0, atol=1e-9)
    assert camera.pitch == 0.1
    for angle in (0.0, 180.0, -5.0):
        with pytest.raises(ValueError, match="`horizontal_degrees` must be between"):
            Camera.from_field_of_view(angle, (1920, 1080))


def test_projection_keeps_the_type_of_its_input(rng):
    camera = Camera((1145.0, 1131.0), (512.5, 515.4), LENS)
    points = rng.uniform(-1, 1, [5, 3]) + [0, 0, 4]
    expected = reference.project(points, camera.focal_length, camera.principal_point, LENS)
    np.testing.assert_allclose(camera.project(points), expected, rtol=1e-12)
    rays = camera.to_rays(expected)
    np.testing.assert_allclose(rays, points[:, :2] / points[:, 2:], atol=1e-12)
    assert camera.project(points.astype(np.float32)).dtype == np.float32
    assert camera.to_rays(expected.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("content", "camera"),
    [
        (
            {"focal_length": 900, "principal_point": [320, 240], "distortion": list(LENS)},
            Camera(900.0, (320.0, 240.0), LENS),
        ),
        (
            {
                "intrinsics": [[900, 0, 320], [0, 800, 240], [0, 0, 1]],
                "pitch_degrees": 15,
                "roll_degrees": -3,
            },
            Camera((900, 800), (320, 240), pitch=np.radians(15), roll=np.radians(-3)),
        ),
        (
            {"horizontal_fov_degrees": 90, "image_size": [640, 480], "pitch_degrees": None},
            Camera(320.0, image_size=(640, 480), pitch=None),
        ),
        (
            {
                "focal_length": [900, 800],
                "image_size": [640, 480],
                "rotation": [[0, -1, 0], [0, 0, -1], [1, 0, 0]],
            },
            Camera((900, 800), pitch=0.0, roll=0.0, image_size=(640, 480)),
        ),
    ],
)
def test_files(content, camera, tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(content))
    assert Camera.load(path) == camera


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "`camera` must be a JSON file"),
        ("[1]", "a camera must be a JSON object. Received: list"),
        ("{}", "must have one of `focal_length`, `intrinsics`"),
        ('{"focal_length": 9, "horizontal_fov_degrees": 60}', "must have one of"),
        ('{"focal_length": 9}', "`principal_point` must be given"),
        ('{"focal_length": null, "image_size": [64, 48]}', "`focal_length` must be finite"),
        ('{"focal_length": 9, "image_size": [64, 48], "pitch": 15}', r"keys must be of .*pitch"),
        ('{"focal_length": 9, "image_size": [64, 48], "pitch_degrees": 95}', "`pitch` must be"),
        ('{"focal_length": 9, "image_size": [64, 48], "pitch_degrees": "up"}', "camera.json: "),
        ('{"focal_length": 9, "image_size": [64, 48], "roll_degrees": "level"}', "camera.json: "),
        ('{"horizontal_fov_degrees": 60}', "`image_size` must be given"),
        ('{"horizontal_fov_degrees": "60", "image_size": [64, 48]}', "camera.json: "),
        ('{"focal_length": 9, "image_size": 64}', "`image_size` must be finite"),
        ('{"intrinsics": [1, 2], "image_size": [64, 48]}', "`intrinsics` must be a 3 x 3"),
        (
            '{"intrinsics": [[9,0,3],[0,9,3],[0,0,1]], "principal_point": [1, 2]}',
            "`principal_point` must be left out",
        ),
        (
            '{"focal_length": 9, "image_size": [64, 48], "roll_degrees": 1, '
            '"rotation": [[1,0,0],[0,0,-1],[0,1,0]]}',
            "`rotation` or angles, not both",
        ),
    ],
)
def test_bad_files_are_named(text, message, tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Camera.load(path)


def test_binary_and_absent_files(tmp_path):
    (tmp_path / "camera.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="`camera` must be a JSON file"):
        Camera.load(tmp_path / "camera.json")
    with pytest.raises(FileNotFoundError):
        Camera.load(tmp_path / "none.json")
