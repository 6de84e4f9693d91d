"""Reads DeepLabCut's tables of predictions and labels: CSV with rows of headers, and HDF5."""

import re

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats import array_pickle
from tf_lift.data.formats.keypoints import frame_numbers, joint_names, tables
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import UNKNOWN, People

__all__ = ["SOURCE", "fits", "read", "read_h5"]

SOURCE = "deeplabcut"
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")


def fits(text: str) -> bool:
    """Returns whether a CSV is of this format: the first cells of its rows name the header."""
    first = [re.split("[,;\t]", line)[0].strip().lower() for line in text.splitlines()[:4]]
    return "bodyparts" in first and "coords" in first


def read(text: str, path, skeleton=None) -> People:
    """Reads a CSV table.

    Args:
        text: Its content.
        path: The file.
        skeleton: Name of the skeleton that body parts are looked up in.

    Raises:
        KeypointsError: If body parts have no known names, or a cell is not a number.

    References:
        DeepLabCut documentation, "Standard user guide" and "Data export".
    """
    rows = tables.rows_of(text)
    header = {}
    while rows and rows[0][0].lower() in _LEVELS:
        row = rows.pop(0)
        header[row[0].lower()] = row
    width = len(header["coords"])
    # Labelled images are named in one or three columns before the numbers.
    start = next(i for i, cell in enumerate(header["coords"]) if cell.lower() in ("x", "y"))
    columns = [
        tuple(header[level][column] for level in _LEVELS[1:] if level in header)
        for column in range(start, width)
    ]
    if not rows:
        raise KeypointsError("a table without frames")
    labels = ["/".join(row[:start]) for row in rows]
    values = np.full([len(rows), width - start], np.nan)
    for index, row in enumerate(rows):
        if len(row) != width:
            raise KeypointsError(
                f"row {index + len(header) + 1} has {len(row)} cells, the header {width}"
            )
        for column, cell in enumerate(row[start:]):
            try:
                values[index, column] = float(cell or "nan")
            except ValueError as error:
                place = f"row {index + len(header) + 1}, column {start + column + 1}"
                raise KeypointsError(f"{place} must be a number. Received: {cell!r}") from error
    return _people(labels, columns, values, skeleton)


def read_h5(path, skeleton=None) -> People:
    """Reads an HDF5 file, as pandas writes it in either of its two forms.

    Raises:
        KeypointsError: If it holds no such table.
        ImportError: If h5py is not installed; it comes with TensorFlow.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = [group for group in file.values() if isinstance(group, h5py.Group)]
            for group in groups:
                if "table" in group:
                    labels, columns, values = _appendable(group)
                    break
                if "block0_values" in group:
                    labels, columns, values = _fixed(group)
                    break
            else:
                raise KeypointsError(
                    f"no table of DeepLabCut. Received: {', '.join(file) or 'nothing'}"
                )
    except (OSError, KeyError) as error:
        raise KeypointsError(f"a damaged HDF5 file ({' '.join(str(error).split())})") from error
    if len({len(column) for column in columns}) != 1 or len(columns[0]) not in (3, 4):
        raise KeypointsError("columns must be scorer, bodyparts (, individuals) and coords")
    return _people(labels, [column[1:] for column in columns], values, skeleton)


def _appendable(group):
    table = group["table"][()]
    names = array_pickle.load(bytes(group.attrs["non_index_axes"]))[0][1]
    columns = [tuple(str(part) for part in name) for name in names]
    values = np.asarray(table["values_block_0"], np.float64)
    kinds = array_pickle.load(bytes(group["table"].attrs["values_block_0_kind"]))
    order = [tuple(str(part) for part in name) for name in kinds]
    values = values[:, [order.index(column) for column in columns]]
    return [_text(label) for label in table["index"]], columns, values


def _fixed(group):
    levels = int(group.attrs["axis0_nlevels"])
    parts = []
    for level in range(levels):
        names = [_text(name) for name in group[f"block0_items_level{level}"][()]]
        parts.append([names[label] for label in group[f"block0_items_label{level}"][()]])
    values = np.asarray(group["block0_values"][()], np.float64)
    if "axis1" in group:
        labels = [_text(label) for label in group["axis1"][()]]
    else:
        count = int(group.attrs["axis1_nlevels"])
        columns = [
            [
                [_text(n) for n in group[f"axis1_level{i}"][()]][k]
                for k in group[f"axis1_label{i}"][()]
            ]
            for i in range(count)
        ]
        labels = ["/".join(row) for row in zip(*columns, strict=True)]
    return labels, list(zip(*parts, strict=True)), values


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _people(labels, columns, values, skeleton):
    """Sorts columns (individual,) body part, coordinate into the people of all frames."""
    people = People(SOURCE, is_detector=True)
    with_individuals = len(columns[0]) == 3
    parts = list(dict.fromkeys(column[-2] for column in columns))
    individuals = list(dict.fromkeys(c[0] for c in columns)) if with_individuals else [""]
    found = joint_names.match(parts, skeleton)
    if found is None:
        raise KeypointsError(
            f"body parts {', '.join(parts[:6])}{', ...' if len(parts) > 6 else ''} are not those "
            f"of {skeleton or 'a skeleton'}: rename them to joints of one"
        )
    if found.unused:
        note = f"body parts that {found.skeleton} has not were left out: "
        people.notes.append(note + ", ".join(found.unused))
    people.skeleton = found.skeleton
    joint_of = dict(zip(parts, found.joints, strict=True))
    shape = [len(values), len(individuals), skeletons.get(found.skeleton).num_joints]
    landmarks, scores = np.full([*shape, 2], np.nan), np.zeros(shape)
    has_scores = any(column[-1].lower() == "likelihood" for column in columns)
    for column, numbers in zip(columns, values.T, strict=True):
        person = individuals.index(column[0]) if with_individuals else 0
        joint, axis = joint_of[column[-2]], column[-1].lower()
        if joint < 0:
            continue
        if axis in ("x", "y"):
            landmarks[:, person, joint, "xy".index(axis)] = numbers
        elif axis == "likelihood":
            scores[:, person, joint] = numbers
    if not has_scores:
        scores = np.isfinite(landmarks).all(-1).astype(np.float64)
    is_number = all(label.lstrip("-").isdigit() for label in labels)
    frames = [int(label) for label in labels] if is_number else frame_numbers.of_names(labels)
    for row, frame in enumerate(frames):
        people.frames.add(frame)
        for person in range(len(individuals)):
            if not np.isfinite(landmarks[row, person]).any():
                continue
            people.add(
                landmarks[row, person],
                scores[row, person],
                frame=frame,
                person=person if with_individuals else UNKNOWN,
                image=None if is_number else labels[row],
            )
    if not len(people):
        raise KeypointsError("no frame has a body part")
    return people
