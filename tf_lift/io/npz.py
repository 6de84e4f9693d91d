"""Reads npz files, with one error message for damaged ones, and writes them atomically."""

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_lift.io import atomic

__all__ = ["read", "write"]


def read(path) -> dict[str, NDArray]:
    """Reads all arrays of an npz file, without pickle.

    Args:
        path: The file.

    Returns:
        Dictionary from name to array.

    Raises:
        ValueError: If the file is damaged, not an npz, or holds objects.
        FileNotFoundError: If there is no such file.
    """
    with open(path, "rb") as stream:
        try:
            # Check first: NumPy takes any other file for a pickle, and advises to trust it.
            if not zipfile.is_zipfile(stream):
                raise ValueError("not an npz, or truncated")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path}: must be a readable npz file ({error})") from error


def write(path, arrays: dict[str, Any]) -> None:
    """Writes arrays as a compressed npz file that is whole or absent.

    Args:
        path: File to write; its folder must exist.
        arrays: Dictionary from name to array, number or text.

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
