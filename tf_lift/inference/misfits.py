"""Warnings about poses that do not fit the prior."""

import warnings

import numpy as np

from tf_lift.ops.lift import misfit

__all__ = ["MisfitWarning", "count", "describe", "warn", "warn_of_camera"]

# Distance of lifted poses from their landmarks beyond which a camera does not fit. Two real
# cameras have medians of 25 and 59 mm, the latter of a person bent over and noisy landmarks; a
# quarter of their focal length 82 to 89 mm.
REPROJECTION_LIMIT_MM = 75.0


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


def warn_of_camera(poses, camera, stacklevel: int = 2) -> float | None:
    """Warns if a camera does not fit the landmarks of most poses; returns their distance.

    Lifted poses lie on the landmarks, but for noise and the prior, if the camera is the one that
    took them. A wrong focal length, image size or distortion leaves them apart, a wrong pitch or
    roll often does not.

    Args:
        poses: `Poses`.
        camera: `tf_lift.Camera`; others are not checked.
        stacklevel: As of `warnings.warn`, from the caller's view.

    Returns:
        Median over the poses of the root mean square distance between landmarks and the
        projected poses, mm on the person; `None` if nothing was checked.
    """
    if getattr(camera, "focal_length", None) is None or not len(poses.scale):
        return None
    apart = np.sum((poses.landmarks - poses.projected_landmarks) ** 2, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.where(poses.visibility, apart, np.nan)
        known = np.isfinite(shown).any(-1) & np.isfinite(poses.scale)
        if not known.any():
            return None
        distance = np.sqrt(np.nanmean(shown[known], -1)) / poses.scale[known]
    median = float(np.median(distance))
    if median > REPROJECTION_LIMIT_MM:
        text = (
            f"the camera does not fit the landmarks: lifted poses project {median:.0f} mm off them "
            f"(median; limit {REPROJECTION_LIMIT_MM:g} mm on the person). Check its focal length, "
            "principal point, distortion and image size, and that it took these images"
        )
        warnings.warn(text, MisfitWarning, stacklevel=stacklevel + 1)
    return median


def count(values) -> int:
    """Returns how many of some misfits are above the limit.

    >>> count([0.3, 1.7, np.nan])
    1
    """
    return int(np.sum(np.asarray(values) > misfit.LIMIT))
