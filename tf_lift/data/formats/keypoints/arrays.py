"""Reads npy and npz files of keypoints."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats.keypoints import layouts
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import UNKNOWN, People, integer

__all__ = ["add_poses", "read_npy", "read_npz"]

_LANDMARKS = (
    *("landmarks", "keypoints", "keypoints_2d", "kpts", "kps", "joints_2d", "pose_2d", "poses_2d"),
    *("positions_2d", "pose", "poses", "landmarks_2d", "arr_0"),
)
_SCORES = (
    *("scores", "visibility", "confidence", "confidences", "conf", "keypoint_scores", "score"),
    "likelihood",
)
_FRAMES = ("frame", "frame_id", "frame_index", "frame_ids", "frame_idx")
_PEOPLE = ("person", "track_id", "track_ids", "person_id", "identity")
# MediaPipe's joints are x, y, z, visibility.
_MEDIAPIPE_JOINTS = 33


def read_npy(path, skeleton=None) -> People:
    """Reads an array of shape `[N, L, 2 or 3]`, `[L, 2 or 3]`, `[T, people, L, 2 or 3]` or rows.

    The third number is a confidence; of MediaPipe's 33 joints it may be a depth, and a fourth one
    is the visibility.

    Raises:
        KeypointsError: If it is no such array.
    """
    with path.open("rb") as file:
        values = _numbers(np.load(file, allow_pickle=False), "the array")
    people = People("npy", is_detector=False)
    add_poses(people, values)
    return people


def read_npz(path, skeleton=None) -> People:
    """Reads `landmarks` as `read_npy` does, with `scores`, `frame`, `person`, `skeleton`, `fps`.

    Raises:
        KeypointsError: If there are no landmarks, or shapes do not fit.
    """
    # Opened here, because NumPy leaves a broken file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        names = [name for name in _LANDMARKS if name in content]
        if not names and len(content.files) == 1:
            names = list(content.files)
        if not names:
            raise KeypointsError(
                f"no array 'landmarks'. Received: {', '.join(content.files) or 'nothing'}"
            )
        scores = next((n for n in _SCORES if n in content and n not in names[:1]), None)
        people = People(
            "npz",
            str(content["skeleton"]) if "skeleton" in content else None,
            fps=_one(content, "fps"),
            is_detector=False,
        )
        if "image_size" in content and content["image_size"].size == 2:
            width, height = (integer(side) for side in content["image_size"].ravel())
            people.image_size = (width, height) if min(width, height) > 0 else None
        frame = next((content[name] for name in _FRAMES if name in content), None)
        person = next((content[name] for name in _PEOPLE if name in content), None)
        add_poses(
            people,
            _numbers(content[names[0]], names[0]),
            None if scores is None else _numbers(content[scores], scores),
            frame=frame,
            person=person,
        )
        if "frames" in content:
            people.frames |= {int(number) for number in content["frames"].ravel()}
        if "format" in content and str(content["format"]).startswith("tf_lift poses"):
            people.source = "tf_lift"
    return people


def _one(content, name):
    if name not in content or content[name].size != 1:
        return None
    value = float(content[name].item())
    return value if value > 0 else None


def _numbers(array: NDArray, name: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "fiub":
        raise KeypointsError(f"{name} must be numbers. Received: {array.dtype}")
    return array.astype(np.float64)


def add_poses(people: People, values, scores=None, *, frame=None, person=None) -> None:
    """Adds an array of poses to `people`.

    Args:
        people: The collection.
        values: Of shape `[N, L, D]`, `[L, D]`, `[T, people, L, D]`, or `[N, L * D]` where D = 2,
            3, or 4 for MediaPipe's joints.
        scores: `[N, L]`, `None` for the third numbers.
        frame: `[N]`, `None` for 0, 1, ...
        person: `[N]`, `None` if unknown.

    Raises:
        KeypointsError: If the shapes do not fit.
    """
    values = np.asarray(values)
    shape = list(values.shape)
    if values.ndim == 2 and shape[1] > 4:
        values = _reshape_rows(values)
    number = None
    if values.ndim == 4 and scores is None or values.ndim == 4 and np.ndim(scores) == 3:
        # Frames, people: a person who is not there is NaN or 0.
        frames, slots = values.shape[:2]
        number = np.tile(np.arange(slots), frames) if slots > 1 else None
        frame = np.repeat(np.arange(frames) if frame is None else frame, slots)
        values = values.reshape(-1, *values.shape[2:])
        scores = None if scores is None else np.reshape(scores, values.shape[:2])
    values = values[np.newaxis] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[-1] not in (2, 3, 4) or 0 in values.shape:
        raise KeypointsError(
            "`landmarks` must have shape [N, num_joints, 2 or 3] and not be empty. Received: "
            f"landmarks.shape={tuple(shape)}"
        )
    count, joints, parts = values.shape
    if parts == 4 and joints != _MEDIAPIPE_JOINTS:
        raise KeypointsError(
            f"`landmarks` must have shape [N, {joints}, 2 or 3]: only MediaPipe's "
            f"{_MEDIAPIPE_JOINTS} joints have 4 numbers. Received: landmarks.shape={tuple(shape)}"
        )
    if scores is None and parts > 2:
        scores = values[..., parts - 1]
        people.can_be_z |= parts == 3
    elif scores is not None:
        scores = np.asarray(scores)
        scores = scores.reshape(count, joints) if scores.size == count * joints else scores
        if scores.shape != (count, joints):
            raise KeypointsError(
                f"`scores` must have shape {(count, joints)}. Received: scores.shape={scores.shape}"
            )
    frame = np.arange(count) if frame is None else np.ravel(frame)
    people_of_rows = np.full(count, UNKNOWN) if person is None else np.ravel(person)
    for name, column in (("frame", frame), ("person", people_of_rows)):
        if len(column) != count or np.asarray(column).dtype.kind not in "iuf":
            raise KeypointsError(
                f"`{name}` must be {count} numbers, one for each pose. Received: {len(column)}"
            )
    people.frames |= {int(number) for number in frame}
    for row in range(count):
        is_there = np.nan_to_num(values[row, :, :2]).any()
        if number is not None and not is_there:
            continue
        people.add(
            values[row, :, :2],
            None if scores is None else scores[row],
            frame=int(frame[row]),
            person=int(people_of_rows[row]),
        )


def _reshape_rows(values):
    """Splits rows of numbers into joints, by the number of joints of known skeletons."""
    if values.shape[1] == 4 * _MEDIAPIPE_JOINTS:
        return values.reshape(len(values), -1, 4)
    parts = layouts.split(values[0], layouts.COUNTS).shape[1]
    return values.reshape(len(values), -1, parts)
