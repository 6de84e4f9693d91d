import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.training import torch_step, training_networks
from tf_lift.models.presets import Conv, Pool, Preset

# Every kind of layer, and paddings that differ between the sides.
NANO = Preset(
    image_size=40,
    tower=(Conv(4, 5, 4), Pool(), Conv(8)),
    first_head=(Conv(8, 1),),
    branch=(Conv(6, 3),),
    later_head=(Conv(8, 3),),
    fusion_weights=(0.5, None),
    centre_map=True,
    batch_norm=True,
)
_ECHO = """\
import json, sys
import numpy as np
first = json.loads(sys.stdin.readline())
with np.load(first["weights"]) as weights:
    count = sum(weights[name].size for name in weights.files)
print(json.dumps({"version": "0", "num_parameters": count}), flush=True)
for line in sys.stdin:
    with np.load(json.loads(line)["batch"]) as batch:
        loss = float(batch["targets"].sum() + batch["image"].sum())
    print(json.dumps({"seconds": 2.0, "loss": loss}), flush=True)
"""


@pytest.fixture
def model(tiny_prior):
    tf.keras.utils.set_random_seed(0)
    return training_networks.build(NANO, "without", tiny_prior)


def run_instead(monkeypatch, tmp_path, program):
    path = tmp_path / "program.py"
    path.write_text(program)
    monkeypatch.setattr(torch_step, "_PROGRAM", path)


def test_plan_is_computable_in_its_order(model):
    layers = torch_step.plan(model)
    known = {"image", "centre_map"}
    for layer in layers:
        assert set(layer["inputs"]) <= known
        known.add(layer["name"])
    assert [layer["name"] for layer in layers if "maps" in layer["name"]] == [
        "stage_1_maps",
        "stage_2_maps",
    ]
    assert {layer["kind"] for layer in layers} == {
        "convolution",
        "batch_norm",
        "relu",
        "max_pool",
        "average_pool",
        "concatenate",
    }


def test_plan_has_the_sizes_of_the_layers(model):
    layers = {layer["name"]: layer for layer in torch_step.plan(model)}
    # Windows of 5 px in steps of 4 over 40 px need one more pixel, at the end.
    first = layers["tower_conv_1"]
    assert (first["padding_x"], first["padding_y"]) == ((0, 1), (0, 1))
    assert (first["in_channels"], first["filters"], first["strides"]) == (3, 4, [4, 4])
    assert layers["tower_conv_3"]["padding_x"] == (1, 1) and not first["bias"]
    assert layers["stage_2_maps"]["bias"] and layers["stage_2_maps"]["padding_x"] == (0, 0)
    joined = ["stage_1_maps", "stage_2_branch_relu_1", "centre_pool"]
    assert layers["stage_2_concat"]["inputs"] == joined
    assert layers["tower_norm_1"]["epsilon"] == 1e-3 and layers["tower_norm_1"]["momentum"] == 0.9


def test_layers_without_a_counterpart_are_errors():
    image = tf.keras.Input([8, 8, 3], name="image")
    inputs = {"image": image}
    model = tf.keras.Model(inputs, {"stage_1": tf.keras.layers.UpSampling2D()(image)})
    with pytest.raises(ValueError, match="`model` must hold layers of convolution"):
        torch_step.plan(model)
    pool = tf.keras.layers.AveragePooling2D(3, 1, padding="same", name="pool")
    model = tf.keras.Model(inputs, {"stage_1": pool(image)})
    with pytest.raises(ValueError, match="`pool` must pool from the first cell on"):
        torch_step.plan(model)


def test_process_is_given_weights_and_batches(model, monkeypatch, tmp_path, rng):
    run_instead(monkeypatch, tmp_path, _ECHO)
    with torch_step.TorchTrainer(model, threads=1) as trainer:
        assert trainer.num_parameters == model.count_params()
        for _ in range(2):
            batch = training_networks.draw_batch(model, NANO, 2, rng)
            expected = batch.targets.sum() + batch.inputs["image"].sum()
            seconds, loss = trainer(batch)
            assert seconds == 2.0 and loss == pytest.approx(expected, rel=1e-4)
    assert trainer._process.returncode == 0


def test_a_process_that_fails_is_an_error(model, monkeypatch, tmp_path):
    run_instead(monkeypatch, tmp_path, "import sys; sys.exit(3)")
    with pytest.raises(ValueError, match="PyTorch failed with exit code 3"):
        torch_step.TorchTrainer(model, threads=1)


def test_absence_of_pytorch_is_told(tmp_path):
    assert not torch_step.is_installed(str(tmp_path / "python"))
    # A Python without site packages has no PyTorch.
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    assert not torch_step.is_installed(str(bare))


def test_twin_in_pytorch_makes_the_same_steps(model, monkeypatch, rng):
    pytest.importorskip("torch")
    for module in (training_networks, torch_step):
        monkeypatch.setattr(module, "LEARNING_RATE", 1e-3)
    with torch_step.TorchTrainer(model, threads=1) as twin:
        count = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
        assert twin.num_parameters == count
        trainer = training_networks.Trainer(model)
        losses = []
        for _ in range(4):
            batch = training_networks.draw_batch(model, NANO, 3, rng)
            losses.append((trainer(batch)[1], twin(batch)[1]))
    tensorflow, torch = np.transpose(losses)
    np.testing.assert_allclose(torch, tensorflow, rtol=1e-5)
    assert np.ptp(tensorflow) > 0.01 * tensorflow[0]
