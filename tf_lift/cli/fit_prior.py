"""`tf-lift fit-prior`."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command("fit-prior")
def fit_prior(
    poses: Annotated[
        pathlib.Path,
        typer.Argument(
            help="npz file with `poses` [N, 17, 3], mm, z up; `subject` and `clip` if known.",
            show_default=False,
        ),
    ],
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="npz file to write.")
    ] = pathlib.Path("prior.npz"),
    mixture_size: Annotated[
        str, typer.Option(help="Number of PPCA models; auto: chosen on held-out people.")
    ] = "3",
    num_bases: Annotated[
        str, typer.Option(help="Number of basis poses of each model; auto: likewise.")
    ] = "25",
    seed: Annotated[int, typer.Option(help="Seed of the clustering.")] = 0,
    balance: Annotated[
        str,
        typer.Option(help="Groups that get equal weight, however many poses: clip, subject, none."),
    ] = "clip",
    noise_stddev: Annotated[
        str,
        typer.Option(help="Noise of each coordinate, mm; 0: the most likely; auto: as above."),
    ] = "16",
    max_iterations: Annotated[
        int,
        typer.Option(help="Maximum number of EM iterations; more fit these subjects, not others."),
    ] = 1,
    shrinkage: Annotated[
        float,
        typer.Option(
            help="Shrinks each model's covariance to the mean of all; 1 suits many models."
        ),
    ] = 0.0,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Tune the prior by gradient descent afterwards, for lifting."),
    ] = False,
    tune_steps: Annotated[
        int,
        typer.Option(help="Steps of the tuning; more only for many poses, or recombined ones."),
    ] = 300,
    recombine: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the poses with limbs and trunks of others, if in balance; 0: none.",
        ),
    ] = 0.0,
    num_drawn: Annotated[
        int, typer.Option(min=1, help="Number of poses drawn where a share is recombined.")
    ] = 60_000,
    bone_variation: Annotated[
        float,
        typer.Option(
            help="Standard deviation of the logarithm of bone lengths in tuning: 0.07 is 7 %."
        ),
    ] = 0.07,
    stature_variation: Annotated[
        float, typer.Option(help="The same of the factor of all bones of a person.")
    ] = 0.04,
    hips: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Range of the distance between the hips in tuning, fractions of the stature; "
            "otherwise the people's own.",
            metavar="LOW HIGH",
        ),
    ] = None,
    shoulders: Annotated[
        tuple[float, float] | None,
        typer.Option(help="The same between the shoulders.", metavar="LOW HIGH"),
    ] = None,
    forearm: Annotated[
        tuple[float, float] | None,
        typer.Option(help="The same from elbow to wrist.", metavar="LOW HIGH"),
    ] = None,
    own_widths: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of the poses that keep hips, shoulders and forearms."
        ),
    ] = 0.5,
    select_by: Annotated[
        str, typer.Option(help="Criterion of auto: likelihood (of held-out people) or lifting.")
    ] = "likelihood",
    time_limit: Annotated[
        float, typer.Option(help="Time limit of auto, minutes; at least one part is held out.")
    ] = 20.0,
    checkpoint: Annotated[
        pathlib.Path | None,
        typer.Option(help="State of unfinished learning. [default: OUTPUT.partial]"),
    ] = None,
    skeleton: Annotated[str, typer.Option(help="Order of the joints.")] = "h36m17",
    credit: Annotated[
        str | None,
        typer.Option(help="Text to keep with the prior. [default: the licence text in POSES]"),
    ] = None,
) -> None:
    """Learns a pose prior, a mixture of PPCA models, from motion-capture poses.

    Ctrl-C keeps the progress: the same command continues from there.
    """
    from rich.console import Console

    from tf_lift.cli import prior_sizes
    from tf_lift.data.formats import mocap
    from tf_lift.data.motion.bodies import BodyVariation
    from tf_lift.prior.learning import report

    if output.suffix.lower() != ".npz":
        raise ValueError(f"`--output` must end in .npz. Received: {str(output)!r}")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"`--output` must lie in a folder that exists. Received: {str(output)!r}")
    if tune_steps < 1:
        raise ValueError(f"`--tune-steps` must be at least 1. Received: {tune_steps}")
    bodies = BodyVariation(bone_variation, stature_variation, hips, shoulders, forearm, own_widths)
    checkpoint = checkpoint or output.with_name(f"{output.name}.partial")
    sizes = prior_sizes.parse(mixture_size, num_bases, noise_stddev)
    data = mocap.load_poses(poses, skeleton)
    groups = data.groups(balance)
    console = Console()
    sizes = prior_sizes.settle(
        console,
        sizes,
        data,
        checkpoint=checkpoint,
        groups=groups,
        select_by=select_by,
        seed=seed,
        max_iterations=max_iterations,
        max_seconds=60.0 * time_limit,
    )
    poses_learnt = data.poses
    if recombine:
        poses_learnt, groups = _recombine(data, groups, recombine, num_drawn, seed), None
    if checkpoint.exists():
        console.print(f"Going on from {checkpoint}", soft_wrap=True)
    try:
        prior, log_likelihood = report.fit_with_progress(
            console,
            poses_learnt,
            groups=groups,
            seed=seed,
            max_iterations=max_iterations,
            skeleton=data.skeleton,
            credit=data.credit if credit is None else credit,
            checkpoint=checkpoint,
            shrinkage=shrinkage,
            **sizes,
        )
        if tune:
            prior = _tune(console, prior, poses_learnt, groups, bodies, tune_steps, seed)
    except KeyboardInterrupt:
        if checkpoint.exists():
            console.print(
                f"Interrupted. The progress is in {checkpoint}; the same command continues "
                "from there.",
                soft_wrap=True,
            )
        raise
    prior.save(output)
    checkpoint.unlink(missing_ok=True)
    console.print(report.table(prior))
    console.print(
        f"{len(poses_learnt)} poses, each also mirrored; mean log-likelihood of a pose "
        f"{log_likelihood:.2f} nats; wrote {output}"
    )


def _recombine(data, groups, share, count, seed):
    import numpy as np

    from tf_lift import skeletons
    from tf_lift.data.motion import recombination
    from tf_lift.prior.learning import em

    weights = None if groups is None else em.balanced_weights(groups) / len(groups)
    return recombination.draw(
        data.poses,
        skeletons.get(data.skeleton),
        np.random.default_rng(seed),
        count,
        share=share,
        weights=weights,
    )


def _tune(console, prior, poses, groups, bodies, tune_steps, seed):
    from rich import progress

    from tf_lift.training.prior_tuning import TuningConfig, tune

    columns = (
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bar:
        task = bar.add_task("tune", total=1.0)

        def on_progress(fraction, error):
            bar.update(task, completed=fraction, description=f"tune, {error:.1f} mm in training")

        config = TuningConfig(steps=tune_steps, bodies=bodies, seed=seed)
        return tune(prior, poses, groups, config, on_progress)
