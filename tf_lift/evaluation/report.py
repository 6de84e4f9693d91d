"""Shows the results of a run: a table, the curve of training, drawn examples. Internal."""

import pathlib

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from tf_lift.viewing import figures

__all__ = ["draw_curve", "draw_people", "results_table"]

_COLUMNS = (
    ("landmark_error_px", "2D error (px)", ".1f"),
    ("mpjpe_mm", "MPJPE (mm)", ".0f"),
    ("pa_mpjpe_mm", "PA-MPJPE (mm)", ".0f"),
)


def results_table(summary: dict, title: str = "Held-out people") -> Table:
    """Builds a table of the errors of stages and baselines.

    Args:
        summary: Dict of `stages`, a list of dicts with `stage`, of `baselines`, dicts by
            name, and optionally of `references`, dicts by name.
        title: Title of the table.

    >>> errors = {"landmark_error_px": 4.0, "mpjpe_mm": 100.0, "pa_mpjpe_mm": 70.0}
    >>> results_table({"stages": [{"stage": "stage_1", **errors}], "baselines": {}}).row_count
    1
    """
    table = Table("", *(heading for _, heading, _ in _COLUMNS), title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for group in ("baselines", "stages", "references"):
        rows = summary.get(group, {})
        rows = {row["stage"]: row for row in rows} if isinstance(rows, list) else rows
        for name, errors in rows.items():
            cells = [format(errors[key], form) for key, _, form in _COLUMNS]
            style = "bold" if group == "stages" else "dim"
            table.add_row(name.replace("_", " "), *cells, style=style)
        if rows:
            table.add_section()
    return table


def draw_curve(history: list[dict], path) -> pathlib.Path:
    """Draws the loss and the validation errors over the run.

    Args:
        history: One dict per epoch: `step`, `loss`, `val_landmark_error_px`,
            `val_mpjpe_mm`.
        path: File to write, `.png`.

    Returns:
        The path.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    keys = (
        ("loss", "training loss"),
        ("val_landmark_error_px", "validation: 2D error (px)"),
        ("val_mpjpe_mm", "validation: MPJPE (mm)"),
    )
    for axes, (key, title) in zip(figure.subplots(1, 3), keys, strict=True):
        points = [(epoch["step"], epoch[key]) for epoch in history if key in epoch]
        axes.plot(*zip(*points, strict=True) if points else ([], []), marker=".")
        if points and min(value for _, value in points) > 0:
            axes.set_yscale("log")
            # Label ticks 60 and 200, not 6 x 10^1 and 2 x 10^2.
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step", fontsize=9)
        axes.grid(alpha=0.3, which="both")
    return figures.save(figure, path)


def draw_people(people: dict, predicted: dict, skeleton: str, count: int, path) -> pathlib.Path:
    """Draws image, 2D pose and 3D pose of some people, from the best to the worst.

    Args:
        people: Images and true poses, as for `evaluate_stages`.
        predicted: Dict of `landmarks` and `joints_3d` of the same people.
        skeleton: Name of the skeleton of the joints.
        count: Number of people to draw, evenly spaced by rank of their 3D error, so that
            the figure shows neither the best nor the worst alone.
        path: File to write, `.png`.

    Returns:
        The path.
    """
    errors = np.linalg.norm(predicted["joints_3d"] - people["joints_3d"], axis=-1).mean(-1)
    ranks = np.linspace(0, len(errors) - 1, min(count, len(errors))).round().astype(int)
    rows = [
        {
            "image": people["image"][index],
            "landmarks": predicted["landmarks"][index],
            "joints_3d": predicted["joints_3d"][index],
            "true_landmarks": people["landmarks"][index],
            "true_joints_3d": people["joints_3d"][index],
        }
        for index in np.argsort(errors)[ranks]
    ]
    title = "Held-out people from the best to the worst (grey: truth)"
    return figures.save(figures.draw_examples(rows, skeleton, title=title), path)
