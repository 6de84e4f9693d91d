"""`tf-lift predict`: 3D poses of the people in photos and videos."""

import pathlib
import sys
from typing import Annotated

import typer

from tf_lift import skeletons
from tf_lift.cli import texts
from tf_lift.cli.application import app
from tf_lift.cli.lift_options import with_lift_options
from tf_lift.inference.confidence import NOISE_MM

SKELETON_NAMES = ", ".join(skeletons.SKELETONS)


@app.command()
@with_lift_options
def predict(
    *,
    files: Annotated[
        list[pathlib.Path],
        typer.Argument(
            help="Photos and videos, any number: files, folders, patterns in quotes, or webcam.",
            show_default=False,
        ),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Option("--output", "-o", help="Folder of the results: NAME.json, and a picture."),
    ] = pathlib.Path("poses"),
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            help="Further files, as npz,csv,bvh: npz, csv, bvh, c3d, trc, glb. [default: none]"
        ),
    ] = None,
    picture: Annotated[
        bool,
        typer.Option(
            "--picture/--no-picture",
            help="Draw the people, NAME.png of photos, NAME.mp4 of videos.",
        ),
    ] = True,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Leave out what is done already, and go on where Ctrl-C interrupted."
        ),
    ] = False,
    prior: Annotated[
        str, typer.Option(help="Pose prior: people, cmu (smaller, faster), or a file.")
    ] = "people",
    noise_mm: Annotated[
        float,
        typer.Option(
            help="Error of the 2D positions, mm on the person, added to the prior's noise."
        ),
    ] = NOISE_MM,
    robust: Annotated[
        bool,
        typer.Option(
            "--robust/--no-robust",
            help="Let confidences weigh the landmarks: doubtful ones count less and may be wrong.",
        ),
    ] = True,
    camera: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Known properties of the camera, .json (docs/cameras.md), or "level". '
            "[default: focal length from EXIF or a usual one; pitch and roll are estimated]",
        ),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(help="Largest number of pixels of a photo.")
    ] = 250_000_000,
    detector: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Instead of the default detector, a network that computes belief maps of one "
            "person: frozen graph (.pb), SavedModel folder, or .keras / .h5 file.",
            show_default=False,
        ),
    ] = None,
    skeleton: Annotated[
        str, typer.Option(help=f"With --detector: joints of the network: {SKELETON_NAMES}.")
    ] = "openpose18",
    box: Annotated[
        str | None,
        typer.Option(
            help="With --detector: x,y,width,height in px: where the person is. [default: anywhere]"
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="Joints with a lower confidence count as missing.")
    ] = 0.05,
    input_size: Annotated[
        str | None,
        typer.Option(
            help="With --detector: size of the network's input, as 432x368; photos keep their "
            "aspect. [default: the network's, else 368 px high]"
        ),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            help="With --detector: range of pixels: 0-255, 0-1, -1-1 or -0.5-0.5. "
            "[default: 0-255; -0.5-0.5 for Keras files of this library]"
        ),
    ] = None,
    bgr: Annotated[
        bool, typer.Option("--bgr", help="With --detector: the network takes blue first.")
    ] = False,
    channels: Annotated[
        str | None,
        typer.Option(
            help="With --detector: channel of each joint, as 0-13,15,14. [default: the first ones]"
        ),
    ] = None,
    input_name: Annotated[
        str | None,
        typer.Option(help="With --detector: name of the network's input. [default: found]"),
    ] = None,
    output_name: Annotated[
        str | None,
        typer.Option(help="With --detector: name of the belief maps' output. [default: found]"),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(help="With --detector: signature of a SavedModel. [default: found]"),
    ] = None,
    lift_options: dict,
) -> int:
    """Finds the people in photos and videos, and lifts them to 3D.

    In videos, people are followed and keep their numbers, and each moves smoothly with one body.
    A file that cannot be read does not stop the others: the exit code is then 2. Ctrl-C keeps
    what is done.
    """
    from tf_lift import Camera, LiftOptions, PosePrior, inference
    from tf_lift.inference import results, sources

    names = [name.strip().lower().removeprefix(".") for name in (format or "").split(",")]
    formats = [name for name in names if name]
    items = sources.from_files(files, max_pixels)
    results.check_outputs(items, output, formats)
    network = None
    if detector is not None:
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
    estimator = inference.PoseEstimator(
        PosePrior.load(prior),
        network,
        camera=camera if camera in (None, "level") else Camera.load(camera),
        noise_mm=noise_mm,
        min_score=min_score,
        robust=robust,
        box=texts.box(box, "--box"),
        options=LiftOptions(**lift_options),
    )
    return _run(estimator, items, output, formats, picture, resume)


def _run(estimator, items, output, formats, picture, resume):
    from rich import progress
    from rich.console import Console

    from tf_lift.inference import misfits, results

    console = Console()
    waiting = [item for item in items if not (resume and results.is_done(item, output))]
    done, failed, people, lifted, misfitting, empty = len(items) - len(waiting), 0, 0, 0, 0, 0
    if done:
        console.print(f"{done} of {len(items)} are done already", highlight=False)
    by_name = {item.name: item for item in waiting}
    output.mkdir(parents=True, exist_ok=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    try:
        with progress.Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("files", total=len(waiting), rate="")

            def track(video, verb="finding people in"):
                return _track(bar, video, verb)

            estimates = estimator.iterate(waiting, track=track, unfinished=output)
            for estimate in estimates:
                bar.advance(task)
                if estimate.poses is None:
                    failed += 1
                    _say("error", f"{estimate.path}: {estimate.problem}")
                    continue
                try:
                    image = None
                    if picture and not estimate.is_video:
                        image = by_name[estimate.name].read()
                    results.write(
                        estimate,
                        output,
                        formats,
                        image=image,
                        picture=picture,
                        track=lambda video: _track(bar, video, "drawing"),
                    )
                except (OSError, ValueError) as error:
                    failed += 1
                    _say("error", f"{estimate.path}: {error}")
                    continue
                done += 1
                if estimate.problem is not None:
                    _say("note", f"{estimate.problem}; the frames that there are, are done")
                people += len(set(estimate.poses.person))
                empty += not len(estimate.poses.scale)
                lifted += int((estimate.poses.mixture_index >= 0).sum())
                misfitting += misfits.count(estimate.poses.misfit)
    except KeyboardInterrupt:
        _say("note", f"interrupted: {done} of {len(items)} are done; --resume goes on")
        return 130
    if misfitting:
        _say("note", misfits.describe(misfitting, lifted))
    nobody = f", {empty} with nobody in it" if empty else ""
    console.print(
        f"{done} of {len(items)} done{nobody}, {people} people; wrote {output}",
        highlight=False,
        soft_wrap=True,
    )
    return 2 if failed else 0


def _track(bar, video, verb):
    """Yields the frames of a video under a bar with the rate."""
    import time

    task = bar.add_task(f"{verb} {video.path.name}", total=video.num_frames, rate="")
    start = time.monotonic()
    for count, frame in enumerate(video, 1):
        yield frame
        rate = count / max(time.monotonic() - start, 1e-6)
        bar.update(task, completed=frame.number + 1, rate=f"{rate:.1f} frames/s")
    bar.remove_task(task)


def _say(kind, text):
    print(f"tf-lift: {kind}: {' '.join(str(text).split())}", file=sys.stderr)
