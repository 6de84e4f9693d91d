"""Options of the command line, from text."""

import re

__all__ = ["box", "indices", "size"]


def size(text: str | None, name: str) -> tuple[int, int] | None:
    """Reads a width and a height, `None` for `None`.

    Raises:
        ValueError: If the text is none.

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
    """Reads a box x, y, width, height, `None` for `None`.

    Raises:
        ValueError: If the text is none, or its width or height is not positive.

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
    """Reads a list of numbers and ranges, `None` for `None`.

    Raises:
        ValueError: If the text is none.

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
