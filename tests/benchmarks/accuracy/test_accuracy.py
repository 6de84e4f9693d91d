import dataclasses
import json

import numpy as np
import pytest

from benchmarks.accuracy import accuracy, figure, protocol, report
from benchmarks.accuracy.methods import METHODS, Predictor
from benchmarks.harness import records

FAST = "mean_pose,linear,linear_corrupted,network,network_corrupted,ours_plain"


@pytest.fixture(scope="module")
def run(poses_file, tmp_path_factory):
    """Runs the whole benchmark on little data; returns its folder and results."""
    folder = tmp_path_factory.mktemp("accuracy")
    page = folder / "page.md"
    page.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    results = accuracy.main(
        f"--poses {poses_file} --methods {FAST} --splits 0,1 --test-poses 20 --network-steps 2 "
        f"--json {folder}/accuracy.json --work {folder}/work --docs {page}".split()
    )
    return folder, results


def test_every_method_is_measured_on_every_condition(run):
    _, results = run
    assert list(results["errors"]) == FAST.split(",")
    for errors in results["errors"].values():
        assert list(errors) == [
            "clean", "missing_1", "missing_2", "missing_4", "missing_6",
            "noise_2", "noise_5", "noise_10", "clean_by_clip",
        ]  # fmt: skip
        for metrics in errors.values():
            assert list(metrics) == ["mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm"]
            assert 0 < metrics["pa_mpjpe_mm"] <= metrics["mpjpe_mm"] < 1500
    assert [split["test_subjects"] for split in results["splits"]] == [
        [5, 16, 35, 127], [1, 9, 12, 135],
    ]  # fmt: skip


def test_errors_are_means_over_the_splits(run):
    _, results = run
    first, second = (results["by_split"][number]["linear"]["errors"] for number in "01")
    mean = (first["noise_5"]["n_mpjpe_mm"] + second["noise_5"]["n_mpjpe_mm"]) / 2
    assert results["errors"]["linear"]["noise_5"]["n_mpjpe_mm"] == pytest.approx(mean)
    assert first != second


def test_json_has_the_results_and_the_command(run, poses_file):
    folder, results = run
    record = records.read(folder / "accuracy.json")
    assert record["results"] == json.loads(json.dumps(results))
    assert record["command"] == (
        f"python -m benchmarks accuracy --json FILE --docs --poses poses.npz --methods {FAST} "
        "--splits 0,1 --test-poses 20 --network-steps 2"
    )
    assert str(folder) not in json.dumps(record)


def test_page_has_table_figure_and_command_between_its_markers(run):
    folder, results = run
    text = (folder / "page.md").read_text()
    before, _, rest = text.partition(report.BEGIN)
    content, _, after = rest.partition(report.END)
    assert (before, after) == ("before\n\n", "\n\nafter\n")
    assert "old" not in content
    assert report.table(results) in content
    assert "`python -m benchmarks accuracy --json FILE --docs" in content
    assert "(images/accuracy.png)" in content
    assert (folder / "images" / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert "- Network, corrupted: 2 steps of 64, " in content
    mpjpe = results["by_split"]["1"]["ours_plain"]["errors"]["clean"]["mpjpe_mm"]
    assert f" | {mpjpe:.1f} / " in content


def test_kept_results_are_taken_and_others_made_again(run, poses_file, monkeypatch, capsys):
    folder, results = run
    made = []

    def make(training, options):
        made.append(training)
        return Predictor(lambda landmarks, *_: np.zeros([len(landmarks), 17, 3]))

    changed = {name: dataclasses.replace(METHODS[name], make=make) for name in METHODS}
    monkeypatch.setattr("benchmarks.accuracy.methods.METHODS", changed)

    def again(options):
        made.clear()
        common = f"--poses {poses_file} --splits 0,1 --network-steps 2 --work {folder}/work "
        return accuracy.main((common + options).split())

    assert again("--methods linear,network --test-poses 20")["errors"] == {
        name: results["errors"][name] for name in ("linear", "network")
    }
    assert not made
    assert again("--methods linear --rerun linear --test-poses 20")["errors"] != results["errors"]
    assert len(made) == 2
    # Results of other settings are not reused.
    again("--methods network --test-poses 20 --seed 1")
    assert len(made) == 2
    again("--methods network_corrupted --test-poses 21")
    assert len(made) == 2
    # The number of network steps does not matter to other methods.
    again("--methods ours_plain --test-poses 20 --network-steps 3")
    assert not made
    again("--methods network_corrupted --test-poses 21 --network-steps 3")
    assert len(made) == 2


def test_a_perfect_method_has_no_error(poses_file):
    _, test = protocol.split(protocol.load(poses_file), 0, 25, seed=0)
    truth = iter(test.views.values())
    perfect = Predictor(lambda *_: next(truth).joints_3d)
    for errors in accuracy.evaluate(perfect, test).values():
        assert max(errors.values()) < 1e-3


def test_errors_are_relative_to_the_pelvis(poses_file):
    _, test = protocol.split(protocol.load(poses_file), 0, 25, seed=0)
    for shift, scale in ((700.0, 1.0), (0.0, 1.5)):
        truth = iter(test.views.values())
        predictor = Predictor(
            lambda *_, t=truth, a=shift, s=scale: s * next(t).joints_3d + np.array([a, 0, a])
        )
        errors = accuracy.evaluate(predictor, test)["clean"]
        joints_3d = test.views["clean"].joints_3d
        expected = (scale - 1) * np.linalg.norm(joints_3d, axis=-1).mean()
        assert errors["mpjpe_mm"] == pytest.approx(expected, rel=1e-4, abs=1e-3)
        assert max(errors["n_mpjpe_mm"], errors["pa_mpjpe_mm"]) < 0.01


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        (np.full([5, 17, 3], np.nan), "clean: shape .5, 17, 3., 255 numbers that are not finite"),
        (np.zeros([5, 16, 3]), r"of shape \(5, 17, 3\). Received: clean: shape \(5, 16, 3\)"),
    ],
)
def test_wrong_predictions_are_errors(poses_file, predicted, message):
    _, test = protocol.split(protocol.load(poses_file), 0, 5, seed=0)
    with pytest.raises(ValueError, match=message):
        accuracy.evaluate(Predictor(lambda *_: predicted), test)


def test_lines_of_the_figure_are_the_results(run):
    _, results = run
    drawn = figure.draw(results)
    missing, noise = drawn.axes[:2]
    assert len(missing.lines) == len(noise.lines) == 6
    for axes, kind in ((missing, "missing"), (noise, "noise")):
        for line, errors in zip(axes.lines, results["errors"].values(), strict=True):
            amounts, values = line.get_data()
            names = ["clean", *(f"{kind}_{amount}" for amount in amounts[1:])]
            assert amounts[0] == 0 and len(amounts) == (5 if kind == "missing" else 4)
            np.testing.assert_allclose(values, [errors[name]["mpjpe_mm"] for name in names])
    titles = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert titles == [METHODS[name].title for name in results["errors"]]
    styles = {(line.get_color(), line.get_linestyle()) for line in missing.lines}
    assert len(styles) == 6


def test_a_page_without_markers_is_left_alone(run, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"text {report.BEGIN}")
    with pytest.raises(ValueError, match="page.md must have the lines"):
        report.write_docs(page, run[1], "command", tmp_path / "images" / "a.png")
    assert page.read_text() == f"text {report.BEGIN}"


@pytest.mark.parametrize("option", ["--methods", "--rerun"])
def test_unknown_methods_are_named(poses_file, option):
    with pytest.raises(ValueError, match="methods are mean_pose, linear, .* Received: 'nothing'"):
        accuracy.main(["--poses", str(poses_file), option, "nothing"])


@pytest.mark.parametrize("options", [["--splits", "0,x"], ["--test-poses", "0"]])
def test_bad_numbers_stop_the_command_line(options, capsys):
    with pytest.raises(SystemExit, match="2"):
        accuracy.main(options)
    assert f"{options[0]} " in capsys.readouterr().err
