import io

import numpy as np
from rich.console import Console

from tf_lift.evaluation import report


def errors_of(value):
    return {"landmark_error_px": value, "mpjpe_mm": 10 * value, "pa_mpjpe_mm": 5 * value}


def test_table_shows_every_row():
    summary = {
        "stages": [{"stage": "stage_1", **errors_of(4.04)}, {"stage": "stage_2", **errors_of(3)}],
        "baselines": {"mean_pose": errors_of(20)},
        "references": {"true_landmarks": errors_of(0)},
    }
    stream = io.StringIO()
    Console(file=stream, width=100).print(report.results_table(summary))
    lines = stream.getvalue().splitlines()
    rows = [line.replace("│", " ").split() for line in lines if "│" in line]
    assert ["stage", "1", "4.0", "40", "20"] in rows
    assert ["mean", "pose", "20.0", "200", "100"] in rows
    assert ["true", "landmarks", "0.0", "0", "0"] in rows


def test_curve_of_no_epoch_and_of_some(tmp_path):
    report.draw_curve([], tmp_path / "none.png")
    history = [{"step": 1, "loss": 2.0, "val_mpjpe_mm": 3.0}, {"step": 2, "loss": 1.0}]
    report.draw_curve(history, tmp_path / "some.png")
    assert (tmp_path / "none.png").stat().st_size != (tmp_path / "some.png").stat().st_size


def test_people_are_drawn_from_best_to_worst(tmp_path, rng, monkeypatch):
    truth = rng.normal(scale=300, size=[5, 17, 3])
    people = {
        "image": np.zeros([5, 32, 32, 3], np.uint8),
        "landmarks": truth[..., :2],
        "joints_3d": truth,
    }
    order = [3, 1, 4, 0, 2]
    shift = 100.0 * np.argsort(order)[:, None, None]
    predicted = {"landmarks": truth[..., :2], "joints_3d": truth + shift}
    drawn = []
    monkeypatch.setattr(
        report.figures,
        "draw_examples",
        lambda rows, *args, **kwargs: drawn.extend(rows) or report.Figure(),
    )
    report.draw_people(people, predicted, "h36m17", 3, tmp_path / "people.png")
    expected = [truth[index] for index in (3, 4, 2)]
    np.testing.assert_array_equal([row["true_joints_3d"] for row in drawn], expected)
