"""The command line: `tf-lift COMMAND`, each command a thin call into the library."""

import os
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
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the run --name.")
    ] = False,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw, adam or sgd.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    people: Annotated[int | None, typer.Option(help="Synthetic people to train on.")] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(help="Stop training so that all ends in this time; 0: no limit."),
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
    chosen = settings(folder / "config.json" if resume else config, changes)
    console = Console()
    summary = train_and_evaluate(
        chosen, folder, resume=resume, verbose=1, say=lambda line: console.print(line, style="dim")
    )
    console.print(report.results_table(summary))
    console.print(f"{summary['seconds']:.0f} s; wrote {folder}", highlight=False)


@app.command()
def evaluate(
    model: Annotated[
        pathlib.Path,
        typer.Option(help="A .keras file, or the folder of a run.", show_default=False),
    ],
    people: Annotated[int, typer.Option(help="Held-out synthetic people to measure on.")] = 256,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the people. [default: the run's own, else 0]")
    ] = None,
    mocap: Annotated[
        str | None,
        typer.Option(help="npz file of real poses for the people. [default: as in the run]"),
    ] = None,
    output: Annotated[
        pathlib.Path | None, typer.Option("--output", "-o", help="JSON file for the errors.")
    ] = None,
) -> None:
    """Measures a network's 2D and 3D errors, stage by stage, on held-out people.

    The people are those of the run's own test, as far as seed and poses are the same.
    """
    from rich.console import Console

    from tf_lift.evaluation import report
    from tf_lift.training.held_out import evaluate_file

    changes = {"seed": seed, "mocap": mocap, "num_test_people": people}
    changes = {key: value for key, value in changes.items() if value is not None}
    summary = evaluate_file(model, changes, output)
    Console().print(report.results_table(summary))


@app.command()
def export(
    model: Annotated[
        pathlib.Path,
        typer.Option(help="A .keras file, or the folder of a run.", show_default=False),
    ],
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="Folder of all exports.")
    ] = pathlib.Path("saved_models"),
    name: Annotated[str, typer.Option(help="Name of this export.")] = "lifting_cpm",
) -> None:
    """Writes a network as the next version of a SavedModel: OUTPUT/NAME/VERSION.

    It takes images (0 to 255), JPEG or PNG files, or 2D landmarks; see docs/serving.md.
    """
    from rich.console import Console

    from tf_lift.export import export_saved_model
    from tf_lift.models import load_lifting_cpm

    path = export_saved_model(load_lifting_cpm(model), output, name)
    Console().print(f"Wrote {path}", highlight=False)


@app.command()
def predict(
    photos: Annotated[
        list[pathlib.Path], typer.Argument(help="Image files, any number.", show_default=False)
    ],
    detector: Annotated[
        pathlib.Path,
        typer.Option(
            help="Network that computes belief maps: frozen graph (.pb), SavedModel folder, or "
            ".keras / .h5 file.",
            show_default=False,
        ),
    ],
    skeleton: Annotated[
        str, typer.Option(help="Joints of the network: openpose18, coco17 or h36m17.")
    ] = "openpose18",
    output: Annotated[
        pathlib.Path,
        typer.Option("--output", "-o", help="Folder of the results, PHOTO.json and PHOTO.png."),
    ] = pathlib.Path("poses"),
    box: Annotated[
        str | None,
        typer.Option(help="x,y,width,height in px: where the person is. [default: anywhere]"),
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Joints whose belief map peaks below count as missing.")
    ] = 0.05,
    input_size: Annotated[
        str | None,
        typer.Option(
            help="Size of the network's input, as 432x368; photos keep their aspect. "
            "[default: the network's, else 368 px high]"
        ),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            help="What the network expects of pixels: 0-255, 0-1, -1-1 or -0.5-0.5. "
            "[default: 0-255; -0.5-0.5 for Keras files of this library]"
        ),
    ] = None,
    bgr: Annotated[bool, typer.Option("--bgr", help="The network takes blue first.")] = False,
    channels: Annotated[
        str | None,
        typer.Option(help="Channel of each joint, as 0-13,15,14. [default: the first ones]"),
    ] = None,
    input_name: Annotated[
        str | None, typer.Option(help="Name of the network's input. [default: found]")
    ] = None,
    output_name: Annotated[
        str | None, typer.Option(help="Name of the belief maps' output. [default: found]")
    ] = None,
    signature: Annotated[
        str | None, typer.Option(help="Signature of a SavedModel. [default: found]")
    ] = None,
    prior: Annotated[
        pathlib.Path | None, typer.Option(help="Pose prior. [default: the one that ships]")
    ] = None,
    num_rotations: Annotated[int, typer.Option(help="Rotations to search.")] = 80,
    selection: Annotated[
        str, typer.Option(help="What wins: posterior, or the paper's energy.")
    ] = "posterior",
    figure: Annotated[
        bool, typer.Option("--figure/--no-figure", help="Whether to draw figures.")
    ] = True,
) -> int:
    """Finds a person in photos with any belief-map network, and lifts the 2D pose to 3D.

    One person per photo: of several, each joint's highest peak wins; --box picks one.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift import PosePrior, inference
    from tf_lift.inference import options

    network = inference.BeliefMapDetector(
        detector,
        skeleton,
        input_name=input_name,
        output_name=output_name,
        signature=signature,
        input_size=options.size(input_size, "--input-size"),
        input_range=input_range,
        bgr=bgr,
        channels=options.indices(channels, "--channels"),
    )
    console = Console()
    results = inference.predict_files(
        photos,
        network,
        PosePrior.load(prior),
        output,
        figure=figure,
        box=options.box(box, "--box"),
        min_score=min_score,
        num_rotations=num_rotations,
        selection=selection,
    )
    failed = 0
    for path, result in progress.track(results, "Photos", total=len(photos), console=console):
        if isinstance(result, ValueError):
            failed += 1
            print(f"tf-lift: error: {path}: {' '.join(str(result).split())}", file=sys.stderr)
    written = len(photos) - failed
    console.print(f"{written} of {len(photos)} photos done; wrote {output}", highlight=False)
    return 2 if failed else 0


@app.command()
def lift(
    keypoints: Annotated[
        pathlib.Path,
        typer.Argument(
            help="2D keypoints: COCO .json, .json or .npz with `landmarks`, .npy, or .csv.",
            show_default=False,
        ),
    ],
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="File of the poses: .json or .npz.")
    ] = pathlib.Path("poses.json"),
    skeleton: Annotated[
        str | None,
        typer.Option(
            help="Joints of the keypoints: openpose18, coco17 or h36m17. "
            "[default: what the file says, else by their number]"
        ),
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Pixels per millimetre. [default: found for each pose]")
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Keypoints with a lower confidence count as missing.")
    ] = 0.05,
    prior: Annotated[
        pathlib.Path | None, typer.Option(help="Pose prior. [default: the one that ships]")
    ] = None,
    num_rotations: Annotated[int, typer.Option(help="Rotations to search.")] = 80,
    selection: Annotated[
        str, typer.Option(help="What wins: posterior, or the paper's energy.")
    ] = "posterior",
    batch_size: Annotated[int, typer.Option(help="Poses to lift at a time.")] = 1024,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="png file for a drawing of up to 6 of the poses.")
    ] = None,
    image: Annotated[pathlib.Path | None, typer.Option(help="Image to draw the figure on.")] = None,
) -> None:
    """Lifts 2D keypoints of a file to 3D poses."""
    from rich import progress
    from rich.console import Console

    from tf_lift import PosePrior, inference

    console = Console()
    poses = inference.lift_file(
        keypoints,
        PosePrior.load(prior),
        output,
        skeleton=skeleton,
        batch_size=batch_size,
        figure=figure,
        image=image,
        scale=scale,
        min_score=min_score,
        num_rotations=num_rotations,
        selection=selection,
        track=lambda batches: progress.track(batches, "Poses", console=console),
    )
    empty = int((poses.mixture_index < 0).sum())
    note = f", {empty} of them with too few keypoints (null)" if empty else ""
    console.print(f"{len(poses.scale)} poses{note}; wrote {output}", highlight=False)


@app.command()
def show(
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="PNG file to write.")
    ] = pathlib.Path("people.png"),
    number: Annotated[int, typer.Option(help="Number of people.")] = 24,
    image_size: Annotated[int, typer.Option(help="Side of each image, px.")] = 128,
    columns: Annotated[int, typer.Option(help="Images in a row.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the people.")] = 0,
    first: Annotated[int, typer.Option(help="Index of the first person.")] = 0,
    landmarks: Annotated[
        bool, typer.Option("--landmarks", help="Draw the true landmarks too.")
    ] = False,
    mocap: Annotated[
        pathlib.Path | None,
        typer.Option(help="npz file of poses, instead of the shipped prior's."),
    ] = None,
    bits: Annotated[
        int, typer.Option(help="Bits of each colour, 1 to 8; fewer make a smaller file.")
    ] = 8,
) -> None:
    """Draws a sheet of synthetic people, the embedded training data."""
    import numpy as np
    from rich.console import Console

    from tf_lift.data import pool, synthetic
    from tf_lift.viewing import figures

    for name, value in (("number", number), ("columns", columns)):
        if value < 1:
            raise ValueError(f"`--{name}` must be at least 1. Received: {value}")
    if not 1 <= bits <= 8:
        raise ValueError(f"`--bits` must be 1 to 8. Received: {bits}")
    poses: np.ndarray
    if mocap is None:
        from tf_lift.prior import PosePrior

        poses = PosePrior.load().sample(max(number, 1000), seed=seed)
    else:
        from tf_lift.data.mocap import load_poses

        poses = load_poses(mocap).poses
    people = synthetic.SyntheticPeople(poses, image_size=image_size, seed=seed)
    drawn = pool.render_pool(people, np.arange(first, first + number), progress=True)
    # The middle of each step that the left-out bits make.
    step = 2 ** (8 - bits)
    sheet = figures.contact_sheet(
        (drawn["image"] // step * step + step // 2).astype(np.uint8),
        landmarks=drawn["landmarks"] if landmarks else None,
        visibility=drawn["visibility"] if landmarks else None,
        columns=columns,
    )
    path = figures.save(sheet, output, dpi=200 if landmarks else 100)
    Console().print(f"{number} people of {image_size} px; wrote {path}")


def main(arguments=None) -> int:
    """Runs the command line and returns its exit code.

    Args:
        arguments: List of strings; `sys.argv[1:]` where `None`.

    Returns:
        0 on success, 2 after a message of one line for bad input, 130 after Ctrl-C.
    """
    # TensorFlow's notes about the machine are not for who runs a command; its errors are.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
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
