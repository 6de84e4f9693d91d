"""Reads CSV tables of keypoints: a row for each pose, or for each joint."""

import csv
import io
import math
import re

import numpy as np

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import arrays, frame_numbers, joint_names
from tf_lift.data.formats.keypoints.keypoints import KeypointsError
from tf_lift.data.formats.keypoints.people import UNKNOWN, People, integer

__all__ = ["SOURCE", "read", "rows_of"]

SOURCE = "csv"
_FRAMES = ("frame", "frame_id", "frame_index", "frame_number", "frame_num", "frame_idx", "frame_no")
_PEOPLE = ("person", "person_id", "track_id", "track", "person_idx", "idx", "id", "subject_id")
_IMAGES = ("image", "image_name", "image_id", "file", "filename", "file_name", "image_path", "img")
_PERSON_SCORES = ("person_score", "score", "detection_score", "pose_score")
_JOINTS = (
    "joint",
    "landmark",
    "keypoint",
    "joint_name",
    "landmark_name",
    "bodypart",
    "name",
    "part",
)
_PARTS = {
    **{part: part for part in "xyzuv"},
    **dict.fromkeys(
        ("score", "visibility", "vis", "confidence", "conf", "likelihood", "prob", "probability"),
        "score",
    ),
    **dict.fromkeys(("c", "p", "presence"), "score"),
}
_COLUMN = re.compile(r"(.+?)[\s_.:/-]+([A-Za-z]+)")
_PREFIX = re.compile(r"([xyzvuc])[\s_.:-]+(.+)", re.I)
_NUMBERED = re.compile(
    r"(?:(?P<before>[xyzvc]|vis|visibility|score|conf)[\s_]?(?P<a>\d+)"
    r"|(?:landmark|keypoint|kp|point|joint|lm)?[\s_]?(?P<b>\d+)[\s_.]?"
    r"(?P<after>x|y|z|v|c|vis|visibility|score|conf|confidence))",
    re.I,
)


def rows_of(text: str) -> list[list[str]]:
    r"""Splits a table into cells by comma, semicolon or tab, with decimal commas or points.

    >>> rows_of("a;b\r\n1,5;2\r\n\r\n")
    [['a', 'b'], ['1.5', '2']]
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max((",", ";", "\t"), key=first.count)
    if delimiter == "," and first.count(";"):
        delimiter = ";"
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if any(cell.strip() for cell in row)
    ]
    if delimiter == ";":
        rows = [[_decimal(cell) for cell in row] for row in rows]
    # A comma at the end of each line is no column.
    if rows and all(len(row) > 1 and not row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    return rows


def _decimal(cell):
    return cell.replace(",", ".") if re.fullmatch(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?", cell) else cell


def read(text: str, path, skeleton=None) -> People:
    """Reads the poses of a table.

    Args:
        text: Its content.
        path: The file.
        skeleton: Name of the skeleton that the columns are sorted into; `None` for the one that
            they fit best.

    Raises:
        KeypointsError: If the columns are not those of joints, or a cell is not a number.
    """
    rows = rows_of(text)
    if not rows:
        raise KeypointsError("an empty file")
    people = People(SOURCE, is_detector=False)
    if _is_number(rows[0][0]) and all(_is_number(cell) for cell in rows[0]):
        arrays.add_poses(people, _table(rows, range(len(rows[0])), 1, None))
        return people
    header = rows.pop(0)
    # Pandas writes the numbers of rows without a name.
    header = [
        name or ("frame" if not index else f"column {index}") for index, name in enumerate(header)
    ]
    lower = [name.lower() for name in header]
    if any(name in lower for name in _JOINTS) and {"x", "y"} <= set(lower):
        return _read_long(people, lower, rows, skeleton)
    return _read_wide(people, header, rows, skeleton)


def _is_number(cell):
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _table(rows, columns, first, header):
    """Returns cells as numbers; an empty one is NaN."""
    widths = {len(row) for row in rows} | ({len(header)} if header else set())
    if len(widths) != 1:
        raise KeypointsError(f"rows of different lengths: {sorted(widths)}")
    columns = list(columns)
    try:
        return np.array(
            [[float(row[column] or "nan") for column in columns] for row in rows], np.float64
        ).reshape(len(rows), len(columns))
    except ValueError:
        for index, row in enumerate(rows, first):
            for column in columns:
                if not _is_number(row[column]):
                    where = f"column {header[column]!r}" if header else f"column {column + 1}"
                    raise KeypointsError(
                        f"row {index}, {where} must be a number. Received: {row[column]!r}"
                    ) from None
        raise


def _read_wide(people, header, rows, skeleton):
    points: dict[str, dict[str, int]] = {}
    others: dict[str, int] = {}
    for index, name in enumerate(header):
        joint, part = _joint_and_part(name)
        if joint is None:
            others[name.lower()] = index
        elif part not in points.setdefault(joint, {}):
            points[joint][part] = index
    # A file of poses by `tf-lift lift -o x.csv`: x, y, z are mm, the landmarks are u and v.
    is_own = any({"u", "v", "stddev"} & parts.keys() >= {"u", "v"} for parts in points.values())
    first, second = ("u", "v") if is_own else ("x", "y")
    for joint, parts in points.items():
        if first in parts and second not in parts:
            raise KeypointsError(f"no column {joint}_{second}")
    if not is_own:
        for parts in points.values():
            if "v" in parts:
                parts.setdefault("score", parts["v"])
    points = {joint: parts for joint, parts in points.items() if {first, second} <= parts.keys()}
    names = list(points)
    columns = _columns(names, header, skeleton)
    joints = np.array(columns.joints)
    used = joints >= 0
    count = skeletons.get(columns.skeleton).num_joints
    values = np.full([len(rows), count, 2], np.nan)
    for axis, part in enumerate((first, second)):
        cells = _table(rows, [points[name][part] for name in names], 2, header)
        values[:, joints[used], axis] = cells[:, used]
    scores = None
    if any("score" in points[name] for name in names):
        scores = np.zeros([len(rows), count])
        scores[:, joints[used]] = 1.0
        with_score = [name for name in names if "score" in points[name]]
        cells = _table(rows, [points[name]["score"] for name in with_score], 2, header)
        for name, column in zip(with_score, cells.T, strict=True):
            joint = joints[names.index(name)]
            if joint >= 0:
                scores[:, joint] = column
    people.skeleton = columns.skeleton
    if columns.unused:
        note = f"columns of joints that {columns.skeleton} has not were left out: "
        people.notes.append(note + ", ".join(columns.unused))
    frame, person, person_score, image = _about(others, rows, header)
    fps = _fps(others, rows, frame)
    people.fps = fps
    for row in range(len(rows)):
        people.add(
            values[row],
            None if scores is None else scores[row],
            frame=frame[row],
            person=person[row],
            person_score=person_score[row],
            image=image[row],
            place=f"row {row + 2}",
        )
    return people


def _joint_and_part(name):
    """Returns the joint and the part of a column, (`None`, "") for another one."""
    numbered = _NUMBERED.fullmatch(name.strip())
    if numbered:
        part = (numbered["before"] or numbered["after"]).lower()
        return numbered["a"] or numbered["b"], _PARTS.get(part, part)
    if name.lower() in (*_PERSON_SCORES, *_PEOPLE, *_FRAMES, *_IMAGES):
        return None, ""
    match = _COLUMN.fullmatch(name.strip())
    if match and match[2].lower() in (*_PARTS, "stddev"):
        return match[1], _PARTS.get(match[2].lower(), match[2].lower())
    match = _PREFIX.fullmatch(name.strip())
    if match:
        return match[2], _PARTS[match[1].lower()]
    match = re.fullmatch(r"(.*[a-z])([XYZ])", name.strip())
    if match:
        return match[1], match[2].lower()
    return None, ""


def _columns(names, header, skeleton):
    if names and all(name.isdigit() for name in names):
        numbers = [int(name) for name in names]
        first = min(numbers)
        fits = [s.name for s in skeletons.SKELETONS.values() if s.num_joints == len(names)]
        if skeleton is not None:
            fits = [skeletons.get(skeleton).name]
        if len(fits) != 1 or sorted(numbers) != list(range(first, first + len(names))):
            raise KeypointsError(
                f"{len(names)} numbered joints are those of {' or '.join(fits) or 'no skeleton'}: "
                "give `skeleton` (`--skeleton`)"
            )
        return joint_names.Columns(fits[0], tuple(number - first for number in numbers), ())
    found = joint_names.match(names, skeleton) if names else None
    if found is None:
        of = "a skeleton" if skeleton is None else skeleton
        raise KeypointsError(f"columns {header[:4]}... are not those of {of}")
    return found


def _about(others, rows, header):
    """Returns frame, person, score and image of each row."""
    count = len(rows)

    def column(names):
        return next((others[name] for name in names if name in others), None)

    image_column = column(_IMAGES)
    image = [None] * count if image_column is None else [row[image_column] for row in rows]
    frame_column = column(_FRAMES)
    if frame_column is not None:
        frame = [
            _whole(row[frame_column], i, header[frame_column]) for i, row in enumerate(rows, 2)
        ]
    elif image_column is not None:
        names = list(dict.fromkeys(image))
        by_name = dict(zip(names, frame_numbers.of_names(names), strict=True))
        frame = [by_name[name] for name in image]
    else:
        frame = list(range(count))
    person_column = column(_PEOPLE)
    person = [UNKNOWN] * count
    if person_column is not None:
        texts = [row[person_column] for row in rows]
        person = [integer(_float(text)) if text else UNKNOWN for text in texts]
        if all(number == UNKNOWN for number in person):
            # Names of people.
            known = {name: number for number, name in enumerate(dict.fromkeys(filter(None, texts)))}
            person = [known.get(text, UNKNOWN) for text in texts]
    score_column = column(_PERSON_SCORES)
    scores = [math.nan] * count
    if score_column is not None:
        scores = [_float(row[score_column]) for row in rows]
    return frame, person, scores, image


def _whole(cell, row, name):
    found = integer(_float(cell))
    if found < 0:
        raise KeypointsError(
            f"row {row}, column {name!r} must be a frame number. Received: {cell!r}"
        )
    return found


def _float(cell):
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _fps(others, rows, frame):
    """Returns the frames per second by the columns of frames and times, `None` without."""
    names = [name for name in ("time", "time_s", "timestamp", "t", "seconds") if name in others]
    if not names or len(rows) < 3:
        return None
    times = np.array([_float(row[others[names[0]]]) for row in rows])
    frames = np.array(frame, np.float64)
    steps, spans = np.diff(frames), np.diff(times)
    moving = (steps > 0) & np.isfinite(spans) & (spans > 0)
    if not moving.any():
        return None
    rates = steps[moving] / spans[moving]
    rate = float(np.median(rates))
    # Milliseconds would be rates below 1; rounded times scatter.
    is_even = np.all(np.abs(rates - rate) < 0.3 * rate)
    return round(rate, 3) if is_even and 1.0 <= rate <= 1000.0 else None


def _read_long(people, header, rows, skeleton):
    """Reads a table with a row for each joint."""
    joint_column = next(header.index(name) for name in _JOINTS if name in header)
    others = {name: index for index, name in enumerate(header)}
    score = next((others[n] for n, part in _PARTS.items() if part == "score" and n in others), None)
    names = list(dict.fromkeys(row[joint_column] for row in rows if len(row) > joint_column))
    columns = _columns(names, names, skeleton)
    values = _table(rows, [others["x"], others["y"]], 2, header)
    scores = None if score is None else _table(rows, [score], 2, header)[:, 0]
    joint_of = dict(zip(names, columns.joints, strict=True))
    about = {name: index for name, index in others.items() if index != score}
    if not any(name in about for name in (*_FRAMES, *_IMAGES)):
        raise KeypointsError("a table with a row for each joint needs a column `frame`")
    frame, person, _, image = _about(about, rows, header)
    count = skeletons.get(columns.skeleton).num_joints
    poses: dict[tuple, tuple] = {}
    for row, cells in enumerate(rows):
        key = (frame[row], person[row])
        if key not in poses:
            poses[key] = (np.full([count, 2], np.nan), np.zeros(count), image[row])
        joint = joint_of[cells[joint_column]]
        if joint < 0:
            continue
        if np.isfinite(poses[key][0][joint]).any():
            raise KeypointsError(
                f"row {row + 2}: {cells[joint_column]!r} is in frame {frame[row]} twice: a column "
                "`person` must tell people apart"
            )
        poses[key][0][joint] = values[row]
        poses[key][1][joint] = 1.0 if scores is None else scores[row]
    people.skeleton = columns.skeleton
    if columns.unused:
        people.notes.append(
            f"joints that {columns.skeleton} has not were left out: " + ", ".join(columns.unused)
        )
    for (number, who), (landmarks, confidence, name) in poses.items():
        people.add(landmarks, confidence, frame=number, person=who, image=name)
    return people
