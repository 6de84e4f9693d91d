"""`tf-lift predict` and `tf-lift lift`: 3D poses from photos and from files of 2D keypoints."""

import contextlib
import pathlib
import sys
import warnings
from typing import Annotated

import typer

from tf_lift import skeletons
from tf_lift.cli import texts
from tf_lift.cli.application import app
from tf_lift.cli.lift_options import with_lift_options

SKELETON_NAMES = ", ".join(skeletons.SKELETONS)

_NOISE_HELP = "Error of the 2D positions, mm on the person, added to the prior's noise; 0 if exact."
# On people of 300 px, errors of 3 to 7 px are 15 to 35 mm. Expecting too little costs much (132
# mm instead of the 78 with 20 mm expected), expecting too much costs little (52 instead of 49).
NOISE_MM = 20.0
_Prior = Annotated[str, typer.Option(help="Pose prior: people, cmu (smaller, faster), or a file.")]
_Camera = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Known properties of the camera, .json (docs/cameras.md): with a focal length, poses "
        'are placed in front of it, root_position in mm. Or "level": neither pitch nor roll. '
        "[default: unknown, pitch and roll are estimated for each pose]",
    ),
]
_Robust = Annotated[
    bool,
    typer.Option(
        "--robust/--no-robust",
        help="Let confidences weigh the landmarks: doubtful ones count less and may be wrong.",
    ),
]


@app.command()
@with_lift_options
def predict(
    *,
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
            help="Range of pixels that the network expects: 0-255, 0-1, -1-1 or -0.5-0.5. "
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
    prior: _Prior = "people",
    noise_mm: Annotated[float, typer.Option(help=_NOISE_HELP)] = NOISE_MM,
    robust: _Robust = True,
    camera: _Camera = None,
    figure: Annotated[bool, typer.Option("--figure/--no-figure", help="Draw figures.")] = True,
    lift_options: dict,
) -> int:
    """Finds a person in photos with any belief-map network, and lifts the 2D pose to 3D.

    One person per photo: of several people, each joint's highest peak wins; --box picks one.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift import Camera, LiftOptions, PosePrior, inference

    network = inference.BeliefMapDetector(
        detector,
        skeleton,
        input_name=input_name,
        output_name=output_name,
        signature=signature,
        input_size=texts.size(input_size, "--input-size"),
        input_range=input_range,
        bgr=bgr,
        channels=texts.indices(channels, "--channels"),
    )
    console = Console()
    pose_prior = PosePrior.load(prior).with_noise(noise_mm)
    _report_missing(console, skeletons.report(network.skeleton, pose_prior.skeleton))
    results = inference.predict_files(
        photos,
        network,
        pose_prior,
        output,
        figure=figure,
        box=texts.box(box, "--box"),
        min_score=min_score,
        robust=robust,
        camera=camera if camera in (None, "level") else Camera.load(camera),
        options=LiftOptions(**lift_options),
    )
    failed = 0
    with _misfits_caught() as caught:
        for path, result in progress.track(results, "Photos", total=len(photos), console=console):
            if isinstance(result, ValueError):
                failed += 1
                print(f"tf-lift: error: {path}: {' '.join(str(result).split())}", file=sys.stderr)
    written = len(photos) - failed
    if caught:
        _note(inference.misfits.describe(len(caught), written))
    console.print(f"{written} of {len(photos)} photos done; wrote {output}", highlight=False)
    return 2 if failed else 0


@app.command()
@with_lift_options
def lift(
    *,
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
            "[default: as the file says, else by their number]"
        ),
    ] = None,
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Let joints that are some centimetres off stand in for those of the prior.",
        ),
    ] = False,
    scale: Annotated[
        float | None, typer.Option(help="Pixels per millimetre. [default: estimated for each pose]")
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Keypoints with a lower confidence count as missing.")
    ] = 0.05,
    prior: _Prior = "people",
    noise_mm: Annotated[float, typer.Option(help=_NOISE_HELP)] = NOISE_MM,
    robust: _Robust = True,
    camera: _Camera = None,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames per second, if the poses are the frames of one person, in order, none "
            "left out: they share one body and move smoothly, and gaps are filled. Frame numbers "
            "are not read. [default: each pose by itself]"
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Poses to lift at a time.")] = 1024,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="png file for a drawing of up to 6 of the poses.")
    ] = None,
    image: Annotated[pathlib.Path | None, typer.Option(help="Image to draw the figure on.")] = None,
    lift_options: dict,
) -> None:
    """Lifts 2D keypoints of a file to 3D poses.

    A note says how many poses do not fit the prior (`misfit` above 1), and what usually causes it.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift import Camera, LiftOptions, PosePrior, inference

    console = Console()
    with _misfits_caught() as caught:
        poses = inference.lift_file(
            keypoints,
            PosePrior.load(prior).with_noise(noise_mm),
            output,
            skeleton=skeleton,
            approximate=approximate,
            batch_size=batch_size,
            figure=figure,
            image=image,
            scale=scale,
            min_score=min_score,
            robust=robust,
            camera=camera if camera in (None, "level") else Camera.load(camera),
            fps=fps,
            options=LiftOptions(**lift_options),
            track=lambda batches: progress.track(batches, "Poses", console=console),
        )
    for warning in caught:
        _note(warning)
    empty = int((poses.mixture_index < 0).sum())
    note = f", {empty} of them with too few keypoints (null)" if empty else ""
    _report_missing(console, poses.conversion)
    console.print(f"{len(poses.scale)} poses{note}; wrote {output}", highlight=False)


@contextlib.contextmanager
def _misfits_caught():
    """Collects the texts of `MisfitWarning`s; others are shown as ever."""
    from tf_lift.inference import MisfitWarning

    texts = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", MisfitWarning)
        show = warnings.showwarning

        def collect(message, category, *args, **kwargs):
            if issubclass(category, MisfitWarning):
                texts.append(str(message))
            else:
                show(message, category, *args, **kwargs)

        warnings.showwarning = collect
        yield texts


def _note(text):
    print(f"tf-lift: note: {text}", file=sys.stderr)


def _report_missing(console, conversion):
    if conversion.missing or conversion.approximate:
        inferred = " (inferred by the prior)" if conversion.missing else ""
        console.print(f"{conversion}{inferred}", highlight=False, soft_wrap=True)
