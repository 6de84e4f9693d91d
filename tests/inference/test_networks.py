import shutil

import pytest
import tensorflow as tf
from dots import dot_model, save_model

from tf_lift.inference import networks


def test_newest_version_of_a_saved_model(dot_networks, tmp_path):
    for version in ("2", "10"):
        shutil.copytree(dot_networks("saved_model"), tmp_path / "name" / version)
    assert networks.load_network(tmp_path / "name").path.name == "10"
    file = tmp_path / "name" / "2" / "saved_model.pb"
    assert networks.load_network(file).path.name == "2"


def test_signature(dot_networks):
    path = dot_networks("saved_model")
    assert networks.load_network(path, signature="detect").call(tf.zeros([1, 64, 64, 3]))
    with pytest.raises(ValueError, match="`signature` must be one of .*detect.*'serve'"):
        networks.load_network(path, signature="serve")


def test_frozen_graph_names_with_and_without_index(dot_networks):
    path = dot_networks("frozen")
    name = next(iter(networks.load_network(path).call(tf.zeros([1, 64, 64, 3]))))
    for output in (name, f"{name}:0"):
        network = networks.load_network(path, input_name="image", output_name=output)
        assert list(network.call(tf.zeros([1, 64, 64, 3]))) == [name]


def test_saved_model_without_image(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec([None, 17, 2], tf.float32, name="landmarks")
    lift = tf.function(lambda landmarks: {"doubled": 2 * landmarks})
    signatures = {"lift": lift.get_concrete_function(spec)}
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures)
    message = r"takes images .*Received: .*lift\(landmarks\)"
    with pytest.raises(ValueError, match=message):
        networks.load_network(tmp_path / "saved")


@pytest.mark.parametrize("name", ["net.pb", "net.keras", "net.h5"])
@pytest.mark.parametrize("content", [b"", b"not a network at all"])
def test_damaged_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match="`path` must be a .*Received: .*net"):
        networks.load_network(path)


def test_truncated_file(dot_networks, tmp_path):
    for kind, ending in (("frozen", "pb"), ("keras", "keras"), ("h5", "h5")):
        content = dot_networks(kind).read_bytes()
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match="`path` must be a .*Received: .*cut"):
            networks.load_network(path)


def test_damaged_saved_model(tmp_path):
    (tmp_path / "saved").mkdir()
    with pytest.raises(ValueError, match="`path` must be a SavedModel's folder.*with none"):
        networks.load_network(tmp_path / "saved")
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(ValueError, match="`path` must be a SavedModel"):
        networks.load_network(tmp_path / "saved")


def test_no_network(tmp_path):
    with pytest.raises(ValueError, match="which does not exist"):
        networks.load_network(tmp_path / "nothing.pb")
    (tmp_path / "net.onnx").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"`path` must be a frozen graph .*net.onnx"):
        networks.load_network(tmp_path / "net.onnx")


def test_two_images(tmp_path):
    inputs = [tf.keras.Input([8, 8, 3], name=name) for name in ("left", "right")]
    model = tf.keras.Model(inputs, tf.keras.layers.Add()(inputs))
    path = tmp_path / "two.keras"
    model.save(path)
    with pytest.raises(ValueError, match="`input_name` must be given .*left .*right"):
        networks.load_network(path)


def test_input_size(tmp_path):
    path = save_model(dot_model(3, size=(16, 24)), tmp_path, "frozen")
    assert networks.load_network(path).input_size == (24, 16)
