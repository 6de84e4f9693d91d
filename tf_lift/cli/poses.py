"""`tf-lift predict` and `lift`: poses of photos and of 2D keypoints."""

import dataclasses
import pathlib
import sys
from typing import Annotated

import typer

from tf_lift import skeletons
from tf_lift.cli.application import app

SKELETON_NAMES = ", ".join(skeletons.SKELETONS)

# On people of 300 px, 3 to 7 px of noise are 15 to 35 mm. Not to expect them costs far more
# (132 mm, where 20 mm expected give 78) than to expect what is not there (52, not 49).
_NOISE_HELP = "Error of the 2D positions to expect, in mm on the person; 0 for exact ones."


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
        str, typer.Option(help=f"Joints of the network: {SKELETON_NAMES}.")
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
        str, typer.Option(help="Pose prior: cmu-tuned, cmu (smaller, faster), or a file.")
    ] = "cmu-tuned",
    landmark_noise: Annotated[float, typer.Option(help=_NOISE_HELP)] = 20.0,
    num_rotations: Annotated[int, typer.Option(help="Rotations to search.")] = 80,
    selection: Annotated[
        str, typer.Option(help="What wins: posterior, or the paper's energy.")
    ] = "posterior",
    camera: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Camera that took the images, .json (docs/cameras.md): places the poses before "
            "it, root_position in mm. [default: not known]"
        ),
    ] = None,
    figure: Annotated[
        bool, typer.Option("--figure/--no-figure", help="Whether to draw figures.")
    ] = True,
) -> int:
    """Finds a person in photos with any belief-map network, and lifts the 2D pose to 3D.

    One person per photo: of several, each joint's highest peak wins; --box picks one.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift import Camera, PosePrior, inference
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
    pose_prior = _noisy(PosePrior.load(prior), landmark_noise)
    _tell_missing(console, skeletons.report(network.skeleton, pose_prior.skeleton))
    results = inference.predict_files(
        photos,
        network,
        pose_prior,
        output,
        figure=figure,
        box=options.box(box, "--box"),
        min_score=min_score,
        num_rotations=num_rotations,
        selection=selection,
        camera=None if camera is None else Camera.load(camera),
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
            help=f"Joints of the keypoints: {SKELETON_NAMES}. "
            "[default: what the file says, else by their number]"
        ),
    ] = None,
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Let joints stand in for those of the prior that are some centimetres off.",
        ),
    ] = False,
    scale: Annotated[
        float | None, typer.Option(help="Pixels per millimetre. [default: found for each pose]")
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Keypoints with a lower confidence count as missing.")
    ] = 0.05,
    prior: Annotated[
        str, typer.Option(help="Pose prior: cmu-tuned, cmu (smaller, faster), or a file.")
    ] = "cmu-tuned",
    landmark_noise: Annotated[float, typer.Option(help=_NOISE_HELP)] = 20.0,
    num_rotations: Annotated[int, typer.Option(help="Rotations to search.")] = 80,
    selection: Annotated[
        str, typer.Option(help="What wins: posterior, or the paper's energy.")
    ] = "posterior",
    camera: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Camera that took the images, .json (docs/cameras.md): places the poses before "
            "it, root_position in mm. [default: not known]"
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Poses to lift at a time.")] = 1024,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="png file for a drawing of up to 6 of the poses.")
    ] = None,
    image: Annotated[pathlib.Path | None, typer.Option(help="Image to draw the figure on.")] = None,
) -> None:
    """Lifts 2D keypoints of a file to 3D poses."""
    from rich import progress
    from rich.console import Console

    from tf_lift import Camera, PosePrior, inference

    console = Console()
    poses = inference.lift_file(
        keypoints,
        _noisy(PosePrior.load(prior), landmark_noise),
        output,
        skeleton=skeleton,
        approximate=approximate,
        batch_size=batch_size,
        figure=figure,
        image=image,
        scale=scale,
        min_score=min_score,
        num_rotations=num_rotations,
        selection=selection,
        camera=None if camera is None else Camera.load(camera),
        track=lambda batches: progress.track(batches, "Poses", console=console),
    )
    empty = int((poses.mixture_index < 0).sum())
    note = f", {empty} of them with too few keypoints (null)" if empty else ""
    _tell_missing(console, poses.conversion)
    console.print(f"{len(poses.scale)} poses{note}; wrote {output}", highlight=False)


def _tell_missing(console, conversion):
    if conversion.missing or conversion.approximate:
        inferred = " (inferred by the prior)" if conversion.missing else ""
        console.print(f"{conversion}{inferred}", highlight=False, soft_wrap=True)


def _noisy(prior, landmark_noise):
    if not 0.0 <= landmark_noise < float("inf"):
        raise ValueError(f"`--landmark-noise` must not be negative. Received: {landmark_noise}")
    noise_stddev = (prior.noise_stddev**2 + landmark_noise**2) ** 0.5
    return dataclasses.replace(prior, noise_stddev=noise_stddev)
