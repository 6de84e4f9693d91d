"""Reads COCO's annotations and results, and AlphaPose's results, which have the same form."""

import math

import numpy as np

from tf_lift.data.formats.keypoints import frame_numbers, layouts
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import People, integer, number

__all__ = ["fits", "read"]

# Where an entry states its frame, and its person.
_FRAMES = ("frame_id", "frame", "frame_index", "frame_number", "frame_idx", "image_id")
_PEOPLE = ("track_id", "idx", "tracking_id", "person_id", "instance_id")
# AlphaPose's numbers of joints that COCO's results do not have.
_OF_ALPHAPOSE = (26, 136, 68, 94, 21)


def fits(content) -> bool:
    """Returns whether a JSON content is of these formats."""
    if isinstance(content, dict) and "annotations" in content:
        return isinstance(content["annotations"], list)
    if isinstance(content, list):
        return bool(content) and all(_is_entry(entry) for entry in content[:10])
    return bool(content) and isinstance(content, dict) and _by_image(content)


def _is_entry(entry):
    keypoints = entry.get("keypoints") if isinstance(entry, dict) else None
    if isinstance(keypoints, np.ndarray):
        return keypoints.ndim == 1
    return isinstance(entry, dict) and ("image_id" in entry or "category_id" in entry)


def _by_image(content):
    entries = list(content.values())
    if not all(isinstance(entry, list) for entry in entries):
        return False
    first = [entry[0] for entry in entries if entry]
    return bool(first) and all(_is_entry(entry) for entry in first[:10])


def read(content, path, skeleton=None) -> People:
    """Reads the people of a file.

    Entries without any labelled joint are left out, and counted. `image_id` is the frame if it is
    a number or a name with a number, else the frame is the place among the images.

    Args:
        content: The JSON: annotations of a data set, a list of results, or lists by image.
        path: The file.
        skeleton: Not used.

    Raises:
        KeypointsError: If there is no labelled joint, or an entry has no row of numbers.

    References:
        COCO documentation, "Data format" and "Results format". AlphaPose documentation, "Output".
    """
    images: dict = {}
    if isinstance(content, dict) and "annotations" in content:
        source, entries = "coco_annotations", content["annotations"]
        images = {
            image["id"]: image
            for image in content.get("images") or ()
            if isinstance(image, dict) and isinstance(image.get("id"), int | str)
        }
    elif isinstance(content, list):
        source, entries = "coco_results", content
    else:
        source = "coco_results"
        entries = [{"image_id": name, **entry} for name, rows in content.items() for entry in rows]
        images = {name: {"file_name": name} for name in content}
    people = People(source, image_size=_image_size(images))
    numbers = _numbers(entries, images)
    left_out = 0
    for index, entry in enumerate(entries):
        place = f"entry {index}"
        if not isinstance(entry, dict):
            raise KeypointsError(f"{place} must be an object. Received: {type(entry).__name__}")
        key = entry.get("image_id")
        flat = entry.get("keypoints")
        if not isinstance(flat, np.ndarray):
            if flat:
                raise KeypointsError(f"{place} (image_id {key!r}): `keypoints` must be numbers")
            left_out += 1
            continue
        if not np.nan_to_num(flat).any():
            left_out += 1
            continue
        try:
            values = layouts.split(flat, layouts.COUNTS)
        except KeypointsError as error:
            raise KeypointsError(f"{place} (image_id {key!r}): {error}") from error
        image = images.get(key) if isinstance(key, int | str) else None
        name = image.get("file_name") if image else key if isinstance(key, str) else None
        people.add(
            values[:, :2],
            values[:, 2] if values.shape[1] == 3 else None,
            frame=_frame(entry, key, numbers, index),
            person=next((integer(entry[k]) for k in _PEOPLE if k in entry), -1),
            person_score=number(entry.get("score"), math.nan),
            box=entry.get("bbox", entry.get("box")),
            image=str(name) if name is not None else None,
            place=place,
        )
    if not len(people):
        raise KeypointsError("no annotation with labelled keypoints")
    people.frames |= {number for key, number in numbers.items() if key in images}
    if left_out:
        people.notes.append(
            f"{left_out} entries without a labelled keypoint were left out, {len(people)} remain"
        )
    joints = len(people.values[0])
    if joints in _OF_ALPHAPOSE or (source == "coco_results" and "box" in entries[0]):
        people.source = "alphapose"
    return people


def _frame(entry, key, numbers, index):
    for name in _FRAMES:
        if name in entry:
            value = entry[name]
            if name == "image_id":
                break
            found = integer(value)
            if found >= 0:
                return found
    if isinstance(key, int | str):
        return numbers[key]
    return index


def _numbers(entries, images):
    """Returns the frame of each image by its id."""
    keys = dict.fromkeys(images)
    keys |= dict.fromkeys(
        entry["image_id"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("image_id"), int | str)
    )
    numbers: dict = {key: key for key in keys if isinstance(key, int)}
    for key, image in images.items():
        frame = integer(image.get("frame_id", image.get("frame_number")))
        if frame >= 0:
            numbers[key] = frame
    names = [key for key in keys if key not in numbers]
    numbers |= dict(zip(names, frame_numbers.of_names(names), strict=True))
    return numbers


def _image_size(images):
    sizes = {(image.get("width"), image.get("height")) for image in images.values()}
    if len(sizes) != 1:
        return None
    width, height = (integer(side) for side in sizes.pop())
    return (width, height) if width > 0 and height > 0 else None
