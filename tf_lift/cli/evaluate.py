"""`tf-lift evaluate`: errors of poses in files, or of a network."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app

_PROTOCOLS = "all, limbs, h36m-1, h36m-2, h36m-3, mpi-inf-3dhp, 3dpw"


@app.command()
def evaluate(
    predicted: Annotated[
        pathlib.Path | None,
        typer.Argument(
            help="Predicted poses: .json or .npz of `tf-lift lift` or `predict`, .npz with "
            "`joints_3d` or `landmarks`, or .npy.",
            show_default=False,
        ),
    ] = None,
    true: Annotated[
        pathlib.Path | None,
        typer.Argument(help="True poses: the same, or COCO annotations.", show_default=False),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help=f"What counts: {_PROTOCOLS} (docs/evaluation.md).")
    ] = "all",
    skeleton: Annotated[
        str | None,
        typer.Option(help="Joints of the predicted poses. [default: the file's, else h36m17]"),
    ] = None,
    true_skeleton: Annotated[
        str | None, typer.Option(help="Joints of the true poses. [default: likewise]")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of the predicted joints: mm, cm, m. [default: mm]")
    ] = None,
    true_unit: Annotated[
        str | None, typer.Option(help="Unit of the true joints. [default: mm]")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames per second, for errors of motion. [default: as the files say]"),
    ] = None,
    model: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Instead of poses: a network, .keras, or the folder of a run. It is measured on "
            "held-out synthetic people, stage by stage.",
            show_default=False,
        ),
    ] = None,
    people: Annotated[
        int | None, typer.Option(help="With --model: number of people. [default: 256]")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="With --model: seed of the people. [default: the run's own, else 0]"),
    ] = None,
    mocap: Annotated[
        str | None,
        typer.Option(
            help="With --model: npz file of real poses for the people. [default: as in the run]"
        ),
    ] = None,
    output: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            "--output",
            "-o",
            help="File for the errors: .json; for poses also .md and .png. May be repeated.",
        ),
    ] = None,
) -> None:
    """Measures the errors of poses in files against true ones, or those of a network.

    Poses belong together by sequence, frame and person where both files have them, else in order.
    Joints that the true poses lack or hide count nowhere, and no pose is ever mirrored.
    """
    if (model is None) == (predicted is None) or (predicted is None) != (true is None):
        raise ValueError("either two files, predicted and true poses, or --model must be given")
    outputs = output or []
    if model is None:
        _refuse({"--people": people, "--seed": seed, "--mocap": mocap}, "without --model")
        options = {
            "skeleton": skeleton,
            "true_skeleton": true_skeleton,
            "unit": unit,
            "true_unit": true_unit,
            "fps": fps,
        }
        _evaluate_poses(predicted, true, protocol, options, outputs)
        return
    for_poses = {"--skeleton": skeleton, "--true-skeleton": true_skeleton, "--unit": unit}
    _refuse({**for_poses, "--true-unit": true_unit, "--fps": fps}, "with --model")
    if len(outputs) > 1 or any(path.suffix.lower() != ".json" for path in outputs):
        raise ValueError(f"with --model, --output must be one .json file. Received: {outputs}")
    _evaluate_network(model, 256 if people is None else people, seed, mocap, outputs)


def _refuse(options: dict[str, object], when: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{', '.join(given)} must not be given {when}")


def _evaluate_poses(predicted, true, protocol, options, outputs):
    from rich.console import Console
    from rich.markdown import Markdown

    from tf_lift.evaluation import pose_scores, score_report

    for path in outputs:
        score_report.check_path(path)
    result = pose_scores.score_files(predicted, true, protocol, **options)
    console = Console()
    title = f"{predicted.name} against {true.name}"
    console.print(Markdown(score_report.to_markdown(result, title)))
    for path in outputs:
        console.print(f"wrote {score_report.write(result, path)}", highlight=False)


def _evaluate_network(model, people, seed, mocap, outputs):
    from rich.console import Console

    from tf_lift.evaluation import report
    from tf_lift.training.held_out import evaluate_file

    changes = {"seed": seed, "mocap": mocap, "num_test_people": people}
    changes = {key: value for key, value in changes.items() if value is not None}
    summary = evaluate_file(model, changes, *outputs)
    Console().print(report.results_table(summary))
