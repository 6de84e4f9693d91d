"""Parses the text of Acclaim's files: ASF skeletons, and AMC clips of joint angles."""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.motion import forward_kinematics

__all__ = ["ROTATIONS", "TRANSLATIONS", "AsfSkeleton", "parse_amc", "read_asf"]

ROTATIONS = {"RX": "X", "RY": "Y", "RZ": "Z"}
TRANSLATIONS = ("TX", "TY", "TZ")
MM_PER_INCH = 25.4


@dataclasses.dataclass(frozen=True, eq=False)
class AsfSkeleton:
    """The skeleton of an ASF file: the root, then one joint at the end of each bone.

    Attributes:
        joint_names: "root" and the names of the bones, parents first.
        parents: Index of each joint's parent, -1 for the root.
        offsets: Array of shape `[J, 3]`: each bone from its start to its end, or the
            root's position, at rest in the world's axes and the file's unit.
        axes: Array of shape `[J, 3, 3]`: the rotation at rest from each bone's axes, to
            which its angles refer, to the world's.
        orders: For each joint, the fixed axes that it rotates about, in order.
        channels: Names of the values that a joint has in each frame, in order.
        unit_mm: Length of the file's unit in mm.
        degrees: Whether angles are in degrees.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: NDArray[np.float64]
    axes: NDArray[np.float64]
    orders: tuple[str, ...]
    channels: tuple[tuple[str, ...], ...]
    unit_mm: float
    degrees: bool


def read_asf(path) -> AsfSkeleton:
    """Reads the skeleton of an ASF file.

    Args:
        path: The file.

    Returns:
        `AsfSkeleton`.

    Raises:
        ValueError: If the file is damaged or cut short; the message names the line.
        OSError: If the file cannot be opened.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8-sig", errors="replace")
    try:
        return _skeleton(_sections(text))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _sections(text):
    """Returns the lines of each section as (number, words), without comments."""
    sections: dict[str, list] = {}
    section = sections.setdefault("", [])
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and words[0].startswith(":"):
            section = sections.setdefault(words[0][1:].lower(), [])
            words = words[1:]
        if words:
            section.append((number, words))
    return sections


def _skeleton(sections):
    for name in ("root", "bonedata", "hierarchy"):
        if name not in sections:
            found = ", ".join(filter(None, sections)) or "nothing"
            raise ValueError(f"must have a section :{name}. Received: {found}")
    units = {words[0].lower(): (n, words[1:]) for n, words in sections.get("units", [])}
    length = _numbers(units["length"], 1)[0] if "length" in units else 1.0
    if not length > 0.0:
        raise ValueError(f"line {units['length'][0]}: length must be positive. Received: {length}")
    degrees = not units.get("angle", (0, ["deg"]))[1][0].lower().startswith("rad")
    bones = _bones(sections["bonedata"])
    root = {words[0].lower(): (n, words[1:]) for n, words in sections["root"]}
    bones["root"] = {
        "offset": np.array(_numbers(root.get("position", (0, ["0"] * 3)), 3)),
        "axis": (0, [*root.get("orientation", (0, ["0"] * 3))[1], *root.get("axis", (0, []))[1]]),
        "dof": root.get("order", (0, [*TRANSLATIONS, *ROTATIONS])),
    }
    pairs = _hierarchy(sections["hierarchy"], bones)
    names = [name for name, _ in pairs]
    axes, orders, channels = [], [], []
    for name in names:
        number, words = bones[name].get("axis", (0, ["0", "0", "0"]))
        order = words[3].upper() if len(words) > 3 else "XYZ"
        if sorted(order) != ["X", "Y", "Z"]:
            raise ValueError(f"line {number}: axes of {name!r} must be X, Y, Z. Received: {order}")
        angles = np.array(_numbers((number, words[:3]), 3))
        angles = np.deg2rad(angles) if degrees else angles
        axes.append(forward_kinematics.euler_rotations(order[::-1], angles[::-1]))
        orders.append(order)
        channels.append(_channels(name, bones[name].get("dof", (0, []))))
    return AsfSkeleton(
        joint_names=tuple(names),
        parents=tuple(names.index(parent) if parent else -1 for _, parent in pairs),
        offsets=np.array([bones[name]["offset"] for name in names]),
        axes=np.array(axes),
        orders=tuple(orders),
        channels=tuple(channels),
        # CMU's site gives metres as L * (1.0 / 0.45) * 2.54 / 100 for a length L of its
        # files, which have `length 0.45`: the unit is 1/0.45 inch.
        unit_mm=MM_PER_INCH / length,
        degrees=degrees,
    )


def _numbers(line, count):
    number, words = line
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"line {number}: must have {count} numbers. Received: {' '.join(words)}")
    return values


def _bones(lines):
    bones: dict[str, dict] = {}
    fields: dict[str, tuple] | None = None
    for number, words in lines:
        word = words[0].lower()
        if word == "begin":
            fields = {}
        elif fields is None:
            raise ValueError(f"line {number}: must be begin. Received: {words[0]!r}")
        elif word == "end":
            missing = [key for key in ("name", "direction", "length") if key not in fields]
            if missing:
                raise ValueError(f"line {number}: the bone that ends here has no {missing[0]}")
            name = " ".join(fields["name"][1])
            if name in bones or name == "root":
                raise ValueError(f"line {number}: bone names must be unique. Received: {name!r}")
            direction = np.array(_numbers(fields["direction"], 3))
            length = _numbers(fields["length"], 1)[0]
            # Files give directions with six digits, so normalise them.
            norm = float(np.linalg.norm(direction))
            bones[name] = {**fields, "offset": direction / (norm or 1.0) * length}
            fields = None
        else:
            fields.setdefault(word, (number, words[1:]))
    if fields is not None:
        raise ValueError(f"line {lines[-1][0]}: the bone must have an end. Received: none")
    return bones


def _hierarchy(lines, bones):
    """Returns the name of each joint and of its parent, parents first."""
    pairs = [("root", "")]
    for number, words in lines:
        if words[0].lower() in ("begin", "end"):
            continue
        placed = [name for name, _ in pairs]
        if words[0] not in placed:
            raise ValueError(f"line {number}: {words[0]!r} must be below the root before this line")
        for name in words[1:]:
            if name not in bones or name in placed:
                problem = "has two parents" if name in placed else "is in no :bonedata"
                raise ValueError(f"line {number}: the bone {name!r} {problem}")
            pairs.append((name, words[0]))
    unconnected = sorted(set(bones) - {name for name, _ in pairs})
    if unconnected:
        raise ValueError(f"the hierarchy must hold all bones. Received: none for {unconnected}")
    return pairs


def _channels(name, line):
    number, words = line
    known = [*TRANSLATIONS, *ROTATIONS] if name == "root" else [*ROTATIONS]
    channels = tuple(word.upper() for word in words)
    if not set(channels) <= set(known) or len(set(channels)) < len(channels):
        raise ValueError(
            f"line {number}: degrees of freedom of {name!r} must be among {known}, each once. "
            f"Received: {' '.join(words)}"
        )
    return channels


def parse_amc(text: str, skeleton: AsfSkeleton) -> tuple[list[NDArray[np.float64]], bool]:
    """Parses the text of a clip.

    Args:
        text: The AMC file's content.
        skeleton: The clip's skeleton.

    Returns:
        For each joint of the skeleton its values `[T, number of its channels]`, as in the
        file, and whether angles are in degrees.

    Raises:
        ValueError: If a frame lacks a bone or has one that the skeleton lacks, a bone has
            another number of angles than in the skeleton, frames are missing, or a value is
            not a number; the message names line, frame and bone.
    """
    widths = {n: len(c) for n, c in zip(skeleton.joint_names, skeleton.channels, strict=True) if c}
    rows: dict[str, list] = {name: [] for name in widths}
    degrees = skeleton.degrees
    frames: list[int] = []
    line_of_row: dict[str, list[int]] = {name: [] for name in widths}
    number = 0

    def close(after):
        missing = [name for name in widths if len(rows[name]) < len(frames)]
        if missing:
            raise ValueError(
                f"line {number}: frame {frames[-1]} must have the bone {missing[0]!r}; it has "
                f"{len(widths) - len(missing)} of {len(widths)} bones. Received: {after}"
            )

    for number, line in enumerate(text.splitlines(), 1):  # noqa: B007, read in `close`
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            degrees = {":DEGREES": True, ":RADIANS": False}.get(words[0].upper(), degrees)
        elif len(words) == 1 and words[0].isdecimal():
            close(f"frame {words[0]}")
            if frames and int(words[0]) != frames[-1] + 1:
                raise ValueError(
                    f"line {number}: frame {frames[-1] + 1} must be next. Received: {words[0]}"
                )
            frames.append(int(words[0]))
        else:
            name = words[0]
            if not frames:
                raise ValueError(f"line {number}: must be a frame's number. Received: {name!r}")
            if name not in widths:
                raise ValueError(
                    f"line {number}: frame {frames[-1]} has the bone {name!r}, which does not "
                    "move in the skeleton or is not in it. Is the ASF file another person's, or "
                    "the clip cut short?"
                )
            if len(words) - 1 != widths[name] or len(rows[name]) == len(frames):
                raise ValueError(
                    f"line {number}: frame {frames[-1]} must have {widths[name]} numbers for the "
                    f"bone {name!r}, once. Received: {' '.join(words[1:]) or 'none'}"
                )
            rows[name].append(words[1:])
            line_of_row[name].append(number)
    close("the end of the file")
    if not frames:
        raise ValueError("must have frames. Received: none")
    return [
        _checked(rows[name], name, frames, line_of_row[name])
        if name in rows
        else np.zeros([len(frames), 0])
        for name in skeleton.joint_names
    ], degrees


def _checked(rows, name, frames, lines):
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError:
        values = np.array([[_float(word) for word in row] for row in rows])
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ValueError(
            f"line {lines[bad[0]]}: frame {frames[bad[0]]}, bone {name!r} must have finite "
            f"numbers. Received: {' '.join(rows[bad[0]])}"
        )
    return values


def _float(word):
    try:
        return float(word)
    except ValueError:
        return float("nan")
