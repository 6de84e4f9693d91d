"""Scores of poses as Markdown, JSON and figures."""

import json
import pathlib

import numpy as np
from matplotlib.figure import Figure

from tf_lift.evaluation import protocols
from tf_lift.io import atomic
from tf_lift.viewing import figures

__all__ = ["check_path", "draw", "to_markdown", "write"]

_TITLES = {
    "mpjpe_mm": "MPJPE (mm)",
    "pa_mpjpe_mm": "PA-MPJPE (mm)",
    "n_mpjpe_mm": "N-MPJPE (mm)",
    "pck3d": "3D PCK (%)",
    "auc3d": "AUC (%)",
    "mpjve_mm_per_s": "MPJVE (mm/s)",
    "acceleration_mm_per_s2": "acceleration error (mm/s^2)",
    "landmark_error_px": "2D error (px)",
    "pckh_0.5": "PCKh@0.5 (%)",
    "pck_0.2": "PCK@0.2 of the trunk (%)",
    "oks": "OKS (%)",
    "num_poses": "poses",
}
_FRACTIONS = ("pck3d", "auc3d", "pckh_0.5", "pck_0.2", "oks")
_MEAN = "mean_over_actions_"


def to_markdown(result: dict, title: str = "Evaluation") -> str:
    """Formats scores as Markdown: what was counted, the scores, per action and per joint.

    Args:
        result: What `pose_scores.score` returns.
        title: Heading.

    >>> counts = {"true": 9, "scored": 8, "missed": 1, "unknown": 0, "skipped": 0}
    >>> result = {"protocol": "all", "notes": [], "counts": counts, "matched_by": "frame"}
    >>> result |= {"scores": {"mpjpe_mm": 52.14}, "per_joint": {}, "per_action": {}}
    >>> print(to_markdown(result).splitlines()[-1])
    | **MPJPE (mm)** | **52.1** |
    """
    counts = result["counts"]
    parts = [f"{counts['scored']} of {counts['true']} true poses scored"]
    parts += [
        f"{counts[name]} {text}"
        for name, text in (
            ("missed", "without a prediction"),
            ("skipped", "not counted by the protocol"),
            ("unknown", "predictions without a true pose"),
            ("not_predicted", "joints not predicted"),
        )
        if counts.get(name)
    ]
    lines = [f"# {title}", "", f"Protocol {result['protocol']}, poses matched by "]
    lines[-1] += f"{result['matched_by']}: {', '.join(parts)}."
    lines += ["", *(f"- {note}" for note in result["notes"])] if result["notes"] else []
    headline = protocols.get(result["protocol"]).headline
    lines += ["", "| score | |", "|:--|--:|"]
    for name, value in result["scores"].items():
        mark = "**" if name == headline else ""
        lines.append(f"| {mark}{_title(name)}{mark} | {mark}{_text(name, value)}{mark} |")
    for heading, rows in (("action", result["per_action"]), ("joint", result["per_joint"])):
        if rows:
            names = list(next(iter(rows.values())))
            lines += ["", f"| {heading} | " + " | ".join(map(_title, names)) + " |"]
            lines.append("|:--|" + "--:|" * len(names))
            for row, scores in rows.items():
                cells = [_text(name, scores.get(name, np.nan)) for name in names]
                lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _title(name):
    if name.startswith(_MEAN):
        return f"{_title(name.removeprefix(_MEAN))}, mean over actions"
    return _TITLES[name]


def _text(name, value):
    if name == "num_poses":
        return str(value)
    return f"{100 * value if name in _FRACTIONS else value:.1f}"


def draw(result: dict, path) -> pathlib.Path:
    """Draws the error of each joint and the curve of the 3D PCK.

    Args:
        result: What `pose_scores.score` returns, with scores of 3D poses.
        path: File to write, `.png`.

    Returns:
        The path.

    Raises:
        ValueError: If there are no scores of 3D poses.
    """
    if not result["per_joint"]:
        raise ValueError("a figure needs 3D poses in both files")
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    bars, curve = figure.subplots(1, 2, width_ratios=(3, 2))
    names = list(result["per_joint"])
    places = np.arange(len(names))
    for offset, score in ((-0.2, "mpjpe_mm"), (0.2, "pa_mpjpe_mm")):
        values = [result["per_joint"][name][score] for name in names]
        bars.barh(places + offset, values, 0.38, label=_TITLES[score])
    bars.set_yticks(places, [name.replace("_", " ") for name in names], fontsize=8)
    bars.invert_yaxis()
    bars.set_xlabel("mean distance (mm)")
    bars.set_title(f"Joints, protocol {result['protocol']}", fontsize=10)
    bars.set_xlim(0, 1.3 * bars.get_xlim()[1])  # Room for the legend.
    bars.legend(fontsize=8, loc="right")
    bars.grid(axis="x", alpha=0.3)
    distance, fraction = result["curve"]["distance_mm"], result["curve"]["pck3d"]
    curve.plot(distance, 100 * np.asarray(fraction))
    curve.fill_between(distance, 100 * np.asarray(fraction), alpha=0.15)
    curve.set_xlabel("distance (mm)")
    curve.set_ylabel("joints that are closer (%)")
    curve.set_title(f"3D PCK, area {100 * result['scores']['auc3d']:.1f} %", fontsize=10)
    curve.set_xlim(0, distance[-1])
    curve.set_ylim(0, 100)
    curve.grid(alpha=0.3)
    return figures.save(figure, path)


def check_path(path) -> str:
    """Returns the ending of a file for scores.

    Raises:
        ValueError: If it is none of `.json`, `.md` and `.png`.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in (".json", ".md", ".png"):
        raise ValueError(f"scores go to a file .json, .md or .png. Received: {path}")
    return suffix


def write(result: dict, path) -> pathlib.Path:
    """Writes scores as their file's ending says: `.json`, `.md` or `.png`.

    Raises:
        ValueError: If it is none of these.
    """
    path = pathlib.Path(path)
    suffix = check_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        return draw(result, path)
    text = (
        json.dumps(result, indent=1, allow_nan=False) if suffix == ".json" else to_markdown(result)
    )
    atomic.write_text(path, f"{text}\n")
    return path
