"""`tf-lift lift`: 3D poses from files of 2D keypoints."""

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
from tf_lift.inference.confidence import NOISE_MM

SKELETON_NAMES = ", ".join(skeletons.SKELETONS)

_NOISE_HELP = "Error of the 2D positions, mm on the person, added to the prior's noise; 0 if exact."
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
            help="2D keypoints (docs/keypoints.md): OpenPose's .json or a folder of them, COCO, "
            "AlphaPose, mmpose, MediaPipe .json, YOLO .txt, .npz, .npy, .csv, .h5, .trc in pixels.",
            show_default=False,
        ),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Option(
            "--output",
            "-o",
            help="File of the poses: .json, .npz or .csv; or .bvh, .c3d, .trc or .glb, a file for "
            "each person.",
        ),
    ] = pathlib.Path("poses.json"),
    skeleton: Annotated[
        str | None,
        typer.Option(
            help=f"Joints of the keypoints: {SKELETON_NAMES}. "
            "[default: as the file says, else by their number]"
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            help="Format of the keypoints: openpose, coco, alphapose, mmpose, mediapipe, yolo, "
            "videopose3d, deeplabcut, trc, csv, npz, npy, tf_lift. [default: by the content]"
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Size of the image, px, for keypoints that are fractions of it. "
            "[default: as the file says]",
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
            help="Frames per second of the frame numbers. Each person's frames are then lifted "
            "together: they share one body and move smoothly, and gaps are filled. "
            "[default: as the file says if it tells people apart, else each pose by itself]"
        ),
    ] = None,
    per_frame: Annotated[
        bool,
        typer.Option("--per-frame", help="Lift each pose by itself although the fps are known."),
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Poses to lift at a time.")] = 1024,
    figure: Annotated[
        pathlib.Path | None, typer.Option(help="png file for a drawing of up to 6 of the poses.")
    ] = None,
    image: Annotated[pathlib.Path | None, typer.Option(help="Image to draw the figure on.")] = None,
    lift_options: dict,
) -> int:
    """Lifts 2D keypoints of a file or folder to 3D poses.

    Notes say how numbers were understood, what was left out, and how many poses do not fit the
    prior (`misfit` above 1), with what usually causes it.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift import Camera, LiftOptions, PosePrior, inference

    console = Console()
    problems = []

    def say(text, is_problem):
        if is_problem:
            problems.append(text)
        _note(text, "error" if is_problem else "note")

    def track(steps):
        what = "Poses" if not steps or not isinstance(steps[0], pathlib.Path) else "Files"
        return progress.track(steps, what, console=console, transient=what == "Files")

    with _misfits_caught() as caught:
        poses = inference.lift_file(
            keypoints,
            PosePrior.load(prior).with_noise(noise_mm),
            output,
            skeleton=skeleton,
            format=format,
            image_size=texts.size(image_size, "--image-size"),
            approximate=approximate,
            batch_size=batch_size,
            figure=figure,
            image=image,
            scale=scale,
            min_score=min_score,
            robust=robust,
            camera=camera if camera in (None, "level") else Camera.load(camera),
            fps=fps,
            per_frame=per_frame,
            options=LiftOptions(**lift_options),
            say=say,
            track=track,
        )
    for warning in caught:
        _note(warning)
    _report_missing(console, poses.conversion)
    console.print(f"{_summary(poses)}; wrote {output}", highlight=False, soft_wrap=True)
    return 2 if problems else 0


def _summary(poses):
    """Says how many poses came, were lifted, lacked joints and fit badly."""
    from tf_lift.inference import misfits

    count = len(poses.scale)
    filled = int((~poses.visibility.any(1) & (poses.mixture_index >= 0)).sum())
    lacking = int((poses.mixture_index < 0).sum())
    parts = [f"{_many(count - filled, 'pose')} in {_many(len(poses.frames), 'frame')}"]
    if count and len(set(poses.person)) > 1:
        parts[0] += f" of {len(set(poses.person))} people"
    empty = len(set(poses.frames) - set(poses.frame))
    parts[0] += f", {empty} of them empty" if empty else ""
    parts.append(f"{count - filled - lacking} lifted")
    if filled:
        parts.append(f"{filled} more filled in gaps")
    if lacking:
        parts.append(f"{lacking} of them with too few keypoints (null)")
    parts.append(f"{misfits.count(poses.misfit)} fit badly")
    return f"{parts[0]}: {', '.join(parts[1:])}"


def _many(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


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


def _note(text, kind="note"):
    print(f"tf-lift: {kind}: {text}", file=sys.stderr)


def _report_missing(console, conversion):
    if conversion.missing or conversion.approximate:
        inferred = " (inferred by the prior)" if conversion.missing else ""
        console.print(f"{conversion}{inferred}", highlight=False, soft_wrap=True)
