"""Reads mmpose's predictions of an image or a video."""

import math

import numpy as np

from tf_lift.data.formats.keypoints import frame_numbers, joint_names
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer, number

__all__ = ["SOURCE", "fits", "read"]

SOURCE = "mmpose"
# Skeletons of the data sets that mmpose names.
_OF_DATASET = {
    "coco": "coco17",
    "coco_wholebody": "coco_wholebody133",
    "h36m": "h36m17",
    "halpe": "halpe136",
    "halpe26": "halpe26",
    "mpii": "mpii16",
}


def fits(content) -> bool:
    """Returns whether a JSON content is of this format."""
    if isinstance(content, dict) and "instance_info" in content:
        return isinstance(content["instance_info"], list)
    if isinstance(content, dict) and isinstance(content.get("predictions"), list):
        return True
    rows: list = content if isinstance(content, list) else []
    while isinstance(rows, list) and rows and isinstance(rows[0], list):
        rows = rows[0]
    return bool(rows) and isinstance(rows[0], dict) and _is_instance(rows[0])


def _is_instance(entry):
    keypoints = entry.get("keypoints")
    return isinstance(keypoints, np.ndarray) and keypoints.ndim >= 2


def read(content, path, skeleton=None) -> People:
    """Reads the people of a file.

    Args:
        content: The JSON: `instance_info` of a video or an image, with `meta_info`, or the list
            of the people of an image.
        path: The file.
        skeleton: Name of the skeleton, `None` for that of `meta_info`.

    Raises:
        KeypointsError: If a person has no keypoints.

    References:
        mmpose documentation, "Inferencers" and "Visualization".
    """
    meta = content.get("meta_info") if isinstance(content, dict) else None
    people = People(SOURCE, _skeleton(meta if isinstance(meta, dict) else {}))
    if isinstance(content, dict):
        content = content.get("instance_info", content.get("predictions"))
    frames = [entry for entry in content if isinstance(entry, dict) and "instances" in entry]
    if frames:
        for index, entry in enumerate(frames):
            frame = integer(entry.get("frame_id", entry.get("frame_idx")), index)
            _read_frame(people, entry["instances"] or (), frame, f"frame {frame}")
    elif content and all(isinstance(entry, list) for entry in content):
        for index, entry in enumerate(content):
            _read_frame(people, entry, index, f"frame {index}")
    else:
        frame = frame_numbers.of_file(path)
        _read_frame(people, content, frame, "")
    return people


def _skeleton(meta):
    name = str(meta.get("dataset_name", "")).lower().removesuffix("dataset")
    if name in _OF_DATASET:
        return _OF_DATASET[name]
    names = meta.get("keypoint_id2name")
    if not isinstance(names, dict):
        return None
    try:
        texts = [str(names[key]) for key in sorted(names, key=int)]
    except ValueError:
        return None
    found = joint_names.match(texts)
    return found.skeleton if found and list(found.joints) == list(range(len(texts))) else None


def _read_frame(people, instances, frame, where):
    people.frames.add(frame)
    for index, entry in enumerate(instances):
        place = f"{where} instance {index}".strip()
        keypoints = entry.get("keypoints") if isinstance(entry, dict) else None
        if not isinstance(keypoints, np.ndarray):
            raise KeypointsError(f"{place}: `keypoints` must be numbers, [num_joints, 2]")
        # A list of one person's keypoints is written as a list of lists.
        keypoints = keypoints[0] if keypoints.ndim == 3 and len(keypoints) == 1 else keypoints
        if keypoints.ndim != 2 or keypoints.shape[1] not in (2, 3):
            raise KeypointsError(f"{place}: `keypoints` must be [num_joints, 2], {keypoints.shape}")
        scores = entry.get("keypoint_scores")
        if scores is None and keypoints.shape[1] == 3:
            scores = keypoints[:, 2]
        if scores is not None and np.size(scores) != len(keypoints):
            raise KeypointsError(
                f"{place}: {np.size(scores)} `keypoint_scores` for {len(keypoints)} keypoints"
            )
        people.add(
            keypoints[:, :2],
            None if scores is None else np.ravel(scores),
            frame=frame,
            person=integer(entry.get("track_id", entry.get("instance_id"))),
            person_score=number(entry.get("bbox_score", entry.get("bbox_scores")), math.nan),
            box=_box(entry.get("bbox", entry.get("bboxes"))),
            place=place,
        )


def _box(corners):
    """Returns x, y, width and height of mmpose's two corners."""
    try:
        corners = np.ravel(np.array(corners, np.float64))
    except (TypeError, ValueError):
        return None
    if corners.size < 4:
        return None
    return [*corners[:2], *(corners[2:4] - corners[:2])]
