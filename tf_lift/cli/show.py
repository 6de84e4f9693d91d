"""`tf-lift show`: poses of a file as a page to turn and play in a browser."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command()
def show(
    poses: Annotated[
        pathlib.Path,
        typer.Argument(
            help="Poses of `tf-lift lift` or `predict`, .json or .npz.", show_default=False
        ),
    ],
    output: Annotated[
        pathlib.Path | None,
        typer.Option("--output", "-o", help="Page to write. [default: POSES.html]"),
    ] = None,
    image: Annotated[
        pathlib.Path | None, typer.Option(help="Image that the poses are of, to show beside.")
    ] = None,
    video: Annotated[
        pathlib.Path | None,
        typer.Option(help="Video that the poses are of; its frames become part of the page."),
    ] = None,
    megabytes: Annotated[
        float,
        typer.Option(help="Limit of the video's frames in the page, MB; more are thinned out."),
    ] = 24.0,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames per second. [default: as the file or the video says, else 25]"),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading. [default: the file's name]")] = None,
) -> None:
    """Writes one HTML file that shows 3D poses: turn them, play them, pick a person.

    The page needs no other file and no network.
    """
    from rich.console import Console

    from tf_lift import inference
    from tf_lift.inference import pose_files, videos
    from tf_lift.viewing import html

    if image is not None and video is not None:
        raise ValueError("`--image` and `--video` exclude each other. Received: both")
    shown = pose_files.read_poses(poses)
    note = ""
    pictures = None
    if image is not None:
        pictures = html.pictures.from_image(inference.read_image(image))
    if video is not None:
        source = videos.Video(video)
        pictures = html.pictures.from_frames(
            ((frame.number, frame.image) for frame in source),
            html.frame_numbers(shown),
            megabytes=megabytes,
        )
        fps = source.fps if fps is None and shown.fps is None else fps
        if pictures.step > 1:
            note = f"; 1 of {pictures.step} frames of the video fits into {megabytes:g} MB"
        if source.problem:
            note += f"; {source.problem}"
    path = html.write_page(
        shown,
        output or poses.with_suffix(".html"),
        title=title or poses.name,
        pictures=pictures,
        fps=fps,
    )
    size = path.stat().st_size / 1e6
    Console().print(f"wrote {path}, {size:.1f} MB{note}", highlight=False)
