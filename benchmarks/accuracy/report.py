"""Formats the results of the benchmark of accuracy, and writes them into the docs."""

import pathlib

from benchmarks.harness import records

__all__ = ["BEGIN", "END", "table", "write_docs"]

BEGIN, END = "<!-- accuracy:begin -->", "<!-- accuracy:end -->"
_HEADINGS = {
    "missing_1": "1 missing",
    "missing_2": "2",
    "missing_4": "4",
    "missing_6": "6",
    "noise_2": "2 px noise",
    "noise_5": "5",
    "noise_10": "10",
    "clean_by_clip": "by clip",
}


def table(results: dict) -> str:
    """Formats the errors as a Markdown table, mm, means over the splits.

    Args:
        results: Results of `accuracy.main`.

    >>> clean = {"mpjpe_mm": 61.24, "pa_mpjpe_mm": 43.0, "n_mpjpe_mm": 60.0}
    >>> print(table({"titles": {"a": "Mine"}, "errors": {"a": {"clean": clean}}}))
    | method | MPJPE | PA-MPJPE | N-MPJPE |
    |:--|--:|--:|--:|
    | Mine | 61.2 | 43.0 | 60.0 |
    """
    first = next(iter(results["errors"].values()))
    corrupted = [name for name in first if name != "clean"]
    headings = ["MPJPE", "PA-MPJPE", "N-MPJPE", *(_HEADINGS.get(name, name) for name in corrupted)]
    lines = ["| method | " + " | ".join(headings) + " |", "|:--|" + "--:|" * len(headings)]
    for name, errors in results["errors"].items():
        numbers = [errors["clean"][f"{metric}_mm"] for metric in ("mpjpe", "pa_mpjpe", "n_mpjpe")]
        numbers += [errors[condition]["mpjpe_mm"] for condition in corrupted]
        cells = " | ".join(f"{number:.1f}" for number in numbers)
        lines.append(f"| {results['titles'][name]} | {cells} |")
    return "\n".join(lines)


def write_docs(path, results: dict, command: str, figure) -> None:
    """Writes command, tables and figure between the markers of a page.

    Args:
        path: Page with the lines `BEGIN` and `END`.
        results: Results of `accuracy.main`.
        command: The command that made them.
        figure: File of the figure, below the folder of the page.

    Raises:
        ValueError: If the page has no markers.
        FileNotFoundError: If there is no page.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} must have the lines {BEGIN} and {END}")
    figure = pathlib.Path(figure).relative_to(path.parent).as_posix()
    versions, machine = records.versions(), records.machine()
    parts = [
        f"Made by `{command}` on {machine['processor']}, {machine['cores']} cores, with "
        f"TensorFlow {versions.get('tensorflow', 'unknown')}.",
        "Means over the splits, mm. The first three columns have all landmarks, exact; the "
        "others are MPJPE with this number of landmarks missing, with this noise on a person "
        "of 300 px, and with the same weight for every clip.",
        table(results),
        f"![MPJPE of every method against missing landmarks and noise]({figure})",
        _by_split(results),
        _budget(results),
    ]
    content = "\n\n".join(part for part in parts if part)
    records.write_whole(path, f"{before}{begin}\n{content}\n{end}{after}")


def _by_split(results):
    splits = results["splits"]
    headings = [
        f"{split['number']}: subjects {', '.join(map(str, split['test_subjects']))}"
        for split in splits
    ]
    lines = [
        "MPJPE / PA-MPJPE of each split, all landmarks exact:",
        "",
        "| method | " + " | ".join(headings) + " |",
        "|:--|" + "--:|" * len(splits),
    ]
    for name, title in results["titles"].items():
        errors = [
            results["by_split"][str(split["number"])][name]["errors"]["clean"] for split in splits
        ]
        cells = " | ".join(f"{e['mpjpe_mm']:.1f} / {e['pa_mpjpe_mm']:.1f}" for e in errors)
        lines.append(f"| {title} | {cells} |")
    return "\n".join(lines)


def _budget(results):
    """Lists steps, weights and time of each method that is trained by steps."""
    lines = []
    for name, title in results["titles"].items():
        runs = [run[name] for run in results["by_split"].values()]
        budget = runs[0]["budget"]
        if "steps" in budget:
            weights = f" {budget['num_weights']:,} weights," if "num_weights" in budget else ""
            seconds = sum(run["learning_seconds"] for run in runs) / len(runs)
            lines.append(
                f"- {title}: {budget['steps']:,} steps of {budget['batch_size']},{weights} "
                f"{seconds:,.0f} s per split."
            )
    return "\n".join(["Training budget:", "", *lines]) if lines else ""
