"""Reads the numbers of BVH files' frames, also those that some programs write badly."""

import re

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_rows", "split", "to_float"]

_NUMBER = r"(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?"
# Numbers without a space between them. Only a sign can show where one ends, and it belongs to
# the next number unless it follows the e of an exponent.
_RUN_TOGETHER = re.compile(rf"[+-]?{_NUMBER}(?:[+-]{_NUMBER})+")
_SIGNED = re.compile(rf"[+-]?{_NUMBER}")


def to_float(word: str) -> float:
    """Returns the value of a number, with a decimal point or a comma; NaN if it is none.

    >>> to_float("-7,5"), to_float("1e-3"), to_float("x")
    (-7.5, 0.001, nan)
    """
    try:
        return float(word.replace(",", ".") if word.count(",") == 1 else word)
    except ValueError:
        return float("nan")


def split(word: str) -> list[str]:
    """Splits numbers that run together; returns any other word as it is.

    >>> split("0.0-7.5"), split("1e-5"), split("-2,5+1e-3-4"), split("x-1")
    (['0.0', '-7.5'], ['1e-5'], ['-2,5', '+1e-3', '-4'], ['x-1'])
    """
    return _SIGNED.findall(word) if _RUN_TOGETHER.fullmatch(word) else [word]


def read_rows(
    lines, line_before: int, columns, num_frames: int, notes: list[str] | None = None
) -> NDArray[np.float64]:
    """Reads the numbers of all frames.

    Args:
        lines: The lines after the frame time.
        line_before: Number of the line of the frame time, for messages.
        columns: Joint and channel of each number of a frame.
        num_frames: Number of frames that the file declares.
        notes: List to which a remark is added where numbers run together.

    Returns:
        Array of shape `[num_frames, len(columns)]`.

    Raises:
        ValueError: If there are more or fewer numbers, or one is not finite. The message names
            the line, the frame, the joint and the channel, and the first numbers that run
            together if there are any.
    """
    width = len(columns)
    rows = [line.split() for line in lines]
    counts = np.array([len(row) for row in rows], int)
    words = [word for row in rows for word in row]
    note = ""
    if len(words) != num_frames * width:
        first = next((i for i, word in enumerate(words) if len(split(word)) > 1), None)
        if first is not None:
            line = line_before + 1 + int(np.searchsorted(np.cumsum(counts), first, side="right"))
            together = words[first]
            note = f"; line {line} runs numbers together: {together!r}"
            rows = [[part for word in row for part in split(word)] for row in rows]
            counts = np.array([len(row) for row in rows], int)
            words = [word for row in rows for word in row]
    try:
        values = _table(words, counts, line_before, columns, num_frames)
    except ValueError as error:
        raise ValueError(f"{error}{note}") from error
    if note and notes is not None:
        notes.append(f"{note.removeprefix('; ')} is read as {' and '.join(split(together))}")
    return values


def _table(words, counts, line_before, columns, num_frames):
    width = len(columns)

    def line(index):
        return line_before + 1 + int(np.searchsorted(np.cumsum(counts), index, side="right"))

    def place(index):
        joint, channel = columns[index % width]
        return f"{channel} of {joint!r} in frame {index // width} of {num_frames}"

    if not width or not num_frames:
        raise ValueError(f"must have frames and channels. Received: {num_frames} and {width}")
    if len(words) != num_frames * width:
        filled = np.flatnonzero(counts)
        odd = filled[counts[filled] != width]
        # Where most lines hold one whole frame each, name the line that does not. Where all
        # have the same wrong number, name the first.
        same = len(set(counts[filled])) == 1
        if len(filled) == num_frames and len(odd) and (len(odd) <= len(filled) / 2 or same):
            raise ValueError(
                f"line {line_before + 1 + odd[0]}: frame {np.searchsorted(filled, odd[0])} of "
                f"{num_frames} must have {width} numbers. Received: {counts[odd[0]]}"
            )
        if len(words) < num_frames * width:
            raise ValueError(
                f"line {line(len(words) - 1) if words else line_before}: {place(len(words))} must "
                "follow. Received: the end of the file"
            )
        raise ValueError(
            f"must have {num_frames} frames of {width} numbers, as declared. "
            f"Received: {len(words)} numbers, enough for {len(words) / width:.10g} frames"
        )
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        # In a file of decimal points, a comma is an error.
        points = any("." in word for word in words)
        values = np.array([np.nan if points and "," in word else to_float(word) for word in words])
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"line {line(bad[0])}: {place(bad[0])} must be a finite number. "
            f"Received: {words[bad[0]]!r}"
        )
    return values.reshape(num_frames, width)
