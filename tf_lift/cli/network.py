"""`tf-lift train` and `export`: the life of a lifting network."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app
from tf_lift.cli.lift_options import with_lift_options


@app.command()
def train(
    preset: Annotated[
        str | None,
        typer.Option(
            help="Size of the network: tiny (minutes on a CPU), small, vgg (the paper's size), "
            "original. [default: tiny]"
        ),
    ] = None,
    config: Annotated[
        pathlib.Path | None,
        typer.Option(help="JSON file of settings (`TrainConfig`), or a run's config.json."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run. [default: preset and time]")
    ] = None,
    runs: Annotated[pathlib.Path, typer.Option(help="Folder of all runs.")] = pathlib.Path("runs"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint of the run --name.")
    ] = False,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw, adam or sgd.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    people: Annotated[int | None, typer.Option(help="Synthetic people to train on.")] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(help="Stop training so that everything ends within this time; 0: no limit."),
    ] = None,
    lift_gradient: Annotated[
        bool | None,
        typer.Option(
            "--lift-gradient/--no-lift-gradient",
            help="Whether gradients flow through the lift. [default: they do]",
        ),
    ] = None,
    mixed_precision: Annotated[
        bool | None,
        typer.Option(
            "--mixed-precision/--no-mixed-precision", help="16-bit convolutions, for GPUs."
        ),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the images in px. [default: the preset's]")
    ] = None,
    prior: Annotated[
        str | None, typer.Option(help="npz file of the pose prior. [default: the one that ships]")
    ] = None,
    mocap: Annotated[
        str | None,
        typer.Option(help="npz file of real poses for the people. [default: drawn from the prior]"),
    ] = None,
    export: Annotated[
        bool | None, typer.Option("--export/--no-export", help="Whether to write a SavedModel.")
    ] = None,
    export_folder: Annotated[
        str | None, typer.Option(help="Folder of all exports. [default: saved_models]")
    ] = None,
) -> None:
    """Trains a lifting network on synthetic people, measures, draws and exports it.

    Writes runs/NAME/ (settings, checkpoints, model.keras, summary.json, figures) and
    saved_models/lifting_cpm/VERSION/. Ctrl-C leaves a checkpoint for --resume.
    """
    from rich.console import Console

    from tf_lift.evaluation import report
    from tf_lift.training import run_folder, settings, train_and_evaluate

    options = {
        "preset": preset,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "optimizer": optimizer,
        "seed": seed,
        "num_train_people": people,
        "max_minutes": max_minutes,
        "lift_gradient": lift_gradient,
        "mixed_precision": mixed_precision,
        "image_size": image_size,
        "prior": prior,
        "mocap": mocap,
        "export": export,
        "export_folder": export_folder,
    }
    changes = {key: value for key, value in options.items() if value is not None}
    folder = run_folder(runs, name, preset, resume)
    run_config = settings(folder / "config.json" if resume else config, changes)
    console = Console()
    summary = train_and_evaluate(
        run_config,
        folder,
        resume=resume,
        verbose=1,
        say=lambda line: console.print(line, style="dim"),
    )
    console.print(report.results_table(summary))
    console.print(f"{summary['seconds']:.0f} s; wrote {folder}", highlight=False)


@app.command()
@with_lift_options
def export(
    *,
    model: Annotated[
        pathlib.Path | None,
        typer.Option(help="Network: a .keras file, or the folder of a run.", show_default=False),
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="Instead of a network, export the lift alone, with this pose prior (people, "
            "cmu or a file) and the options below.",
            show_default=False,
        ),
    ] = None,
    noise_mm: Annotated[
        float, typer.Option(help="With --prior: error of the landmarks, mm on the person.")
    ] = 0.0,
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="Folder of all exports.")
    ] = pathlib.Path("saved_models"),
    name: Annotated[
        str | None, typer.Option(help="Name of this export. [default: lifting_cpm, or lift]")
    ] = None,
    lift_options: dict,
) -> None:
    """Writes a network or a lift as the next version of a SavedModel: OUTPUT/NAME/VERSION.

    A network takes images (0 to 255), JPEG or PNG files, or 2D landmarks; a lift alone takes
    landmarks. See docs/serving.md.
    """
    from rich.console import Console

    from tf_lift import LiftOptions, PosePrior
    from tf_lift.export import export_saved_model
    from tf_lift.layers import PPCALifting
    from tf_lift.models import load_lifting_cpm

    options = LiftOptions(**lift_options)
    if (model is None) == (prior is None):
        raise ValueError("Either `--model` or `--prior` must be given. Received: both or neither")
    if prior is not None:
        exported = PPCALifting(PosePrior.load(prior).with_noise(noise_mm), options=options)
    elif options != LiftOptions() or noise_mm:
        raise ValueError("Options of the lift must not be given with `--model`, which has its own")
    else:
        exported = load_lifting_cpm(model)
    path = export_saved_model(
        exported, output, name or ("lift" if model is None else "lifting_cpm")
    )
    Console().print(f"Wrote {path}", highlight=False)
