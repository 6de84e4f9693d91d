"""A web page that lifts pictures to 3D, built with Gradio."""

import html
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

from tf_lift.inference import images, videos
from tf_lift.inference.poses import Poses
from tf_lift.io import extras
from tf_lift.viewing import html as viewer

__all__ = ["build", "lift_picture"]

# The height of the viewer in the page, px.
_HEIGHT = 760

_ABOUT = """
# tf_lift

People in 3D from one picture: give a photo, a video, or look into the webcam.
"""


def lift_picture(path: str, estimate: Callable[[str], Poses]) -> str:
    """Returns the page of the people in an image or a video, with the picture beside them.

    Args:
        path: File of the image or video.
        estimate: `tf_lift.inference.PoseEstimator`, or any function from a path to poses.

    Raises:
        ValueError: If the file is neither, or `estimate` refuses it.
    """
    poses = estimate(path)
    if videos.is_video(path):
        video = videos.Video(path)
        frames = ((frame.number, frame.image) for frame in video)
        pictures = viewer.pictures.from_frames(frames, viewer.frame_numbers(poses))
        fps = poses.fps or video.fps
    else:
        pictures, fps = viewer.pictures.from_image(images.read_image(path)), None
    return viewer.build_page(poses, title=pathlib.Path(path).name, pictures=pictures, fps=fps)


def build(estimate: Callable[[str], Poses]) -> Any:
    """Builds the page.

    Args:
        estimate: `tf_lift.inference.PoseEstimator`, or any function from a path to poses.

    Returns:
        `gradio.Blocks`; its `launch()` serves the page.

    Raises:
        ImportError: If Gradio is not installed: it comes with the extra `demo`.
    """
    gradio = extras.require("gradio", "the demo", "demo")

    def show(path):
        if path is None:
            raise gradio.Error("Give a picture first.")
        try:
            page = lift_picture(path, estimate)
        except (ValueError, OSError) as error:
            raise gradio.Error(html.escape(str(error))) from error
        file = pathlib.Path(tempfile.mkdtemp(prefix="tf_lift_demo_"), "poses.html")
        file.write_text(page, encoding="utf-8")
        return _frame(page), gradio.DownloadButton(value=str(file), visible=True)

    with gradio.Blocks(title="tf_lift", analytics_enabled=False) as blocks:
        gradio.Markdown(_ABOUT)
        inputs = []
        for name, kind in (("Photo", gradio.Image), ("Video", gradio.Video)):
            with gradio.Tab(name):
                options = {"type": "filepath"} if kind is gradio.Image else {}
                source = kind(sources=["upload", "webcam"], label=name, height=320, **options)
                inputs.append(
                    (source, gradio.Button(f"Lift the {name.lower()}", variant="primary"))
                )
        view = gradio.HTML()
        download = gradio.DownloadButton("Download this page", visible=False)
        for source, button in inputs:
            button.click(show, source, [view, download])
    return blocks


def _frame(page):
    """Returns the page inside a frame that can reach neither the network nor its host."""
    return (
        f'<iframe title="People in 3D" sandbox="allow-scripts" srcdoc="{html.escape(page)}" '
        f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
    )
