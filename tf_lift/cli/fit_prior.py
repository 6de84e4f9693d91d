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
    mixture_size: Annotated[int, typer.Option(help="Number of PPCA models.")] = 3,
    num_bases: Annotated[int, typer.Option(help="Number of basis poses of each.")] = 25,
    seed: Annotated[int, typer.Option(help="Seed of the clustering.")] = 0,
    balance: Annotated[
        str, typer.Option(help="What counts the same, however many poses: clip, subject, none.")
    ] = "clip",
    noise_stddev: Annotated[
        float, typer.Option(help="Noise of each coordinate in mm; 0 for the most likely.")
    ] = 16.0,
    max_iterations: Annotated[
        int, typer.Option(help="Most iterations of EM; more fit these subjects, not others.")
    ] = 1,
    credit: Annotated[
        str | None,
        typer.Option(help="Text to keep with the prior. [default: the licence text in POSES]"),
    ] = None,
) -> None:
    """Learns a pose prior, a mixture of PPCA models, from motion-capture poses."""
    from rich.console import Console

    from tf_lift.data import mocap
    from tf_lift.prior import report

    if output.suffix.lower() != ".npz":
        raise ValueError(f"`--output` must end in .npz. Received: {str(output)!r}")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"`--output` must lie in a folder that exists. Received: {str(output)!r}")
    data = mocap.load_poses(poses)
    console = Console()
    prior, log_likelihood = report.fit_with_progress(
        console,
        data.poses,
        groups=data.groups(balance),
        mixture_size=mixture_size,
        num_bases=num_bases,
        seed=seed,
        noise_stddev=noise_stddev or None,
        max_iterations=max_iterations,
        skeleton=data.skeleton,
        credit=data.credit if credit is None else credit,
    )
    prior.save(output)
    console.print(report.table(prior))
    console.print(
        f"{len(data.poses)} poses, each also mirrored; mean log-likelihood of a pose "
        f"{log_likelihood:.2f} nats; wrote {output}"
    )
