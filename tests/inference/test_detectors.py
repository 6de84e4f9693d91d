import numpy as np
import pytest
import tensorflow as tf
from dots import dot_model, draw_dots, save_model

from tf_lift import skeletons
from tf_lift.inference import detectors

# Cells are 8 px; refined peaks of the dots are good to a quarter of one.
TOLERANCE_PX = 2.0


@pytest.mark.parametrize("kind", ["frozen", "saved_model", "keras", "h5"])
def test_finds_dots_in_every_format(dot_networks, standing, kind):
    detector = detectors.BeliefMapDetector(dot_networks(kind), input_size=(320, 240))
    found = detector.detect(draw_dots(standing))
    np.testing.assert_allclose(found.landmarks, standing, atol=TOLERANCE_PX)
    assert found.scores.min() > 0.3


@pytest.mark.parametrize(
    ("input_size", "width", "height"),
    [(None, 320, 240), ((320, 240), 320, 320), ((480, 400), 320, 240), ((200, 400), 200, 240)],
)
def test_landmarks_come_back_in_pixels_of_the_photo(
    dot_networks, standing, input_size, width, height
):
    # Padding, enlarging and reducing all are undone.
    detector = detectors.BeliefMapDetector(dot_networks("keras"), input_size=input_size)
    shift = np.array([(width - 320) / 2, 0])
    found = detector.detect(draw_dots(standing + shift, width, height))
    np.testing.assert_allclose(found.landmarks, standing + shift, atol=1.5 * TOLERANCE_PX)


def test_no_bias(dot_networks, rng):
    # Over all places within a cell the errors cancel; half a pixel forgotten would not.
    detector = detectors.BeliefMapDetector(dot_networks("keras"), input_size=(384, 192))
    places = np.stack(np.meshgrid(np.arange(6), np.arange(3)), -1).reshape(18, 2) * 60 + 36
    errors = []
    for _ in range(24):
        landmarks = places + rng.integers(0, 8, places.shape)
        errors.append(detector.detect(draw_dots(landmarks, 384, 192)).landmarks - landmarks)
    assert np.abs(np.mean(errors, axis=(0, 1))).max() < 0.25


def test_box_takes_one_of_two_people(dot_networks, standing):
    image = np.concatenate([draw_dots(standing)] * 2, axis=1)
    detector = detectors.BeliefMapDetector(dot_networks("keras"))
    for x in (0, 320):
        found = detector.detect(image, box=(x, 0, 320, 240))
        np.testing.assert_allclose(found.landmarks, standing + [x, 0], atol=TOLERANCE_PX)


def test_missing_joints_score_low(dot_networks, standing):
    drawn = [joint for joint in range(18) if joint not in (4, 10)]
    detector = detectors.BeliefMapDetector(dot_networks("keras"))
    scores = detector.detect(draw_dots(standing, joints=drawn)).scores
    assert scores[[4, 10]].max() < 0.01
    assert scores[drawn].min() > 0.3


def test_channels_reorder(tmp_path, standing):
    # The network's channels are the colours in order, the photo's colours are reversed.
    path = save_model(dot_model(20), tmp_path, "keras")
    image = draw_dots(np.concatenate([[[20, 20], [20, 40]], standing[::-1]]))
    channels = list(range(19, 1, -1))
    found = detectors.BeliefMapDetector(path, channels=channels).detect(image)
    np.testing.assert_allclose(found.landmarks, standing, atol=TOLERANCE_PX)


@pytest.mark.parametrize(
    ("input_range", "expected"),
    [("0-255", (0, 128, 255)), ("0-1", (0, 128 / 255, 1)), ("-1-1", (-1, 1 / 255, 1))]
    + [("-0.5-0.5", (-0.5, 0, 127 / 256))],
)
@pytest.mark.parametrize("bgr", [False, True])
def test_input_range_and_order(dot_networks, monkeypatch, input_range, expected, bgr):
    detector = detectors.BeliefMapDetector(
        dot_networks("keras"), input_range=input_range, bgr=bgr, input_size=(64, 64)
    )
    seen = []
    call = detector.network.call
    spy = detectors.networks.Network(
        detector.network.path, lambda x: seen.append(x.numpy()) or call(x), (None, None)
    )
    monkeypatch.setattr(detector, "network", spy)
    detector.detect(np.full([64, 64, 3], (0, 128, 255), np.uint8))
    np.testing.assert_allclose(seen[0][0, 5, 5], expected[:: -1 if bgr else 1], atol=1e-6)


def _stages(tmp_path):
    model = dot_model(18, extra_channels=1)
    extra = tf.keras.layers.Concatenate()([model.output] * 2)
    blank = tf.keras.layers.Rescaling(0.0)(model.output)
    outputs = {"stage_2": blank, "stage_10": model.output, "affinities": extra}
    path = tmp_path / "stages.keras"
    tf.keras.Model(model.inputs[0], outputs).save(path)
    return path


def test_picks_the_last_stage(tmp_path):
    assert detectors.BeliefMapDetector(_stages(tmp_path)).output_name == "stage_10"


def test_output_name_is_kept_to(tmp_path, standing):
    path = _stages(tmp_path)
    found = detectors.BeliefMapDetector(path, output_name="affinities").detect(draw_dots(standing))
    np.testing.assert_allclose(found.landmarks, standing, atol=TOLERANCE_PX)
    found = detectors.BeliefMapDetector(path, output_name="stage_2").detect(draw_dots(standing))
    assert found.scores.max() == 0


def test_fixed_input_size_is_kept_to(tmp_path, standing):
    path = save_model(dot_model(18, size=(160, 320)), tmp_path, "keras")
    detector = detectors.BeliefMapDetector(path)
    assert detector.input_size == (320, 160)
    found = detector.detect(draw_dots(standing))
    # Reduced to two thirds, a cell is 12 px of the photo.
    np.testing.assert_allclose(found.landmarks, standing, atol=3 * TOLERANCE_PX)
    with pytest.raises(ValueError, match=r"`input_size` .*\(320, 160\).*Received: \(64, 64\)"):
        detectors.BeliefMapDetector(path, input_size=(64, 64))


def test_centre_map_is_provided(tmp_path, standing):
    model = dot_model(18)
    centre = tf.keras.Input([None, None, 1], name="centre_map")
    small = tf.keras.layers.AveragePooling2D(8)(centre)
    maps = tf.keras.layers.Multiply()([model.output, small])
    path = tmp_path / "centred.keras"
    inputs = {"image": model.inputs[0], "centre_map": centre}
    tf.keras.Model(inputs, {"stage_1": maps}).save(path)
    found = detectors.BeliefMapDetector(path, input_size=(320, 240)).detect(draw_dots(standing))
    # The wrist is far from the middle, the hip near: both are there, scaled by the Gaussian.
    assert 0 < found.scores[10] < found.scores[8] < 1
    stddev = 240 * 21 / 368
    squared = ((standing[8] - [159.5, 119.5]) ** 2).sum()
    expected = 0.9 * np.exp(-squared / (2 * stddev**2))
    assert found.scores[8] == pytest.approx(expected, rel=0.4)


@pytest.mark.parametrize("kind", ["frozen", "saved_model", "keras"])
def test_too_few_channels_lists_what_was_found(tmp_path, kind):
    path = save_model(dot_model(5), tmp_path, kind)
    message = r"C >= 18, for openpose18. Received: .*\(1, \d+, \d+, 5\)"
    with pytest.raises(ValueError, match=message):
        detectors.BeliefMapDetector(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skeleton": "stick"}, "`skeleton` must be one of .*'stick'"),
        ({"input_range": "0-2"}, "`input_range` must be one of .*'0-2'"),
        ({"channels": [1, 2]}, r"`channels` must be 18 numbers .*\(1, 2\)"),
        ({"channels": range(10, 28)}, "C >= 28"),
        ({"input_size": (4, 100)}, r"`input_size` .*\(4, 100\)"),
        ({"input_name": "photo"}, "`input_name` must be an input of .*image.*'photo"),
        ({"output_name": "belief"}, "`output_name` must be .*'belief'"),
    ],
)
@pytest.mark.parametrize("kind", ["frozen", "saved_model", "keras"])
def test_bad_options(dot_networks, options, message, kind):
    with pytest.raises(ValueError, match=message):
        detectors.BeliefMapDetector(dot_networks(kind), **options)


@pytest.mark.parametrize(
    ("image", "box", "message"),
    [
        (np.zeros([8, 8], np.uint8), None, r"`image` must be uint8 .*\(8, 8\)"),
        (np.zeros([8, 8, 3], np.float32), None, "`image` must be uint8 .*float32"),
        (np.zeros([8, 8, 3], np.uint8), (20, 0, 5, 5), r"`box` must be .*8 x 8.*\(20, 0, 5, 5\)"),
    ],
)
def test_bad_image(dot_networks, image, box, message):
    detector = detectors.BeliefMapDetector(dot_networks("keras"))
    with pytest.raises(ValueError, match=message):
        detector.detect(image, box)


def test_real_network_on_a_real_photo(shared_path):
    """The joints of a COCO photo, within what its small network has been seen to reach."""
    import json

    from tf_lift import inference

    graph = shared_path("models/coco18_mobilenet_v2_small.pb")
    image = inference.read_image(shared_path("data/images/000000000785.jpg"))
    entry = json.loads(shared_path("data/images/coco_785.json").read_text())["annotations"][0]
    weights = skeletons.joint_map(skeletons.COCO_17, skeletons.OPENPOSE_18)
    true = weights @ np.reshape(entry["keypoints"], [-1, 3])[:, :2]
    detector = detectors.BeliefMapDetector(graph, "openpose18")
    assert detector.output_name == "Openpose/concat_stage7"
    error = np.linalg.norm(detector.detect(image).landmarks - true, axis=-1)
    # Measured 6.3 and 4.3 px of a person of 330 px; half a cell of bias would give 8.3.
    assert error.mean() < 7.5
    assert np.median(error) < 5.5
