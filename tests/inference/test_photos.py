import json

import numpy as np
import pytest
import tensorflow as tf
from dots import draw_dots
from PIL import Image

from tf_lift import cli, skeletons
from tf_lift.inference import detectors, photos

NAMES = skeletons.H36M_17.joint_names


@pytest.fixture(scope="module")
def detector(dot_networks):
    return detectors.BeliefMapDetector(dot_networks("keras"), input_size=(320, 240))


def test_predict_is_detect_and_lift(detector, standing, tiny_prior):
    drawn = [joint for joint in range(18) if joint != 4]  # The right wrist is not in the photo.
    found = photos.predict(draw_dots(standing, joints=drawn), detector, tiny_prior)
    hidden = {name for name, seen in zip(NAMES, found.visibility[0], strict=True) if not seen}
    assert hidden == {"spine", "thorax", "neck_nose", "right_wrist"}
    left = NAMES.index("left_ankle")
    np.testing.assert_allclose(found.landmarks[0, left], standing[13], atol=2)
    # A person seen from the front, upright, 0.12 px per mm: the left is on the right.
    assert found.scale[0] == pytest.approx(0.12, rel=0.1)
    joints_3d = found.joints_3d[0]
    assert joints_3d[NAMES.index("left_hip"), 0] > 80
    assert joints_3d[NAMES.index("right_hip"), 0] < -80
    assert joints_3d[left, 1] > 700
    assert joints_3d[NAMES.index("head_top"), 1] < -500


def test_predict_with_nobody(detector, tiny_prior):
    with pytest.raises(ValueError, match="at least 4 joints .* score 0.05 or more. Received: 0"):
        photos.predict(np.full([240, 320, 3], 70, np.uint8), detector, tiny_prior)


def _run(photo_list, network, prior, output, *options):
    return cli.main(
        ["predict", *map(str, photo_list), "--detector", str(network), "--skeleton", "openpose18"]
        + ["--prior", str(prior), "-o", str(output), *options]
    )


def test_command_writes_json_and_figure(dot_networks, photo, prior_path, tmp_path, standing):
    output = tmp_path / "new" / "poses"
    assert _run([photo], dot_networks("frozen"), prior_path, output) == 0
    assert sorted(path.name for path in output.iterdir()) == ["person.json", "person.png"]
    content = json.loads((output / "person.json").read_text())
    assert content["image"] == {"file": "person.png", "width": 320, "height": 240}
    assert content["detector"]["skeleton"] == "openpose18"
    assert content["joint_names"] == list(NAMES)
    (pose,) = content["poses"]
    assert {"landmarks", "joints_3d", "joints_3d_stddev", "visibility", "scores"} <= pose.keys()
    assert {"scale", "rotation_angle", "mixture_index", "energy"} <= pose.keys()
    assert np.shape(pose["joints_3d"]) == (17, 3)
    np.testing.assert_allclose(pose["landmarks"][3], standing[10], atol=2)
    with Image.open(output / "person.png") as figure:
        figure.load()
        assert figure.format == "PNG"
        assert figure.width > 1500
        assert figure.height > 500


def test_one_bad_photo_among_many(dot_networks, photo, prior_path, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    Image.new("RGB", (320, 240)).save(tmp_path / "nobody.png")
    (tmp_path / "twin").mkdir()
    twin = tmp_path / "twin" / "person.jpg"
    Image.open(photo).save(twin, format="PNG")
    listed = [tmp_path / "bad.jpg", photo, tmp_path / "nothing.png", tmp_path / "nobody.png", twin]
    output = tmp_path / "poses"
    assert _run(listed, dot_networks("keras"), prior_path, output, "--no-figure") == 2
    assert sorted(path.name for path in output.iterdir()) == ["person.json", "person_2.json"]
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 3
    for line, name in zip(errors, ("bad.jpg", "nothing.png", "nobody.png"), strict=True):
        assert line.startswith("tf-lift: error: ")
        assert name in line


def test_results_never_replace_a_photo(dot_networks, photo, prior_path, capsys):
    before = photo.read_bytes()
    assert _run([photo], dot_networks("keras"), prior_path, photo.parent) == 2
    assert "holds the photo person.png" in capsys.readouterr().err
    assert photo.read_bytes() == before
    assert [path.name for path in photo.parent.iterdir()] == ["person.png"]


def test_failed_write_leaves_nothing(detector, photo, tiny_prior, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(photos.figures, "draw_pose", fail)
    with pytest.raises(OSError, match="no space"):
        list(photos.predict_files([photo], detector, tiny_prior, tmp_path / "poses"))
    assert not (tmp_path / "poses").exists()


def test_box_and_threshold_from_the_command_line(dot_networks, prior_path, standing, tmp_path):
    Image.fromarray(np.concatenate([draw_dots(standing)] * 2, 1)).save(tmp_path / "two.png")
    options = ["--box", "320,0,320,240", "--min-score", "0.2", "--no-figure"]
    options += ["--input-size", "320x240", "--channels", "0-17", "--input-range", "0-255"]
    network = dot_networks("keras")
    assert _run([tmp_path / "two.png"], network, prior_path, tmp_path / "out", *options) == 0
    (pose,) = json.loads((tmp_path / "out" / "two.json").read_text())["poses"]
    np.testing.assert_allclose(pose["landmarks"][3], standing[10] + [320, 0], atol=2)
    assert _run(
        [tmp_path / "two.png"], network, prior_path, tmp_path / "high", "--min-score", "2"
    ) == (2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--skeleton", "stick"], "`skeleton` must be one of"),
        (["--box", "1,2,3"], "`--box` must be x,y,width,height"),
        (["--box", "1,2,3,0"], "`--box` must be x,y,width,height"),
        (["--input-size", "big"], "`--input-size` must be like 432x368"),
        (["--channels", "a-b"], "`--channels` must be like"),
        (["--input-range", "-2-2"], "`input_range` must be one of"),
        (["--output-name", "belief"], "`output_name` must be an output"),
        (["--detector", "nothing.pb"], "nothing.pb, which does not exist"),
    ],
)
def test_bad_options_are_one_line(
    dot_networks, photo, prior_path, tmp_path, capsys, options, message
):
    output = tmp_path / "poses"
    assert _run([photo], dot_networks("keras"), prior_path, output, *options) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert not output.exists()


def test_own_network_gets_its_own_range(tmp_path):
    image = tf.keras.Input([32, 32, 3], name="image")
    maps = tf.keras.layers.AveragePooling2D(8)(tf.keras.layers.Conv2D(18, 1)(image))
    pooled = tf.keras.layers.GlobalAveragePooling2D()(maps)
    outputs = {"stage_1": maps, "landmarks": pooled, "joints_3d": pooled}
    tf.keras.Model(image, outputs).save(tmp_path / "own.keras")
    detector = detectors.BeliefMapDetector(tmp_path / "own.keras", "h36m17")
    assert detector.input_range == "-0.5-0.5"
    assert detector.output_name == "stage_1"


def test_real_photo_lifts_to_a_sound_pose(shared_path):
    from tf_lift import PosePrior, inference

    detector = detectors.BeliefMapDetector(
        shared_path("models/coco18_mobilenet_v2_small.pb"), "openpose18"
    )
    image = inference.read_image(shared_path("data/images/000000000785.jpg"))
    found = photos.predict(image, detector, PosePrior.load())
    assert found.visibility[0].sum() == 14
    joints = dict(zip(NAMES, found.joints_3d[0], strict=True))
    # A person stands there, feet down, her right on the left of the picture, of human size.
    assert joints["left_ankle"][1] > 500
    assert joints["head_top"][1] < -400
    assert joints["right_shoulder"][0] < joints["left_shoulder"][0]
    height = joints["left_ankle"][1] - joints["head_top"][1]
    assert 1100 < height < 1800
    thigh = np.linalg.norm(joints["right_hip"] - joints["right_knee"])
    assert 300 < thigh < 500
    residual = np.linalg.norm(found.projected_landmarks - found.landmarks, axis=-1)
    assert np.nanmean(residual) < 8
