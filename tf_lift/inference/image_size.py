"""Checks that landmarks are those of a camera's image."""

import numpy as np

__all__ = ["check"]

# Detectors place joints that the image cuts off up to some tenth of its size outside of it.
_MARGIN = 0.1


def check(landmarks, camera) -> None:
    """Raises if most landmarks are far outside of a camera's image.

    Args:
        landmarks: `[..., 2]`, px, NaN where missing.
        camera: `tf_lift.Camera`, `None` or "level"; unchecked without an image size.

    Raises:
        ValueError: If more than half of the landmarks are a tenth of the image or more outside
            of it.

    >>> check([[[300.0, 400.0]]], tf_lift.Camera(1000.0, image_size=(640, 480)))
    """
    size = getattr(camera, "image_size", None)
    points = np.reshape(np.asarray(landmarks, np.float64), [-1, 2])
    points = points[np.isfinite(points).all(-1)]
    if size is None or not len(points):
        return
    width, height = size
    share = (points + 0.5) / size
    if np.mean(np.any((share < -_MARGIN) | (share > 1 + _MARGIN), axis=-1)) > 0.5:
        low, high = points.min(0), points.max(0)
        raise ValueError(
            f"`camera` must have the image size of the landmarks, not {width} x {height} px. "
            f"Received: landmarks from ({low[0]:.4g}, {low[1]:.4g}) to "
            f"({high[0]:.4g}, {high[1]:.4g}), most of them far outside"
        )
