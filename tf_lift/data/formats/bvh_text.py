"""Parses and composes BVH text: a hierarchy with channels, then one row of numbers a frame."""

import dataclasses
import re
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats import bvh_numbers

__all__ = ["CHANNELS", "Hierarchy", "compose", "frame_rate", "parse"]

# Braces separate words even without a space. A colon does so only after "Frames" and "Time";
# elsewhere it belongs to the name, as in mixamorig:Hips.
WORDS = re.compile(r"[{}]|(?:Frames|Time)\s*:|[^\s{}]+", re.IGNORECASE)
CHANNELS = tuple(axis + kind for kind in ("position", "rotation") for axis in "XYZ")


@dataclasses.dataclass(frozen=True, eq=False)
class Hierarchy:
    """The first part of a BVH file.

    Attributes:
        joint_names: Name of each joint in the file's order, parents first. An end site is
            a joint too, named after its parent with "_end"; one of zero length is left out.
        parents: Index of each joint's parent, -1 for a root.
        offsets: Array of shape `[J, 3]`: each joint's position in its parent's axes at rest,
            in the file's unit.
        channels: Names of the values that each joint has in a row, in order.
        end_sites: Which joints are end sites.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: NDArray[np.float64]
    channels: tuple[tuple[str, ...], ...]
    end_sites: tuple[bool, ...]

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Returns the joint and the channel of each number of a row."""
        pairs = zip(self.joint_names, self.channels, strict=True)
        return tuple((name, channel) for name, channels in pairs for channel in channels)


def parse(
    text: str, notes: list[str] | None = None
) -> tuple[Hierarchy, NDArray[np.float64], float]:
    """Parses the text of a BVH file.

    Decimal commas are read as points. Two numbers without a space between them, as in
    `0.0-7.5`, are read as two.

    Args:
        text: The file's content, with any white space between words and numbers.
        notes: List to which remarks for the user are added.

    Returns:
        The hierarchy; the numbers `[T, C]`, one column per channel, in degrees and the
        file's unit; and the frames per second.

    Raises:
        ValueError: If the text is not a BVH, ends early, holds more frames than it declares,
            or has a value that is not a number. The message names the line, and in the
            motion the frame, the joint and the channel.
    """
    lines = text.splitlines()
    words = _Words(lines)
    hierarchy = _hierarchy(words)
    words.expect("Frames:")
    num_frames = words.number("the number of frames")
    words.expect("Frame")
    words.expect("Time:")
    frame_time = words.take("the frame time")
    fps = frame_rate(frame_time, words.line)
    values = bvh_numbers.read_rows(
        lines[words.line :], words.line, hierarchy.columns, num_frames, notes
    )
    return hierarchy, values, fps


def frame_rate(frame_time: str, line: int) -> float:
    """Returns the frames per second for a frame time as written in a file.

    Frame times have few digits, such as .0083333 for 1/120 s. So a whole number of frames per
    second is returned if it agrees with the frame time to its last digit.

    Args:
        frame_time: Seconds, as written.
        line: Line of the frame time, for the message.

    Raises:
        ValueError: If the frame time is not a positive number.

    >>> frame_rate(".0083333", 1), round(frame_rate("0.0333667", 1), 3)
    (120.0, 29.97)
    """
    frame_time = frame_time.strip().replace(",", ".")
    seconds = bvh_numbers.to_float(frame_time)
    if not 0.0 < seconds < np.inf:
        raise ValueError(f"line {line}: the frame time must be positive. Received: {frame_time!r}")
    whole = round(1.0 / seconds)
    last_digit = 10.0 ** float(Decimal(frame_time).as_tuple().exponent)
    return float(whole) if whole and abs(1.0 / whole - seconds) < last_digit else 1.0 / seconds


def compose(hierarchy: Hierarchy, values: NDArray[np.float64], fps: float) -> str:
    """Composes the text of a BVH file, the inverse of `parse`.

    Args:
        hierarchy: The joints; the children of each joint precede its next sibling.
        values: Array of shape `[T, C]`, one column for each channel.
        fps: Frames per second.

    Returns:
        The text, with six digits after the decimal point; lines end in a line feed.
    """
    children: dict[int, list[int]] = {}
    for joint, parent in enumerate(hierarchy.parents):
        children.setdefault(parent, []).append(joint)
    text = ["HIERARCHY"]

    def add(joint, depth):
        indent, inner = "\t" * depth, "\t" * (depth + 1)
        word = "JOINT" if depth else "ROOT"
        end = hierarchy.end_sites[joint]
        text.append(indent + ("End Site" if end else f"{word} {hierarchy.joint_names[joint]}"))
        text.append(indent + "{")
        text.append(f"{inner}OFFSET {_row(hierarchy.offsets[joint])}")
        if not end:
            channels = hierarchy.channels[joint]
            text.append(" ".join([f"{inner}CHANNELS", str(len(channels)), *channels]))
            for child in children.get(joint, []):
                add(child, depth + 1)
            if joint not in children:  # The format requires an end site below every leaf.
                text.extend([f"{inner}End Site", inner + "{"])
                text.extend([f"{inner}\tOFFSET {_row(np.zeros(3))}", inner + "}"])
        text.append(indent + "}")

    for root in children[-1]:
        add(root, 0)
    text.extend(["MOTION", f"Frames: {len(values)}", f"Frame Time: {1.0 / fps:.10f}"])
    text.extend(_row(row) for row in values)
    return "\n".join(text) + "\n"


def _row(numbers):
    # One format string per row is twice as fast as one per number.
    return " ".join(["%.6f"] * len(numbers)) % tuple(numbers.tolist())


class _Words:
    """Iterates over the words of lines; `line` is the number of the last word's line."""

    def __init__(self, lines):
        self._words = (
            (number, word) for number, line in enumerate(lines, 1) for word in WORDS.findall(line)
        )
        self.line = 1

    def take(self, what):
        try:
            self.line, word = next(self._words)
        except StopIteration:
            raise ValueError(
                f"line {self.line}: must continue with {what}. Received: the end of the file"
            ) from None
        return word

    def expect(self, expected):
        word = self.take(repr(expected))
        if "".join(word.split()).lower() != expected.lower():
            raise ValueError(f"line {self.line}: must be {expected!r}. Received: {word[:40]!r}")

    def number(self, what):
        word = self.take(what)
        if not word.isdecimal():
            raise ValueError(f"line {self.line}: {what} must be an integer. Received: {word!r}")
        return int(word)

    def numbers(self, count, what):
        words: list[str] = []
        while len(words) < count:
            words += bvh_numbers.split(self.take(what))
        values = [bvh_numbers.to_float(word) for word in words]
        if len(words) > count or not np.isfinite(values).all():
            raise ValueError(f"line {self.line}: {what} must be {count} numbers. Received: {words}")
        return values

    def until_brace(self, what):
        words = []
        while (word := self.take(what)) != "{":
            words.append(word)
        return " ".join(words)


def _hierarchy(words):
    words.expect("HIERARCHY")
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    ends: list[bool] = []
    open_joints: list[int] = []
    while (word := words.take("JOINT, End Site, OFFSET, CHANNELS or MOTION").upper()) != "MOTION":
        if word in ("ROOT", "JOINT", "END"):
            line = words.line
            label = words.until_brace("the name of the joint and '{'")
            if (word == "ROOT") == bool(open_joints):
                raise ValueError(f"line {line}: {word} {label} must not be here")
            parents.append(open_joints[-1] if open_joints else -1)
            names.append(_new_name(word, label, names, parents[-1], line))
            open_joints.append(len(offsets))
            offsets.append([])
            channels.append(())
            ends.append(word == "END")
        elif not open_joints:
            raise ValueError(f"line {words.line}: must be ROOT or MOTION. Received: {word!r}")
        elif word == "}":
            if not offsets[open_joints[-1]]:
                raise ValueError(f"line {words.line}: {names[open_joints[-1]]!r} has no OFFSET")
            open_joints.pop()
        elif word == "OFFSET":
            offsets[open_joints[-1]] = words.numbers(3, f"OFFSET of {names[open_joints[-1]]!r}")
        elif word == "CHANNELS":
            channels[open_joints[-1]] = _channels(words, names[open_joints[-1]])
        else:
            raise ValueError(f"line {words.line}: must be part of a joint. Received: {word!r}")
    if open_joints or not names:
        missing = f"'}}' of {names[open_joints[-1]]!r}" if names else "a ROOT"
        raise ValueError(f"line {words.line}: {missing} must come before MOTION")
    return _without_empty_ends(names, parents, np.array(offsets), channels, ends)


def _new_name(word, label, names, parent, line):
    if word != "END":
        if not label or label in names:
            raise ValueError(f"line {line}: each joint must have its own name. Received: {label!r}")
        return label
    name, number = f"{names[parent]}_end", 1
    while name in names:
        number += 1
        name = f"{names[parent]}_end{number}"
    return name


def _channels(words, name):
    known = {channel.lower(): channel for channel in CHANNELS}
    count = words.number(f"CHANNELS of {name!r}")
    found = [words.take(f"CHANNELS of {name!r}") for _ in range(count)]
    if not {word.lower() for word in found} <= set(known):
        raise ValueError(
            f"line {words.line}: the {count} CHANNELS of {name!r} must be among {list(CHANNELS)}. "
            f"Received: {found}"
        )
    return tuple(known[word.lower()] for word in found)


def _without_empty_ends(names, parents, offsets, channels, ends):
    # The format requires an end site below every leaf, so an empty one carries no information.
    kept = [j for j in range(len(names)) if not (ends[j] and not offsets[j].any())]
    new_index = {old: new for new, old in enumerate(kept)} | {-1: -1}
    return Hierarchy(
        tuple(names[j] for j in kept),
        tuple(new_index[parents[j]] for j in kept),
        offsets[kept],
        tuple(channels[j] for j in kept),
        tuple(ends[j] for j in kept),
    )
