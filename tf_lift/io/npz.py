"""Reads npz files, with one form of message for those that cannot be read; writes them whole."""

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_lift.io import atomic

__all__ = ["read", "write"]


def read(path) -> dict[str, NDArray]:
    """Reads all arrays of an npz file; objects that would need unpickling are refused.

    Args:
        path: The file.

    Returns:
        Dictionary from name to array.

    Raises:
        ValueError: If the file is damaged or no npz.
        FileNotFoundError: If there is no such file.
    """
    with open(path, "rb") as stream:
        try:
            # Asked first, since NumPy takes what is no archive for a pickle and advises
            # to trust it.
            if not zipfile.is_zipfile(stream):
                raise ValueError("not an npz, or truncated")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path}: must be a readable npz file ({error})") from error


def write(path, arrays: dict[str, Any]) -> None:
    """Writes arrays as a compressed npz file, which is whole or absent.

    Args:
        path: File to write; its folder must exist.
        arrays: Dictionary from name to array, number or text; no objects.

    Raises:
        ValueError: If an array would need pickling.
        OSError: If the file cannot be written.
    """
    converted: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    objects = [name for name, array in converted.items() if array.dtype.hasobject]
    if objects:
        raise ValueError(f"`arrays` must be numbers or texts. Received: objects in {objects}")
    with atomic.replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **converted)
