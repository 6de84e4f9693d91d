"""Converts axes and units of motion-capture files to z up and millimetres."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNITS", "UP_AXES", "to_z_up", "unit_length", "unit_name"]

# Length in mm of each unit that the command line accepts. CMU's ASF files use 1/0.45 inch.
UNITS = {
    "mm": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "inch": 25.4,
    "foot": 304.8,
    "cmu": 25.4 / 0.45,
}
# Rotation that brings each axis up: its rows are the new x, y and z in the old axes.
UP_AXES = {
    "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "x": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "-z": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "-y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "-x": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
}


def to_z_up(positions, up: str) -> NDArray[np.float64]:
    """Rotates positions so that the given axis becomes the z axis.

    Args:
        positions: Array of shape `[..., 3]`.
        up: The axis that points up: "x", "y" or "z", or the same with a minus sign.

    Returns:
        Array of the same shape, rotated and not mirrored.

    Raises:
        ValueError: If `up` is none of these.

    >>> to_z_up([1.0, 2.0, 3.0], "y")
    array([ 1., -3.,  2.])
    """
    if up not in UP_AXES:
        raise ValueError(f"`up` must be one of {list(UP_AXES)}. Received: {up!r}")
    # Indexing instead of a matrix product keeps a NaN in its own coordinate.
    rotation = np.array(UP_AXES[up])
    return np.asarray(positions, np.float64)[..., np.abs(rotation).argmax(1)] * rotation.sum(1)


def unit_length(unit: str) -> float:
    """Returns the length of a unit in millimetres.

    Args:
        unit: One of `UNITS`, or a number of millimetres as text.

    Raises:
        ValueError: If `unit` is neither.

    >>> unit_length("inch"), unit_length("0.5")
    (25.4, 0.5)
    """
    if unit in UNITS:
        return UNITS[unit]
    try:
        length = float(unit)
    except ValueError:
        length = 0.0
    if not 0.0 < length < np.inf:
        raise ValueError(
            f"`unit` must be one of {list(UNITS)}, or a number of mm. Received: {unit!r}"
        )
    return length


def unit_name(length_mm: float) -> str:
    """Returns the name of a unit for messages: one of `UNITS`, or a number of mm.

    Args:
        length_mm: Length of the unit in mm.

    >>> unit_name(25.4), unit_name(37.0)
    ('inch', '37 mm')
    """
    for name, length in UNITS.items():
        if abs(length_mm / length - 1.0) < 1e-6:
            return name
    return f"{length_mm:.6g} mm"
