"""Reads options of the command line that are lists or sizes."""

import re

__all__ = ["box", "indices", "numbers", "size"]


def size(text: str | None, name: str) -> tuple[int, int] | None:
    """Reads a width and a height; `None` stays `None`.

    Raises:
        ValueError: If the text has another form.

    >>> size("432x368", "--input-size")
    (432, 368)
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*[x,]\s*(\d+)\s*", text)
    if not match:
        raise ValueError(f"`{name}` must be like 432x368 (width x height). Received: {text!r}")
    return int(match[1]), int(match[2])


def box(text: str | None, name: str) -> tuple[float, float, float, float] | None:
    """Reads a box x, y, width, height; `None` stays `None`.

    Raises:
        ValueError: If the text has another form, or width or height is not positive.

    >>> box("10,20,100,200", "--box")
    (10.0, 20.0, 100.0, 200.0)
    """
    if text is None:
        return None
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        width = height = 0.0
    if not (width > 0 and height > 0):
        raise ValueError(f"`{name}` must be x,y,width,height in px. Received: {text!r}")
    return x, y, width, height


def indices(text: str | None, name: str) -> tuple[int, ...] | None:
    """Reads a list of indices and ranges; `None` stays `None`.

    Raises:
        ValueError: If the text has another form.

    >>> indices("0-2,7,5", "--channels")
    (0, 1, 2, 7, 5)
    """
    if text is None:
        return None
    result: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not match:
            raise ValueError(f"`{name}` must be like 0-13,15,14. Received: {text!r}")
        first = int(match[1])
        result.extend(range(first, int(match[2] or first) + 1))
    return tuple(result)


def numbers(text: str | None, name: str) -> tuple[float, ...] | None:
    """Reads a list of numbers; `None` stays `None`.

    Raises:
        ValueError: If the text has another form.

    >>> numbers("-0.1,0,0.2", "--pitches")
    (-0.1, 0.0, 0.2)
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"`{name}` must be like 0.1,0.2. Received: {text!r}") from error
