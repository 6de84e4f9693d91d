"""Frames of videos and webcams, one at a time, upright and with their times."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from tf_lift.io import extras

__all__ = ["Frame", "Video", "VideoWriter", "is_video"]

_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".3gp",
    ".ts",
    ".mts",
    ".m2ts",
    ".flv",
    ".ogv",
    ".mxf",
)
# Lengths in headers are rounded. A file with a smaller part of its frames was cut.
_WHOLE = 0.97
# A steady rate that is further above the average is that of the clock.
_MOST_LEFT_OUT = 1.5
# Systems and names by which FFmpeg opens a webcam.
_WEBCAMS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
    "win32": ("dshow", "video={}"),
}


def is_video(path) -> bool:
    """Returns whether a file's name ends as those of videos do, or names a webcam.

    >>> is_video("clip.MP4"), is_video("photo.jpg"), is_video("webcam:0")
    (True, False, True)
    """
    return pathlib.Path(path).suffix.lower() in _SUFFIXES or str(path).startswith("webcam")


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame of a video.

    Attributes:
        number: Its number, from 0, at the even rate of the video's `fps`.
        time_s: When it is shown, from the first frame.
        image: `[height, width, 3]`, uint8, RGB, upright.
    """

    number: int
    time_s: float
    image: np.ndarray


class Video:
    """A video, whose frames are read one at a time.

    Args:
        path: File that FFmpeg reads, or `webcam` or `webcam:NUMBER`.

    Attributes:
        fps: Frames per second: of a steady video that lacks some frames, the steady rate, else on
            average.
        num_frames: How many there are, as the file says or by its length; `None` if unknown.
        size: (width, height), px, of upright frames.
        problem: What is wrong with the frames that were read: the file ends early, or parts of it
            are damaged; `None` for nothing.

    Raises:
        ImportError: If PyAV is not installed: it comes with the extra `video`.
        ValueError: If the file cannot be read or holds no video.
    """

    def __init__(self, path: str | os.PathLike):
        self._av = extras.require("av", "reading videos", "video")
        self.path = pathlib.Path(path)
        self.problem: str | None = None
        with self._open() as container:
            stream = self._stream(container)
            self.fps = _rate(stream)
            first = next(self._decode(container, stream), None)
            if first is None:
                raise ValueError(f"{self.path}: a video without any whole frame")
            if not 0 < self.fps < 1000:
                raise ValueError(f"{self.path}: a video with a frame rate. Received: {self.fps}")
            self.size = _upright(first).shape[1::-1]
            length_s = container.duration / 1e6 if container.duration else None
            counted = stream.frames or (length_s and round(length_s * self.fps))
            self.num_frames = counted or None
            self.problem = None

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames.

        Where frames come unevenly, numbers are those of the nearest time at `fps`; of two frames
        with one number, the first is kept.
        """
        self.problem = None
        start, last = None, -1
        with self._open() as container:
            stream = self._stream(container)
            stream.thread_type = "AUTO"
            count = -1
            for count, frame in enumerate(self._decode(container, stream)):
                time_s = frame.time if frame.time is not None else count / self.fps
                start = time_s if start is None else start
                number = round((time_s - start) * self.fps)
                if number > last:
                    last = number
                    yield Frame(number, time_s - start, _upright(frame))
        frames = max(count, last) + 1
        if self.problem is None and frames < _WHOLE * (self.num_frames or 0) - 1:
            self.problem = f"{self.path}: ends after {frames} of {self.num_frames} frames"

    def _open(self):
        name = str(self.path)
        try:
            if name.startswith("webcam"):
                return self._open_webcam(name)
            if not self.path.is_file():
                what = "which is not a file" if self.path.exists() else "which does not exist"
                raise ValueError(f"`path` must be a video. Received: {self.path}, {what}")
            return self._av.open(name)
        except (OSError, self._av.error.FFmpegError) as error:
            raise ValueError(
                f"`path` must be a video that FFmpeg can read. Received: {self.path} ({error})"
            ) from error

    def _open_webcam(self, name):
        import sys

        form, device = _WEBCAMS.get(sys.platform, _WEBCAMS["linux"])
        number = name.partition(":")[2] or "0"
        return self._av.open(device.format(number), format=form)

    def _stream(self, container):
        if not container.streams.video:
            raise ValueError(f"{self.path}: must hold a video. Received: none of its streams is")
        return container.streams.video[0]

    def _decode(self, container, stream):
        """Yields whole frames until the file ends or cannot be read on; leaves out damaged ones."""
        damaged = 0
        try:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                except self._av.error.EOFError:
                    break
                except self._av.error.FFmpegError:
                    damaged += 1
        except self._av.error.FFmpegError as error:
            self.problem = f"{self.path}: cannot be read to its end ({error})"
        if damaged and self.problem is None:
            self.problem = f"{self.path}: {damaged} parts are damaged and were left out"


def _rate(stream):
    average = float(stream.average_rate or stream.guessed_rate or 0)
    # The lowest rate at which all frames have whole numbers. Phones leave out some frames.
    steady = float(stream.base_rate or 0)
    return steady if average < steady < _MOST_LEFT_OUT * average else average


def _upright(frame):
    """Returns the pixels of a frame, turned as the file says it is to be shown."""
    image = frame.to_ndarray(format="rgb24")
    # The rotation is counter-clockwise, as that of NumPy.
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4))


class VideoWriter:
    """Writes a video of H.264 in MP4, which browsers and players show.

    Args:
        path: File to write.
        fps: Frames per second.
        size: (width, height), px; odd ones get a further row or column.

    Use it in a `with` block.
    """

    def __init__(self, path: str | os.PathLike, fps: float, size: tuple[int, int]):
        import fractions

        av = extras.require("av", "writing videos", "video")
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = fractions.Fraction(fps).limit_denominator(65535)
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._interval = 1 / rate
        self._stream.width, self._stream.height = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "23", "preset": "veryfast"}
        self._frame = av.VideoFrame

    def __enter__(self):
        return self

    def write(self, image: np.ndarray, number: int) -> None:
        """Adds a frame.

        Args:
            image: `[height, width, 3]`, uint8, RGB.
            number: Number of the frame, larger than the last one's; it is shown until the next.
        """
        extra = [self._stream.height - image.shape[0], self._stream.width - image.shape[1]]
        image = np.pad(image, [(0, extra[0]), (0, extra[1]), (0, 0)], mode="edge")
        frame = self._frame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = number, self._interval
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
