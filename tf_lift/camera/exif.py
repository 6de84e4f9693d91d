"""What a photo's EXIF data say about the camera."""

import math
import os
import warnings

from PIL import ExifTags, Image

from tf_lift.camera.camera import Camera

__all__ = ["camera_of"]

# Diagonal of the 24 x 36 mm that a "35 mm" focal length refers to.
_FILM_DIAGONAL_MM = math.hypot(24.0, 36.0)
# A photo whose proportions are not those that the camera took has been cropped.
_TOLERANCE = 0.02


def camera_of(path: str | os.PathLike) -> Camera | None:
    """Returns the camera that took a photo, if its EXIF data give the focal length.

    Args:
        path: File of an image.

    Returns:
        Camera with focal length and size of the upright image; pitch and roll are unknown.
        `None` if the focal length is not given, as equivalent of 35 mm film, or the photo has been
        cropped to other proportions.

    References:
        CIPA. Exchangeable image file format (Exif 2.32): FocalLengthIn35mmFilm, which relates to
        the diagonal.
    """
    try:
        with warnings.catch_warnings():
            # Whoever reads the pixels checks their number.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                data = image.getexif()
                details = data.get_ifd(ExifTags.IFD.Exif)
                size = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    focal_mm = _number(details.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if focal_mm is None or not 4 <= focal_mm <= 2000 or min(size) < 2:
        return None
    taken = [
        _number(details.get(tag))
        for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
    ]
    if all(taken) and abs(taken[0] / taken[1] / (size[0] / size[1]) - 1) > _TOLERANCE:
        return None
    if data.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
        size = size[::-1]
    return Camera(focal_mm * math.hypot(*size) / _FILM_DIAGONAL_MM, image_size=size)


def _number(value):
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if 0 < number < math.inf else None
