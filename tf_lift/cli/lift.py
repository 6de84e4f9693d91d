"""`tf-lift lift`: 3D poses from files of 2D keypoints."""

import contextlib
import pathlib
import sys
import warnings
from typing import Annotated

import typer

from tf_lift import skeletons
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
