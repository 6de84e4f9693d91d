"""Tests on which people and with which settings a network in a file is measured."""

import json

import pytest

from tf_lift import PosePrior, models
from tf_lift.evaluation import StagePoses, baselines, evaluate_stages
from tf_lift.models import presets
from tf_lift.models.presets import Conv, Preset
from tf_lift.training import TrainConfig
from tf_lift.training.held_out import evaluate_file
from tf_lift.training.people import split_poses

NANO = Preset(
    image_size=32,
    tower=(Conv(8, 3, 4), Conv(8)),
    first_head=(Conv(8, 1),),
    later_head=(Conv(8, 3),),
    fusion_weights=(0.8, None),
)
SETTINGS = {"preset": "nano", "seed": 3, "num_train_people": 6, "num_test_people": 4}


@pytest.fixture(autouse=True, scope="module")
def _nano_preset():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "nano", NANO)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run: an untrained network and its settings."""
    folder = tmp_path_factory.mktemp("run")
    models.build_lifting_cpm("nano").save(folder / "model.keras")
    content = {"config": TrainConfig(**SETTINGS).to_dict()}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def summary(run):
    return evaluate_file(run, {}, run / "measured.json")


def test_a_run_is_measured_on_its_own_test_people(run, summary):
    prior = PosePrior.load("cmu")
    split = split_poses(TrainConfig(**SETTINGS), prior, NANO.image_size)
    test, train = split.render("test", 4), split.render("train", 6)
    poses = StagePoses(models.load_lifting_cpm(run))
    assert summary["stages"] == [
        {"stage": row["stage"], **{key: pytest.approx(row[key]) for key in row if key != "stage"}}
        for row in evaluate_stages(poses, test)
    ]
    assert [row["stage"] for row in summary["stages"]] == ["stage_1", "stage_2"]
    expected = baselines.mean_pose(prior, train, test)
    assert summary["baselines"] == {"mean_pose": pytest.approx(expected)}
    expected = baselines.true_landmarks(poses.model.get_layer("lift"), test)
    assert summary["references"] == {"true_landmarks": pytest.approx(expected)}
    assert summary["num_test_people"] == 4
    assert json.loads((run / "measured.json").read_text()) == summary


def test_changes_override_the_settings_of_the_run(run, summary):
    other = evaluate_file(run, {"seed": 4, "num_test_people": 2})
    assert other["stages"] != summary["stages"]
    assert other["baselines"] != summary["baselines"]
    assert other["num_test_people"] == 2


def test_a_file_alone_takes_the_settings_of_the_preset(run, summary, tmp_path):
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    assert evaluate_file(tmp_path / "model.keras", SETTINGS) == summary


def test_bad_settings_and_files_are_named(run, tmp_path):
    with pytest.raises(ValueError, match=r"`config` has unknown keys.*people"):
        evaluate_file(run, {"people": 3})
    with pytest.raises(ValueError, match="num_test_people"):
        evaluate_file(run, {"num_test_people": 0})
    with pytest.raises(FileNotFoundError, match=r"none\.keras"):
        evaluate_file(tmp_path / "none.keras", SETTINGS)
