import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from tf_lift import models
from tf_lift.evaluation import StagePoses, evaluate_stages
from tf_lift.models import presets
from tf_lift.models.presets import Conv, Preset
from tf_lift.training import TrainConfig, callbacks, people, train, train_and_evaluate

NANO = Preset(
    image_size=32,
    tower=(Conv(8, 3, 4), Conv(8)),
    first_head=(Conv(8, 1),),
    later_head=(Conv(8, 3),),
    fusion_weights=(0.8, None),
    batch_norm=True,
    decoder="subpixel",
)
# One stage is traced in half the time, and without batch normalisation a network whose learning
# rate is almost 0 stays as it is.
PICO = dataclasses.replace(NANO, fusion_weights=(None,), batch_norm=False)


@pytest.fixture(autouse=True, scope="module")
def _small_presets():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "nano", NANO)
        patch.setitem(presets.PRESETS, "pico", PICO)
        yield


def nano_config(tmp_path, **changes):
    settings = {
        "preset": "nano",
        "steps": 2,
        "batch_size": 4,
        "num_train_people": 8,
        "num_validation_people": 3,
        "num_test_people": 5,
        "num_figures": 2,
        "export_folder": str(tmp_path / "saved_models"),
    }
    return TrainConfig(**{**settings, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two steps: its folder, its summary, the weights before and after."""
    folder = tmp_path_factory.mktemp("runs")
    weights = []

    class Recorded(callbacks.Progress):
        def on_train_begin(self, logs=None):
            weights.append([variable.numpy() for variable in self.model.trainable_variables])

        def on_train_end(self, logs=None):
            weights.append([variable.numpy() for variable in self.model.trainable_variables])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.callbacks, "Progress", Recorded)
        summary = train_and_evaluate(nano_config(folder, steps_per_epoch=1), folder / "run")
    return folder, summary, weights


def test_two_steps_change_every_weight(finished):
    _, summary, (before, after) = finished
    assert summary["steps"] == 2
    for old, new in zip(before, after, strict=True):
        assert np.isfinite(new).all()
        assert not np.array_equal(old, new)


def test_summary_holds_errors_of_stages_and_baselines(finished):
    folder, summary, _ = finished
    assert json.loads((folder / "run" / "summary.json").read_text()) == summary
    assert [stage.pop("stage") for stage in map(dict, summary["stages"])] == ["stage_1", "stage_2"]
    keys = {"landmark_error_px", "mpjpe_mm", "pa_mpjpe_mm"}
    rows = [*summary["stages"], *summary["baselines"].values(), *summary["references"].values()]
    for row in rows:
        assert keys <= set(row)
        assert all(math.isfinite(row[key]) for key in keys)
    assert set(summary["baselines"]) == {"mean_pose", "untrained_network"}
    assert summary["references"]["true_landmarks"]["landmark_error_px"] == 0
    assert summary["seconds"] > sum(summary["seconds_of"].values()) * 0.9
    assert 0 <= summary["fusion_weights"]["stage_1"] <= 1


def test_run_writes_its_files(finished):
    folder, summary, _ = finished
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {
        "best.weights.h5",
        "checkpoints",
        "config.json",
        "curve.png",
        "history.json",
        "model.keras",
        "people.png",
        "summary.json",
    }
    content = json.loads((folder / "run" / "config.json").read_text())
    assert content["versions"]["tensorflow"] == tf.__version__
    assert set(content["versions"]) == {"python", "tensorflow", "keras", "numpy", "tf_lift"}
    assert TrainConfig.load(folder / "run" / "config.json").preset == "nano"
    history = json.loads((folder / "run" / "history.json").read_text())
    assert [epoch["step"] for epoch in history] == [1, 2]
    assert all(math.isfinite(epoch["loss"]) for epoch in history)


def test_saved_network_has_the_errors_of_the_summary(finished):
    folder, summary, _ = finished
    model = models.load_lifting_cpm(folder / "run")
    config = TrainConfig.load(folder / "run" / "config.json")
    split = people.split_poses(config, train.PosePrior.load("cmu"), 32)
    errors = evaluate_stages(StagePoses(model), split.render("test", 5))
    for stage, expected in zip(errors, summary["stages"], strict=True):
        assert stage.pop("stage") == expected["stage"]
        expected = {key: expected[key] for key in stage}
        assert stage == pytest.approx(expected, rel=1e-3)


def test_run_exports_what_it_trained(finished):
    folder, summary, _ = finished
    assert summary["export"] == str(folder / "saved_models" / "lifting_cpm" / "1")
    assert summary["export_max_abs_difference"] < 0.01


def test_folder_of_another_run_is_refused(finished):
    folder, _, _ = finished
    with pytest.raises(ValueError, match="`workdir` must not hold another run"):
        train_and_evaluate(nano_config(folder), folder / "run")


def test_nothing_to_resume(tmp_path):
    with pytest.raises(ValueError, match="`resume` must name a run with a checkpoint"):
        train_and_evaluate(nano_config(tmp_path), tmp_path / "run", resume=True)


@pytest.mark.parametrize("key", ["prior", "mocap"])
def test_wrong_file_is_found_before_anything_is_written(tmp_path, key):
    path = tmp_path / "file.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="file.npz"):
        train_and_evaluate(nano_config(tmp_path, **{key: str(path)}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_interrupted_run_goes_on_where_it_was(tmp_path, monkeypatch):
    config = nano_config(
        tmp_path, preset="pico", steps=6, steps_per_epoch=2, export=False, num_figures=0
    )
    progress = callbacks.Progress
    states = []

    class Interrupted(progress):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if int(self.checkpoint.step) == 3:
                states.append([variable.numpy() for variable in self.model.variables])
                raise KeyboardInterrupt

    class Resumed(progress):
        def on_train_begin(self, logs=None):
            states.append([variable.numpy() for variable in self.model.variables])
            assert int(self.checkpoint.step) == 3
            assert int(self.model.optimizer.iterations) == 3

    monkeypatch.setattr(train.callbacks, "Progress", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run" / "summary.json").exists()
    monkeypatch.setattr(train.callbacks, "Progress", Resumed)
    summary = train_and_evaluate(config, tmp_path / "run", resume=True)
    for left, right in zip(*states, strict=True):
        np.testing.assert_array_equal(left, right)
    assert summary["steps"] == 6
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [epoch["step"] for epoch in history] == [2, 5, 6]


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """Summary of a run that its time limit ends, at a learning rate of almost 0."""
    folder = tmp_path_factory.mktemp("limited")
    # The reserve leaves no time for training, which therefore stops after a second.
    config = nano_config(
        folder,
        preset="pico",
        learning_rate=1e-30,
        steps=10**6,
        steps_per_epoch=10**6,
        max_minutes=0.01,
        export=False,
        num_figures=0,
    )
    return train_and_evaluate(config, folder / "run")


def test_time_limit_ends_training(limited):
    assert 1 <= limited["steps"] < 10**5
    assert limited["seconds_of"]["train"] < 60


def test_baseline_of_the_network_is_the_untrained_one(limited):
    untrained = limited["baselines"]["untrained_network"]
    assert {**limited["stages"][-1], "stage": ""} == pytest.approx({**untrained, "stage": ""})


@pytest.mark.slow
def test_network_learns_eight_people_by_heart():
    tf.keras.utils.set_random_seed(0)
    config = TrainConfig(preset="tiny", batch_size=8, augment=False, learning_rate=3e-3)
    size = presets.PRESETS["tiny"]
    prior = train.PosePrior.load("cmu")
    pool = people.split_poses(config, prior, 64).render("train", 8)
    model = models.build_lifting_cpm("tiny", prior, image_size=64, num_rotations=16)
    models.compile_lifting_cpm(model, train.make_optimizer(config))
    poses = StagePoses(model)
    before = evaluate_stages(poses, pool)
    network = models.describe(model)
    data = people.training_dataset(pool, config, network, size.target_stddev_px)
    history = model.fit(data, steps_per_epoch=75, epochs=2, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    after = evaluate_stages(poses, pool)
    for old, new in zip(before, after, strict=True):
        # An eighth of a cell.
        assert new["landmark_error_px"] < 1.0 < 5.0 < old["landmark_error_px"]
        assert new["mpjpe_mm"] < 0.3 * old["mpjpe_mm"]
