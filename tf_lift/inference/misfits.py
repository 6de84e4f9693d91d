"""Warnings about poses that do not fit the prior."""

import warnings

import numpy as np

from tf_lift.ops.lift import misfit

__all__ = ["MisfitWarning", "count", "describe", "warn"]


class MisfitWarning(UserWarning):
    """Says that lifted poses do not fit the prior: the landmarks may be wrong."""


def describe(count: int, total: int) -> str:
    """Returns the text of a warning about `count` of `total` poses.

    >>> print(describe(2, 10).split(":")[0])
    2 of 10 poses do not fit the prior (misfit above 1), so their joints may be far off
    """
    return (
        f"{count} of {total} poses do not fit the prior (misfit above {misfit.LIMIT:g}), so their "
        f"joints may be far off: usually because of {misfit.CAUSES}"
    )


def warn(values, stacklevel: int = 2) -> int:
    """Warns if poses do not fit; returns how many.

    Args:
        values: `[N]`: misfits, NaN for poses with too few joints.
        stacklevel: As of `warnings.warn`, from the caller's view.
    """
    found = count(values)
    if found:
        text = describe(found, int(np.sum(~np.isnan(values))))
        warnings.warn(text, MisfitWarning, stacklevel=stacklevel + 1)
    return found


def count(values) -> int:
    """Returns how many of some misfits are above the limit.

    >>> count([0.3, 1.7, np.nan])
    1
    """
    return int(np.sum(np.asarray(values) > misfit.LIMIT))
