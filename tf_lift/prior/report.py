"""What `tf-lift fit-prior` shows: progress while a prior is learnt, a table of the result."""

from rich import progress
from rich import table as rich_table
from rich.console import Console

from tf_lift.prior.pose_prior import PosePrior

__all__ = ["fit_with_progress", "table"]

STAGES = {"align": "Aligning, rank by rank", "mixture": "Fitting the mixture"}


def fit_with_progress(console: Console, poses, **arguments) -> tuple[PosePrior, float]:
    """Learns a prior under a progress bar.

    Args:
        console: Where the bar goes.
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


def table(prior: PosePrior) -> rich_table.Table:
    """Returns a table with a row for each component of a prior.

    Args:
        prior: The prior.

    Returns:
        A `rich` table, for a console.
    """
    result = rich_table.Table(title=f"Pose prior, skeleton {prior.skeleton}")
    for heading in ("component", "weight", "noise (mm)", "deviations of the bases (mm)"):
        result.add_column(heading, justify="right")
    for k in range(prior.mixture_size):
        result.add_row(
            str(k),
            f"{prior.mixture_weights[k]:.3f}",
            f"{prior.noise_stddev[k]:.1f}",
            f"{prior.stddev[k].max():.0f} ... {prior.stddev[k].min():.0f}",
        )
    return result
