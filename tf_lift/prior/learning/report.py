"""Shows the progress and the results of learning a prior on the command line."""

import math

from rich import progress
from rich import table as rich_table
from rich.console import Console

from tf_lift.prior.learning import selection
from tf_lift.prior.pose_prior import PosePrior

__all__ = ["fit_with_progress", "select_with_progress", "selection_table", "table"]

STAGES = {"align": "Aligning, rank by rank", "mixture": "Fitting the mixture"}


def fit_with_progress(console: Console, poses, **arguments) -> tuple[PosePrior, float]:
    """Learns a prior under a progress bar.

    Args:
        console: Console of the bar.
        poses: Poses as for `PosePrior.fit`.
        **arguments: The other arguments of `PosePrior.fit`.

    Returns:
        The prior, and the mean log-likelihood of a pose at the end, in nats.
    """
    columns = (
        progress.TextColumn("{task.description:<22}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[log_likelihood]}"),
    )
    last = float("nan")
    with progress.Progress(*columns, console=console) as bar:
        tasks = {
            stage: bar.add_task(text, total=1.0, log_likelihood="", start=False)
            for stage, text in STAGES.items()
        }
        bar.start_task(tasks["align"])

        def show(stage, fraction, log_likelihood):
            nonlocal last
            last = log_likelihood
            bar.start_task(tasks[stage])
            text = f"log-likelihood {log_likelihood:.2f}"
            bar.update(tasks[stage], completed=fraction, log_likelihood=text)

        prior = PosePrior.fit(poses, on_progress=show, **arguments)
    return prior, last


def select_with_progress(console: Console, poses, subjects, **arguments) -> selection.Selection:
    """Chooses the sizes of a prior under a progress bar.

    Args:
        console: Console of the bar.
        poses: Poses as for `tf_lift.prior.select`.
        subjects: Labels of people.
        **arguments: The other arguments of `tf_lift.prior.select`.

    Returns:
        The `Selection` of `tf_lift.prior.select`.
    """
    columns = (
        progress.TextColumn("{task.description:<22}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bar:
        task = bar.add_task("Trying sizes", total=1.0)

        def show(fraction):
            bar.update(task, completed=fraction)

        return selection.select(poses, subjects, on_progress=show, **arguments)


def selection_table(
    result: selection.Selection, people: str = "subjects", select_by: str = "likelihood"
) -> rich_table.Table:
    """Builds a table of all candidates that marks the best.

    Args:
        result: `Selection` from `tf_lift.prior.select`.
        people: Word for the labels that were held out, for the title.
        select_by: Name of the column that decided.

    Returns:
        A `rich` table.
    """
    title = f"{result.num_labels} {people}, held out in {result.num_folds} parts; mean +- its error"
    candidates = rich_table.Table(title=title)
    marks = {"likelihood": "log-likelihood", "lifting": "lifting MPJPE (mm)"}
    headings = [f"{text} *" if name == select_by else text for name, text in marks.items()]
    for heading in ("models", "bases", "noise (mm)", *headings, ""):
        candidates.add_column(heading, justify="right")
    for row in result.rows:
        best = row is result.best
        candidates.add_row(
            str(row.mixture_size),
            str(row.num_bases),
            "most likely" if row.noise_stddev is None else f"{row.noise_stddev:g}",
            _with_error(row.log_likelihood, row.log_likelihood_error),
            _with_error(row.lifting, row.lifting_error),
            "chosen" if best else "",
            style="bold" if best else None,
        )
    return candidates


def _with_error(value, error):
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if math.isnan(error) else f"{value:.1f} +- {error:.1f}"


def table(prior: PosePrior) -> rich_table.Table:
    """Builds a table with a row for each component of a prior.

    Args:
        prior: The prior.

    Returns:
        A `rich` table.
    """
    result = rich_table.Table(title=f"Pose prior, skeleton {prior.skeleton}")
    for heading in ("component", "weight", "noise (mm)", "deviations of the bases (mm)"):
        result.add_column(heading, justify="right")
    for k in range(prior.mixture_size):
        result.add_row(
            str(k),
            f"{prior.mixture_weights[k]:.3f}",
            f"{prior.noise_stddev[k]:.1f}",
            f"{prior.stddev[k].max():.0f} ... {prior.stddev[k].min():.1f}",
        )
    return result
