import json

import pytest

from tf_lift.training import TrainConfig, run_folder, settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "huge"}, "`preset` must be one of .*'huge'"),
        ({"stepz": 1}, r"unknown keys. Received: \['stepz'\]"),
        ({"steps": 0}, "`steps` must be an integer of 1 or more. Received: 0"),
        ({"steps": 1.5}, "`steps` must be of type int. Received: 1.5"),
        ({"steps": True}, "`steps` must be of type int. Received: True"),
        ({"augment": 1}, "`augment` must be of type bool. Received: 1"),
        ({"prior": 3}, "`prior` must be of type .*str.* Received: 3"),
        ({"seed": -1}, "`seed` must be an integer of 0 or more. Received: -1"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a positive number"),
        ({"max_minutes": 0}, "`max_minutes` must be a positive number. Received: 0"),
        ({"clip_norm": -1}, "`clip_norm` must be a positive number. Received: -1"),
        ({"warmup": 1}, r"`warmup` must be in \[0, 1\). Received: 1"),
        ({"rotation_degrees": -1}, r"`rotation_degrees` must be in \[0, 180\]. Received: -1"),
        ({"scale": 0.9}, r"`scale` must be in \[1, 4\]. Received: 0.9"),
        ({"optimizer": "lion"}, "`optimizer` must be one of .*'lion'"),
        ({"schedule": "linear"}, "`schedule` must be one of .*'linear'"),
        ({"loss_weights": [1]}, "`loss_weights` must hold 2 weights"),
        ({"loss_weights": [1, -1]}, "`loss_weights` must hold 2 weights of 0 or more"),
        ({"loss_weights": "123"}, "`loss_weights` must be of type"),
        ({"export_name": "a/b"}, "`export_name` must be a name. Received: 'a/b'"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_dict(change)


def test_json_round_trip(tmp_path):
    config = TrainConfig.for_preset("vgg", loss_weights=[1, 2, 3, 4, 5, 6], learning_rate=1)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    assert TrainConfig.load(path) == config
    path.write_text(json.dumps({"config": config.to_dict(), "versions": {}}))
    assert TrainConfig.load(path) == config


@pytest.mark.parametrize("text", ["{", "[1]", '{"config": 3}'])
def test_file_that_is_no_config(text, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="`config`"):
        TrainConfig.load(path)


def test_presets_have_settings_of_their_own():
    assert (
        TrainConfig.for_preset("vgg").learning_rate < TrainConfig.for_preset("tiny").learning_rate
    )
    # The documentation promises at most five minutes for the default run.
    assert 4 <= TrainConfig.for_preset("tiny").max_minutes < 5


def test_changes_go_before_the_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"seed": 3, "steps": 7}')
    assert settings(path, {"steps": 8}) == TrainConfig(seed=3, steps=8)


def test_run_folder(tmp_path):
    assert run_folder(tmp_path, "a", None, False) == tmp_path / "a"
    assert run_folder(tmp_path, None, "vgg", False).name.startswith("vgg-2")
    with pytest.raises(ValueError, match="`--name` must be the name of a folder. Received: 'a/b'"):
        run_folder(tmp_path, "a/b", None, False)
    with pytest.raises(ValueError, match="`--resume` must come with"):
        run_folder(tmp_path, None, None, True)
    with pytest.raises(ValueError, match="`--resume` must find a run"):
        run_folder(tmp_path, "a", None, True)
