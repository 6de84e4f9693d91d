"""Reads npz files, with one form of message for those that cannot be read."""

import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["read"]


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
