"""The command line: `tf-lift COMMAND`, each command a thin call into the library."""

import pathlib
import sys
from typing import Annotated

import typer

app = typer.Typer(
    name="tf-lift",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="3D human pose by lifting belief maps or 2D landmarks with a pose prior.",
)


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
        float | None,
        typer.Option(help="Noise of each coordinate in mm. [default: the most likely]"),
    ] = None,
    max_iterations: Annotated[int, typer.Option(help="Most iterations of EM.")] = 100,
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
        noise_stddev=noise_stddev,
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


def main(arguments=None) -> int:
    """Runs the command line and returns its exit code.

    Args:
        arguments: List of strings; `sys.argv[1:]` where `None`.

    Returns:
        0 on success, 2 after a message of one line for bad input, 130 after Ctrl-C.
    """
    try:
        result = app(args=arguments, standalone_mode=False)
    except (ValueError, OSError) as error:
        print(f"tf-lift: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        print("tf-lift: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        # Click's own usage errors: unknown option, missing argument.
        if hasattr(error, "format_message"):
            print(f"tf-lift: error: {error.format_message()}", file=sys.stderr)
            return 2
        raise
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
