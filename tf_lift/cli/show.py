"""`tf-lift show`: poses of a file as a page to turn and play in a browser."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command()
def show(
    poses: Annotated[
        pathlib.Path,
        typer.Argument(help="Poses of `tf-lift lift` or `predict`, .json.", show_default=False),
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
    from tf_lift.viewing import html

    if image is not None and video is not None:
        raise ValueError("`--image` and `--video` exclude each other. Received: both")
    shown = _read_poses(poses)
    note = ""
    pictures = None
    if image is not None:
        pictures = html.pictures.from_image(inference.read_image(image))
    if video is not None:
        frames = html.pictures.video_frames(video)
        pictures = html.pictures.from_video(frames, html.frame_numbers(shown), megabytes=megabytes)
        fps = fps or getattr(shown, "fps", None) or html.pictures.video_rate(video)
        if pictures.step > 1:
            note = f"; every {pictures.step}th frame of the video fits into {megabytes:g} MB"
    path = html.write_page(
        shown,
        output or poses.with_suffix(".html"),
        title=title or poses.name,
        pictures=pictures,
        fps=fps,
    )
    size = path.stat().st_size / 1e6
    Console().print(f"wrote {path}, {size:.1f} MB{note}", highlight=False)


def _read_poses(path):
    import json
    import types

    import numpy as np

    from tf_lift import skeletons
    from tf_lift.inference import Poses

    content = json.loads(path.read_text(encoding="utf-8"))
    skeleton = skeletons.Skeleton(
        str(content["skeleton"]), tuple(content["joint_names"]), tuple(content["parents"])
    )
    rows = content["poses"]
    arrays = {
        name: np.array([row[name] for row in rows], object).astype(np.float64) for name in rows[0]
    }
    arrays["visibility"] = arrays["visibility"] > 0
    fields = {f: None for f in Poses.__dataclass_fields__}
    named = (
        types.SimpleNamespace(
            **fields | arrays,
            skeleton=skeleton,
            frames=content.get("frames"),
            fps=content.get("fps"),
        )
        if False
        else types.SimpleNamespace(
            **{
                **fields,
                **arrays,
                "skeleton": skeleton,
                "frames": content.get("frames"),
                "fps": content.get("fps"),
            }
        )
    )
    named.drawn_landmarks = lambda: np.where(
        named.visibility[..., None], named.landmarks, named.projected_landmarks
    )
    return named
