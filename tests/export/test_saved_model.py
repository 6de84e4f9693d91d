import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

import tf_lift
from tf_lift import models, skeletons
from tf_lift.evaluation import StagePoses
from tf_lift.export import saved_model
from tf_lift.export.comparison import max_abs_difference
from tf_lift.inference import read_image
from tf_lift.models.presets import Conv, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 4),),
    first_head=(),
    later_head=(),
    fusion_weights=(0.7, None),
    batch_norm=True,
    decoder="subpixel",
)


@pytest.fixture(scope="module")
def model(small_layer_prior):
    tf.keras.utils.set_random_seed(0)
    return models.build_lifting_cpm(NANO, small_layer_prior, num_rotations=12)


@pytest.fixture(scope="module")
def root(model, tmp_path_factory):
    """Folder of an export of the model, whose lift is compiled in training."""
    root = tmp_path_factory.mktemp("saved_models")
    lift = model.get_layer("lift")
    compiled, lift.jit_compile = lift.jit_compile, True
    tf_lift.export_saved_model(model, root, "pose")
    assert lift.jit_compile is True
    lift.jit_compile = compiled
    return root


@pytest.fixture(scope="module")
def exported(root):
    return tf.saved_model.load(str(root / "pose" / "1"))


def test_image_signature_equals_the_network_at_any_batch_size(model, root, exported, rng):
    serve = exported.signatures["serving_default"]
    for batch in (1, 5):
        images = rng.integers(0, 256, size=[batch, 32, 32, 3]).astype(np.float32)
        served = serve(image=tf.constant(images))
        outputs = model({"image": (images - 128) / 256})
        assert set(served) == {"landmarks", "joints_3d", "scores", "belief_maps"}
        for key in ("landmarks", "joints_3d", "scores"):
            np.testing.assert_allclose(served[key], outputs[key], rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(served["belief_maps"], outputs["stage_2"], atol=1e-5)
    assert (
        max_abs_difference(root / "pose" / "1", StagePoses(model), images.astype(np.uint8)) < 0.01
    )


def test_comparison_sees_a_difference(model, root, rng):
    other = tf.keras.models.clone_model(model)
    images = rng.integers(0, 256, size=[2, 32, 32, 3], dtype=np.uint8)
    other.set_weights([weights + 0.01 for weights in model.get_weights()])
    assert max_abs_difference(root / "pose" / "1", StagePoses(other), images) > 0.1


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg])
def test_files_of_the_networks_size_give_what_pixels_give(encode, exported, tmp_path):
    image = tf.cast(tf.random.stateless_uniform([32, 32, 3], [0, 1], 100, 140, tf.int32), tf.uint8)
    content = encode(image)
    (tmp_path / "image").write_bytes(content.numpy())
    pixels = tf.cast(read_image(tmp_path / "image"), tf.float32)[None]
    expected = exported.signatures["serving_default"](image=pixels)
    served = exported.signatures["serving_bytes"](image_bytes=content[None])
    for key, value in expected.items():
        np.testing.assert_allclose(served[key], value, rtol=1e-4, atol=1e-2)


def test_a_photo_is_turned_upright(exported, rng, tmp_path):
    image = Image.fromarray(rng.integers(90, 160, [32, 24, 3]).astype(np.uint8))
    # A quarter turn counter-clockwise, and the orientation that undoes it.
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "upright.png")
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    contents = [(tmp_path / f"{name}.png").read_bytes() for name in ("upright", "turned")]
    served = exported.signatures["serving_bytes"](image_bytes=tf.constant(contents))
    for values in served.values():
        np.testing.assert_array_equal(values[0], values[1])


def test_landmarks_come_back_in_the_pixels_of_each_file(exported):
    rows, columns = np.mgrid[:32, :32] * 2 * np.pi / 32
    waves = np.stack([np.sin(rows), np.cos(columns), np.sin(rows + columns)], -1)
    image = tf.constant((127 + 120 * waves).astype(np.uint8))
    doubled = tf.repeat(tf.repeat(image, 2, 0), 2, 1)
    fitted = saved_model._decode_and_fit(tf.io.encode_png(doubled), 32)[0]
    contents = tf.io.encode_png(doubled)[None]
    served = exported.signatures["serving_bytes"](image_bytes=contents)
    expected = exported.signatures["serving_default"](image=fitted[None])
    # Pixel centres are whole numbers: 0 of the small one is 0.5 of the large one.
    np.testing.assert_allclose(served["landmarks"], 2 * expected["landmarks"] + 0.5, atol=0.01)


@pytest.mark.parametrize(("height", "width"), [(64, 40), (23, 31), (16, 16), (200, 99)])
def test_a_dot_is_found_where_scale_and_offset_say(height, width):
    place = np.array([0.3 * width, 0.6 * height])
    rows, columns = np.mgrid[:height, :width]
    radius = 0.08 * max(height, width)
    dot = np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / (2 * radius**2))
    image = np.repeat((128 + 100 * dot)[..., None], 3, -1).astype(np.uint8)
    square, scale, offset = saved_model._decode_and_fit(tf.io.encode_png(image), 32)
    assert square.shape == (32, 32, 3)
    weight = np.maximum(square.numpy()[..., 0] - 128, 0)
    rows, columns = np.mgrid[:32, :32]
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    returned = (found + 0.5 - offset.numpy()) / scale.numpy() - 0.5
    np.testing.assert_allclose(returned, place, atol=0.01 * max(height, width))


def test_files_of_other_proportions_are_fitted_with_bars(exported):
    tall = tf.cast(tf.random.stateless_uniform([32, 16, 3], [0, 2], 0, 256, tf.int32), tf.uint8)
    padded = tf.pad(tf.cast(tall, tf.float32) - 128, [[0, 0], [8, 8], [0, 0]]) + 128
    expected = exported.signatures["serving_default"](image=padded[None])
    served = exported.signatures["serving_bytes"](image_bytes=tf.io.encode_png(tall)[None])
    np.testing.assert_allclose(
        served["landmarks"], expected["landmarks"].numpy() - [8, 0], atol=0.05
    )


def test_landmark_signatures_lift(model, exported, rng):
    landmarks = rng.uniform(0, 32, size=[4, 7, 2]).astype(np.float32)
    lift = model.get_layer("lift")
    served = exported.signatures["lift"](landmarks=tf.constant(landmarks))
    expected = lift(landmarks)
    assert set(served) == set(expected)
    np.testing.assert_allclose(served["joints_3d"], expected["joints_3d"], rtol=1e-4, atol=0.05)
    visibility = np.ones([4, 7], np.float32)
    visibility[:, [3, 6]] = 0
    served = exported.signatures["lift_visible"](
        landmarks=tf.constant(landmarks), visibility=tf.constant(visibility)
    )
    hidden = lift(landmarks, visibility=visibility)
    np.testing.assert_allclose(served["joints_3d"], hidden["joints_3d"], rtol=1e-3, atol=0.5)
    assert np.abs(served["joints_3d"] - expected["joints_3d"]).max() > 1


def test_joint_names_and_parents_are_inside(root, exported):
    joints = skeletons.get("small")
    served = exported.signatures["skeleton"]()
    assert [name.decode() for name in served["joint_names"].numpy()] == list(joints.joint_names)
    assert served["parents"].numpy().tolist() == list(joints.parents)
    extra = json.loads((root / "pose" / "1" / "assets.extra" / "skeleton.json").read_text())
    assert extra["joint_names"] == list(joints.joint_names)
    assert extra["image_size"] == 32


@pytest.fixture
def layer(small_layer_prior):
    return tf_lift.layers.PPCALifting(small_layer_prior, num_rotations=4, estimator="map")


def test_versions_are_the_next_integer(layer, tmp_path):
    root = tmp_path / "pose"
    for existing in ("3", "10", "latest"):
        (root / existing).mkdir(parents=True)
    path = tf_lift.export_saved_model(layer, tmp_path, "pose")
    assert path == root / "11"
    assert (path / "saved_model.pb").is_file()
    assert {entry.name for entry in root.iterdir()} == {"3", "10", "latest", "11"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failed_export_leaves_no_version(error, layer, tmp_path, monkeypatch):
    def fail(module, path, **kwargs):
        (saved_model.pathlib.Path(path) / "saved_model.pb").write_bytes(b"half")
        raise error("disk full")

    monkeypatch.setattr(saved_model.tf.saved_model, "save", fail)
    with pytest.raises(error, match="disk full"):
        tf_lift.export_saved_model(layer, tmp_path, "pose")
    assert not list((tmp_path / "pose").iterdir())


def test_compiled_functions_are_refused():
    @tf.function(jit_compile=True)
    def inner(x):
        return x + 1.0

    for function in (inner, tf.function(lambda x: 2.0 * inner(x))):
        concrete = function.get_concrete_function(tf.TensorSpec([None], tf.float32))
        with pytest.raises(ValueError, match=r"jit_compile=True to be exported \(my_name\)"):
            saved_model.check_servable(concrete, "my_name")


def test_network_that_compiles_its_lift_is_exported_plain(root):
    content = (root / "pose" / "1" / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    compiled = [
        function.signature.name
        for function in graph.library.function
        if "_XlaMustCompile" in function.attr and function.attr["_XlaMustCompile"].b
    ]
    assert len(graph.library.function) > 0 and not compiled


def test_another_skeleton_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="`skeleton` must have 7 joints. Received: 'openpose18'"):
        tf_lift.export_saved_model(model, tmp_path, skeleton="openpose18")


def test_lift_alone_keeps_its_options(small_layer_prior, tmp_path, rng):
    prior = small_layer_prior
    options = {"num_rotations": 6, "num_hypotheses": 2, "height": 1700.0}
    layer = tf_lift.layers.PPCALifting(prior, jit_compile=True, **options)
    path = tf_lift.export_saved_model(layer, tmp_path, "lift")
    assert path == tmp_path / "lift" / "1" and layer.jit_compile is True
    served = tf.saved_model.load(str(path)).signatures
    assert set(served) == {"serving_default", "lift", "lift_visible", "skeleton"}
    landmarks = rng.uniform(0, 300, size=[4, 7, 2]).astype(np.float32)
    visibility = np.float32(np.arange(7) % np.array([[3], [4], [5], [6]]) != 1)
    for found, expected in (
        (
            served["serving_default"](landmarks=tf.constant(landmarks)),
            tf_lift.lift(landmarks, prior, **options, camera="level"),
        ),
        (
            served["lift_visible"](
                landmarks=tf.constant(landmarks), visibility=tf.constant(visibility)
            ),
            tf_lift.lift(landmarks, prior, visibility, **options, camera="level"),
        ),
    ):
        hypotheses = expected.pop("hypotheses")
        expected |= {f"hypotheses_{name}": value for name, value in hypotheses.items()}
        assert set(found) == set(expected)
        for name in ("joints_3d", "hypotheses_joints_3d", "scale"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=0.1)
    extra = json.loads((path / "assets.extra" / "skeleton.json").read_text())
    assert extra["skeleton"] == "small" and "image_size" not in extra
