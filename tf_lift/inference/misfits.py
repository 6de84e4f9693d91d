"""Warnings about poses that do not fit the prior."""

import warnings

import numpy as np

from tf_lift.ops.lift import misfit

__all__ = ["MisfitWarning", "describe", "warn"]


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
    values = np.asarray(values)
    count = int(np.sum(values > misfit.LIMIT))
    if count:
        text = describe(count, int(np.sum(~np.isnan(values))))
        warnings.warn(text, MisfitWarning, stacklevel=stacklevel + 1)
    return count
