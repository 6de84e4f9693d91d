"""Draws the benchmark of accuracy: errors against missing landmarks and noise."""

import pathlib

from matplotlib import colormaps
from matplotlib.figure import Figure

from tf_lift.viewing import figures

__all__ = ["draw", "save"]

_METRICS = {"mpjpe_mm": "MPJPE (mm)", "pa_mpjpe_mm": "PA-MPJPE (mm)"}
_COLUMNS = {
    "missing": "landmarks missing, of 17",
    "noise": "noise (px on a person of 300 px)",
}
# Baselines and the paper recede; networks and this project have colour.
_STYLES = {
    "baseline": {"linestyle": ":", "linewidth": 1.2},
    "network": {"linestyle": "--", "linewidth": 1.6},
    "paper": {"linestyle": "-.", "linewidth": 1.4},
    "ours": {"linestyle": "-", "linewidth": 2.0},
}
_MAPS = {"baseline": "Greys", "network": "Oranges", "paper": "Purples", "ours": "GnBu"}
# Range of errors, in multiples of the lowest; methods beyond it were not made for corruption.
_RANGE = (0.5, 3.5)


def draw(results: dict) -> Figure:
    """Draws MPJPE and PA-MPJPE of every method, means over the splits.

    Args:
        results: Results of `accuracy.main`.

    Returns:
        A figure that belongs to no window.
    """
    figure = Figure(figsize=(10, 8), layout="constrained")
    grid = figure.subplots(2, 2, sharey="row")
    styles = _line_styles(results)
    for row, (metric, label) in zip(grid, _METRICS.items(), strict=True):
        values = []
        for axes, (kind, axis_label) in zip(row, _COLUMNS.items(), strict=True):
            for name, errors in results["errors"].items():
                points = _points(errors, kind, metric)
                axes.plot(*zip(*points, strict=True), label=results["titles"][name], **styles[name])
                values += [y for _, y in points]
            axes.set_xlabel(axis_label)
            axes.grid(alpha=0.3)
            axes.set_xticks([x for x, _ in points])
        row[0].set_ylabel(label)
        low, high = (factor * min(values) for factor in _RANGE)
        row[0].set_ylim(low, min(1.05 * max(values), high))
    handles, titles = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def save(results: dict, path) -> pathlib.Path:
    """Draws into a file, `.png`, and makes its folder."""
    return figures.save(draw(results), path)


def _points(errors, kind, metric):
    """Returns pairs (amount of the corruption, error), from no corruption on."""
    points = [(0, errors["clean"][metric])]
    for condition, values in errors.items():
        name, _, amount = condition.partition("_")
        if name == kind:
            points.append((int(amount), values[metric]))
    return sorted(points)


def _line_styles(results):
    styles = {}
    for group, style in _STYLES.items():
        names = [name for name, its in results["groups"].items() if its == group]
        colours = colormaps[_MAPS[group]]
        markers = "osD^vP*X"
        for index, name in enumerate(names):
            # The last of a group, usually its best, is the darkest.
            shade = 0.9 - 0.45 * (len(names) - 1 - index) / max(len(names) - 1, 1)
            styles[name] = {
                **style,
                "color": colours(shade),
                "marker": markers[index % len(markers)],
                "markersize": 5,
            }
    return styles
