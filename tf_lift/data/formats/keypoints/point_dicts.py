"""Reads JSON of points {x, y, ...}: MediaPipe, TensorFlow.js (MoveNet, PoseNet), ML Kit.

The tools differ in how they nest frames, people and points, and what they call them. So we look
for lists of points, and for numbers of frames on the way to them.
"""

import math
from typing import Any

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import frame_numbers, joint_names
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer, number

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "mediapipe_json"
_SCORES = ("visibility", "score", "confidence", "likelihood", "inFrameLikelihood", "presence", "v")
_NAMES = ("name", "part", "type", "landmark", "label")
_FRAMES = (
    *("frame", "frame_index", "frameIndex", "frame_id", "frameId", "frame_number", "frameNumber"),
    *("frame_num", "frame_idx", "index"),
)
_PEOPLE = ("track_id", "trackId", "person_id", "personId", "person", "id", "idx")
_POSES = (
    *("poseLandmarks", "pose_landmarks", "landmarks", "landmark", "keypoints", "points", "pose"),
    *("joints", "poses", "people", "persons", "landmarks_2d", "results", "frames", "data"),
)
# Other parts of the body, and other points of the same pose.
_NOT = ("world", "hand", "face", "3d", "iris", "box", "meta", "info", "segment", "ea")
_MIN_POINTS = 4


def fits(content) -> bool:
    """Returns whether a JSON content holds lists of points."""
    return _find(content, 0) is not None


def _find(content, depth):
    """Returns one pose of the content, `None` if there is none."""
    if depth > 8:
        return None
    if _is_pose(content):
        return content
    parts: Any = ()
    if isinstance(content, dict):
        parts = [content[key] for key in _keys(content)]
    elif isinstance(content, list):
        parts = content
    return next((found for part in parts if (found := _find(part, depth + 1)) is not None), None)


def _keys(content):
    """Returns the keys that may lead to poses, the best ones first."""
    known = [key for key in _POSES if isinstance(content.get(key), dict | list)]
    others = [
        key
        for key, value in content.items()
        if key not in known
        and isinstance(value, dict | list)
        and not any(part in key.lower() for part in _NOT[:-1])
        and key.lower() != _NOT[-1]
    ]
    return known or others


def _point(entry):
    """Returns (x, y, score or `None`, name or `None`) of a point, `None` if it is none."""
    if not isinstance(entry, dict):
        return None
    place = entry.get("position", entry)
    place = place if isinstance(place, dict) else entry
    x, y = (place.get(axis, place.get(axis.upper())) for axis in "xy")
    if not (_is_number(x) and _is_number(y)):
        return None
    scores = [number(entry[key]) for key in _SCORES if key in entry]
    names = [entry[key] for key in _NAMES if isinstance(entry.get(key), str)]
    is_empty = x is None or y is None
    return (
        math.nan if is_empty else float(x),
        math.nan if is_empty else float(y),
        scores[0] if scores else None,
        names[0] if names else None,
    )


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pose(content):
    if isinstance(content, list):
        some = content[:_MIN_POINTS]
    elif isinstance(content, dict):
        some = list(content.values())[:_MIN_POINTS]
        if any(key in content for key in _POSES):
            return False
    else:
        return False
    return len(some) == _MIN_POINTS and all(_point(entry) is not None for entry in some)


def read(content, path, skeleton=None) -> People:
    """Reads the people of a file.

    Frames are the outermost list, numbered as their entries say, else from 0; where a list of poses
    has no frames around it, its entries are frames if they are objects, and people if each is a
    list of points by itself.

    Args:
        content: The JSON.
        path: The file.
        skeleton: Name of the skeleton that names of points are looked up in; `None` for the one
            that has the most of them.

    Raises:
        KeypointsError: If there is no list of points.

    References:
        MediaPipe documentation, "Pose landmark detection guide", and TensorFlow.js pose-detection.
    """
    reader = _Reader(skeleton)
    outer = content if isinstance(content, dict) else {}
    reader.people.fps = _positive(outer, ("fps", "frame_rate", "frameRate", "framerate"))
    width = integer(outer.get("width", outer.get("image_width", outer.get("imageWidth"))))
    height = integer(outer.get("height", outer.get("image_height", outer.get("imageHeight"))))
    if width > 0 and height > 0:
        reader.people.image_size = (width, height)
    number_of_name = frame_numbers.of_file(path)
    reader.walk(content, None, "")
    if not reader.poses and not reader.people.frames:
        raise KeypointsError("no list of points {x, y}")
    is_one = all(frame is None for frame, *_ in reader.poses) and not reader.people.frames
    for frame, place, person, score, pose in reader.poses:
        frame = number_of_name if is_one or frame is None else frame
        reader.add(pose, frame, place, person, score)
    return reader.people


def _positive(content, names):
    for name in names:
        value = number(content.get(name))
        if value > 0:
            return value
    return None


class _Reader:
    """Walks through the content and collects poses with their frames."""

    def __init__(self, skeleton):
        self.people = People(SOURCE)
        self.skeleton = skeleton
        self.columns = {}
        self.poses = []

    def walk(self, content, frame, place, person=-1, score=math.nan):
        if _is_pose(content):
            self.poses.append((frame, place, person, score, content))
            return
        if isinstance(content, dict):
            self._walk_dict(content, frame, place, person, score)
        elif isinstance(content, list):
            self._walk_list(content, frame, place)

    def _walk_dict(self, content, frame, place, person, score):
        stated = next((integer(content[key]) for key in _FRAMES if key in content), -1)
        if stated >= 0:
            frame = stated
            self.people.frames.add(frame)
        person = next((integer(content[key]) for key in _PEOPLE if key in content), person)
        score = number(content.get("score"), score)
        keys = _keys(content)
        if frame is None and len(keys) > 0 and all(key.strip().isdigit() for key in keys):
            for key in keys:  # An object by frame.
                self.people.frames.add(int(key))
                self.walk(content[key], int(key), f"frame {key}")
            return
        names = {key for key in keys if key in _POSES}
        # `poseLandmarks` and `landmarks` of one entry are the same pose.
        for key in [key for key in _POSES if key in names][:1] or keys:
            self.walk(content[key], frame, f"{place}.{key}".strip("."), person, score)

    def _walk_list(self, content, frame, place):
        is_frames = frame is None and not self._is_people(content, place)
        for index, entry in enumerate(content):
            inner = f"{place}[{index}]"
            if not is_frames:
                self.walk(entry, frame, inner)
                continue
            number_of_entry = index
            if isinstance(entry, dict):
                stated = [integer(entry[key]) for key in _FRAMES if key in entry]
                number_of_entry = stated[0] if stated and stated[0] >= 0 else index
            self.people.frames.add(number_of_entry)
            self.walk(entry, number_of_entry, inner)

    def _is_people(self, content, place):
        """Whether a list without frames around it is of the people of an image.

        MediaPipe's and TensorFlow.js's results of an image are `landmarks: [[...]]` and
        `[{keypoints: [...], score: ...}]`; lists of lists by themselves are frames.
        """
        last = place.rsplit(".", 1)[-1]
        if last in _POSES and last not in ("frames", "data", "results"):
            return all(_is_pose(entry) or isinstance(entry, dict) for entry in content)
        return bool(content) and all(
            isinstance(entry, dict) and "keypoints" in entry and not set(_FRAMES) & set(entry)
            for entry in content
        )

    def add(self, pose, frame, place, person, score):
        entries = list(pose.items()) if isinstance(pose, dict) else [(None, p) for p in pose]
        points = []
        for index, (key, entry) in enumerate(entries):
            point = _point(entry)
            if point is None:
                if isinstance(pose, dict):
                    continue
                raise KeypointsError(f"{place}[{index}] must be a point with numbers x and y")
            points.append((*point[:3], point[3] or key))
        values = np.array([point[:2] for point in points], np.float64)
        known = [point[2] is not None for point in points]
        scores = None
        if any(known):
            scores = np.array([1.0 if p[2] is None else p[2] for p in points], np.float64)
        names = tuple(point[3] for point in points)
        if all(name is not None and not name.isdigit() for name in names):
            values, scores = self._by_name(names, values, scores, place)
        self.people.add(values, scores, frame=frame, person=person, person_score=score, place=place)

    def _by_name(self, names, values, scores, place):
        if names not in self.columns:
            found = joint_names.match(names, self.skeleton or self.people.skeleton)
            if found is None:
                raise KeypointsError(
                    f"{place}: points {', '.join(names[:4])}, ... are not those of "
                    f"{self.skeleton or 'a skeleton'}"
                )
            self.columns[names] = found
            if found.unused:
                note = f"points that {found.skeleton} has not were left out: "
                self.people.notes.append(note + ", ".join(found.unused))
        found = self.columns[names]
        self.people.skeleton = found.skeleton
        joints = np.array(found.joints)
        count = skeletons.get(found.skeleton).num_joints
        used = joints >= 0
        all_values = np.full([count, 2], np.nan)
        all_values[joints[used]] = values[used]
        all_scores = np.zeros(count)
        all_scores[joints[used]] = 1.0 if scores is None else scores[used]
        return all_values, all_scores
