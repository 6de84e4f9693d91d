"""Defines what every reader of keypoints returns."""

import dataclasses

import numpy as np

__all__ = ["Keypoints", "KeypointsError"]


class KeypointsError(ValueError):
    """Says which file of keypoints is bad, where, and what was expected."""


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """N poses in 2D of a file or folder, sorted by frame.

    Attributes:
        landmarks: Array of shape `[N, num_joints, 2]`, px, NaN where a joint is missing.
        scores: Array of shape `[N, num_joints]`: confidence in [0, 1], 0 where a joint is missing.
        skeleton: Name of the skeleton, `None` if the file does not determine one.
        frame: `[N]`, int64: number of the frame in its source; of the row where the source has
            no frames.
        person: `[N]`, int64: number of the person: an identity over frames where `tracked`, else
            the number within the frame.
        person_score: `[N]`: how sure the detector is of the person, NaN where unknown.
        frames: `[F]`, int64, sorted: all frames of the source, those without people too.
        box: `[N, 4]`: x, y, width, height in px, NaN where unknown; `None` without any.
        image: `[N]`, str: name of each pose's image, `None` where the source names none.
        image_size: (width, height) in px, `None` if unknown.
        fps: Frames per second, `None` if unknown.
        source: Name of the format.
        tracked: Whether `person` is an identity over frames.
        notes: What a user should know: how numbers were understood, what was left out.
        problems: Files of a folder that could not be read, each with the reason.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    skeleton: str | None
    frame: np.ndarray
    person: np.ndarray
    person_score: np.ndarray
    frames: np.ndarray
    box: np.ndarray | None = None
    image: np.ndarray | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None
    source: str = ""
    tracked: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
