import importlib.util
import json
import pathlib

import pytest

from tf_lift import cli

PROJECT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_keras", PROJECT / "train_keras.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(script, tmp_path_factory):
    """Folder with a run named `first`, made by the script."""
    folder = tmp_path_factory.mktemp("work")
    config = folder / "short.json"
    settings = {"num_validation_people": 2, "num_test_people": 3, "num_figures": 1}
    config.write_text(json.dumps(settings))
    options = f"--config {config} --name first --runs {folder}/runs --steps 2 --batch-size 2"
    options += f" --image-size 32 --max-minutes 0 --export-folder {folder}/saved_models"
    assert script.main(options.split()) == 0
    return folder


def test_script_is_short():
    assert len((PROJECT / "train_keras.py").read_text().splitlines()) < 80


def test_script_trains_and_exports(run):
    summary = json.loads((run / "runs" / "first" / "summary.json").read_text())
    assert summary["steps"] == 2
    assert len(summary["stages"]) == 2
    assert (run / "saved_models" / "lifting_cpm" / "1" / "saved_model.pb").is_file()


def test_evaluate_repeats_the_runs_errors(run, capsys):
    output = run / "errors.json"
    folder = run / "runs" / "first"
    options = ["evaluate", "--model", str(folder), "--people", "3", "-o", str(output)]
    assert cli.main(options) == 0
    assert "stage 2" in capsys.readouterr().out
    expected = json.loads((folder / "summary.json").read_text())
    errors = json.loads(output.read_text())
    for stage, before in zip(errors["stages"], expected["stages"], strict=True):
        assert stage["mpjpe_mm"] == pytest.approx(before["mpjpe_mm"], rel=1e-3)


def test_export_command_writes_the_next_version(run, capsys):
    file = run / "runs" / "first" / "model.keras"
    options = ["export", "--model", str(file), "-o", str(run / "saved_models")]
    assert cli.main(options) == 0
    assert "lifting_cpm/2" in capsys.readouterr().out.replace("\n", "")
    assert (run / "saved_models" / "lifting_cpm" / "2" / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "huge"], "`preset` must be one of"),
        (["--steps", "0"], "`steps` must be an integer of 1 or more. Received: 0"),
        (["--steps", "many"], "Invalid value for '--steps'"),
        (["--resume"], "`--resume` must come with the `--name`"),
        (["--resume", "--name", "none"], "`--resume` must find a run"),
        (["--name", "a/b"], "`--name` must be the name of a folder"),
        (["--mocap", "none.npz"], "none.npz"),
        (["--prior", "none.npz"], "none.npz"),
        (["--config", "none.json"], "none.json"),
        (["--image-size", "30"], "`image_size` must be"),
        (["--unknown"], "No such option"),
    ],
)
def test_wrong_options_are_one_line_and_code_2(options, message, script, tmp_path, capsys):
    assert script.main([*options, "--runs", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_missing_network_is_one_line_and_code_2(command, tmp_path, capsys):
    assert cli.main([command, "--model", str(tmp_path / "none.keras")]) == 2
    error = capsys.readouterr().err
    assert "There is no network at" in error
    assert len(error.strip().splitlines()) == 1
