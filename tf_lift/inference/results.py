"""Writes what `PoseEstimator` finds: poses as files, and pictures and videos of them."""

import pathlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tf_lift.data.formats import writers
from tf_lift.data.formats.writers.people import world_joints
from tf_lift.inference import pose_files, sources, videos
from tf_lift.inference.estimator import Estimate
from tf_lift.inference.poses import Poses
from tf_lift.io import atomic
from tf_lift.viewing import annotation

__all__ = ["FORMATS", "check_outputs", "draw", "is_done", "write"]

# Endings of files of poses; JSON is always written, and last: where it is, all is done.
FORMATS = ("json", "npz", "csv", *(suffix.removeprefix(".") for suffix in writers.SUFFIXES))
# Height of annotated videos and pictures, px: larger ones are shrunk.
MAX_HEIGHT = 1080


def check_outputs(
    items: Sequence[sources.ImageSource | sources.VideoSource], output, formats: Sequence[str]
) -> None:
    """Checks formats, and that no result replaces one of the sources.

    Raises:
        ValueError: If one would, a format is unknown, or `output` is a file.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ValueError(f"formats must be of {', '.join(FORMATS)}. Received: {', '.join(unknown)}")
    if pathlib.Path(output).exists() and not pathlib.Path(output).is_dir():
        raise ValueError(f"`output` must be a folder. Received: {output}, which is a file")
    given = {item.path.resolve(): item.path for item in items if item.path is not None}
    for item in items:
        picture = ".mp4" if isinstance(item, sources.VideoSource) else ".png"
        for ending in (".json", picture, *(f".{name}" for name in formats)):
            path = (pathlib.Path(output) / (item.name + ending)).resolve()
            if path in given:
                raise ValueError(
                    "`output` must be a folder where no source gets replaced. "
                    f"Received: {output}, which holds {given[path]}"
                )


def is_done(item: sources.ImageSource | sources.VideoSource, output) -> bool:
    """Returns whether the results of a source are there and later than itself."""
    path = pathlib.Path(output) / f"{item.name}.json"
    if not path.is_file() or item.path is None or not item.path.is_file():
        return False
    return path.stat().st_mtime >= item.path.stat().st_mtime


def write(
    estimate: Estimate,
    output,
    formats: Sequence[str] = (),
    *,
    image: np.ndarray | None = None,
    picture: bool = True,
    track: Callable[[videos.Video], Iterable[videos.Frame]] = iter,
) -> list[pathlib.Path]:
    """Writes the poses of a source, and a picture or video of them.

    Args:
        estimate: With poses.
        output: Folder; made where it is missing.
        formats: Further `FORMATS`; `json` is written in any case.
        image: The image, for the picture.
        picture: Whether to draw: `NAME.png` of an image, `NAME.mp4` of a video.
        track: Wraps the frames of the video that is drawn, to show progress.

    Returns:
        The files written.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If the estimate has no poses.
    """
    if estimate.poses is None:
        raise ValueError(f"`estimate` must have poses. Received: {estimate.problem}")
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    poses, written = estimate.poses, []
    lifted = bool(np.isfinite(poses.joints_3d).all((1, 2)).any())
    for name in dict.fromkeys(formats):
        path = output / f"{estimate.name}.{name}"
        if name in ("npz", "csv"):
            written.append(pose_files.write(poses, path))
        elif name != "json" and lifted:
            written += writers.write_poses(poses, path)
    # The frames of a webcam are gone.
    is_file = estimate.path is not None and estimate.path.is_file()
    if picture and estimate.is_video and is_file:
        written.append(_draw_video(estimate, output / f"{estimate.name}.mp4", track))
    elif picture and image is not None:
        written.append(_save(draw(image, poses), output / f"{estimate.name}.png"))
    content = pose_files.content(poses)
    content["source"] = {
        "file": None if estimate.path is None else estimate.path.name,
        "problem": estimate.problem,
    }
    content["camera"] = _describe(estimate.camera)
    return [pose_files.write_json(content, output / f"{estimate.name}.json"), *written]


def _describe(camera):
    if camera is None or isinstance(camera, str):
        return camera
    focal = camera.focal_length
    return {
        "focal_length": None if focal is None else list(focal),
        "image_size": None if camera.image_size is None else list(camera.image_size),
    }


def draw(image: np.ndarray, poses: Poses) -> np.ndarray:
    """Draws the people of an image, and their 3D poses beside it.

    Args:
        image: `[height, width, 3]`, uint8, RGB.
        poses: Its people.

    Returns:
        `[height, width + height, 3]`, uint8.
    """
    joints = world_joints(poses)
    image, zoom = _shrink(image)
    panel = annotation.Panel(joints, poses.skeleton, image.shape[0])
    return _draw_frame(image, zoom, poses, joints, panel, np.arange(len(joints)))


def _draw_frame(image, zoom, poses, joints, panel, rows):
    shown = annotation.annotate(
        image,
        (poses.drawn_landmarks()[rows] + 0.5) * zoom - 0.5,
        poses.skeleton,
        poses.person[rows] if len(set(poses.person)) > 1 else None,
        poses.visibility[rows],
    )
    return annotation.beside(shown, panel.draw(joints[rows], poses.person[rows]))


def _shrink(image):
    zoom = min(1.0, MAX_HEIGHT / image.shape[0])
    if zoom == 1.0:
        return image, 1.0
    from PIL import Image

    size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)), zoom


def _draw_video(estimate, path, track):
    poses = estimate.poses
    joints = world_joints(poses)
    video = videos.Video(estimate.path)
    height = min(video.size[1], MAX_HEIGHT)
    panel = annotation.Panel(joints, poses.skeleton, height)
    starts = np.searchsorted(poses.frame, np.arange(poses.frames.max(initial=-1) + 2))
    width = round(video.size[0] * height / video.size[1]) + height
    with (
        atomic.replacing(path) as temporary,
        videos.VideoWriter(temporary, video.fps, (width, height)) as writer,
    ):
        for frame in track(video):
            image, zoom = _shrink(frame.image)
            rows = np.arange(*starts[[frame.number, frame.number + 1]])
            drawn = _draw_frame(image, zoom, poses, joints, panel, rows)
            writer.write(drawn, frame.number)
    return path


def _save(image, path):
    from PIL import Image

    with atomic.replacing(path) as temporary:
        Image.fromarray(image).save(temporary, "png")
    return path
