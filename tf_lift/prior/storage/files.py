"""Reads and writes files of priors: npz, and the `.mat` file of the paper's authors."""

import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_lift.io import atomic, npz

__all__ = [
    "ARRAY_NAMES",
    "DEFAULT_NAME",
    "SHIPPED",
    "as_float64",
    "fields_of",
    "locate",
    "read_mat",
    "read_npz",
    "write_npz",
]

ARRAY_NAMES = ("mean_pose", "basis", "stddev", "noise_stddev", "mixture_weights")
TEXT_NAMES = ("skeleton", "credit")

FOLDER = pathlib.Path(__file__).parents[1]
# Files of the priors that ship with the package, by name.
SHIPPED = {"people": "people.npz", "cmu": "cmu.npz"}
DEFAULT_NAME = "people"


def as_float64(value, name) -> NDArray[np.float64]:
    """Returns a float64 copy of an array of finite numbers.

    Args:
        value: Anything that NumPy converts to an array of numbers.
        name: Name of the argument, for the message.

    Raises:
        ValueError: If the value is not numeric, or holds NaN or infinity.

    >>> as_float64([1, 2], "stddev")
    array([1., 2.])
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be an array of numbers. Received: {type(value).__name__} ({error})"
        ) from error
    num_bad = array.size - np.count_nonzero(np.isfinite(array))
    if num_bad:
        raise ValueError(
            f"`{name}` must be finite. Received: {num_bad} NaN or infinite values of {array.size}"
        )
    return array


def locate(path) -> pathlib.Path:
    """Returns the file of a prior.

    Args:
        path: Name of a prior that ships with the package, a string without folder and
            ending; a path; or `None` for the default prior.

    Raises:
        ValueError: If no prior has this name.

    >>> locate("cmu").name
    'cmu.npz'
    """
    if path is None:
        path = DEFAULT_NAME
    if not isinstance(path, str) or pathlib.PurePath(path).name != path or "." in path:
        return pathlib.Path(path)
    names = {name: FOLDER / file for name, file in SHIPPED.items() if (FOLDER / file).exists()}
    if path not in names:
        hint = f"; for the file of that name: {f'./{path}'!r}" if os.path.exists(path) else ""
        raise ValueError(
            f"`path` must be the name of a prior that ships, one of {list(names)}, or a file. "
            f"Received: {path!r}{hint}"
        )
    return names[path]


def read_npz(path) -> dict:
    """Reads the fields of a prior from an npz file.

    Args:
        path: File from `write_npz`.

    Returns:
        Dict of the fields of `PosePrior`, not yet checked against each other.

    Raises:
        ValueError: If the file is damaged or of another kind.
        FileNotFoundError: If there is no such file.
    """
    content = npz.read(path)
    try:
        return fields_of(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def fields_of(content) -> dict:
    """Returns the fields of a prior from the content of an npz.

    Args:
        content: Dict of arrays.

    Returns:
        Dict of the fields of `PosePrior`, not yet checked against each other.

    Raises:
        ValueError: If a field is missing.
    """
    missing = [name for name in ARRAY_NAMES if name not in content]
    if missing:
        raise ValueError(
            f"a pose prior must hold {', '.join(ARRAY_NAMES)}. "
            f"Received: {', '.join(content) or 'nothing'}"
        )
    fields = {name: content[name] for name in ARRAY_NAMES}
    return fields | {name: str(content[name]) for name in TEXT_NAMES if name in content}


def read_mat(path) -> dict:
    """Reads the fields of a prior from the file of the paper's authors.

    The file holds `mu` [K, 3 L] and `e` [K, J, 3 L], coordinate-major (all x, all y, all z),
    and `sigma` [K, J + 1]: the inverse standard deviations of the coefficients, then of the
    noise. It has no mixture weights: the prior gets uniform ones.

    Args:
        path: The `.mat` file.

    Returns:
        Dict of the fields of `PosePrior`, not yet checked against each other.

    Raises:
        ValueError: If the file is damaged or of another kind.
        FileNotFoundError: If there is no such file.
    """
    import scipy.io

    # Open the file here, because SciPy tries other names if it is missing.
    with open(path, "rb") as stream:
        try:
            content = scipy.io.loadmat(stream)
        except Exception as error:  # A damaged file can raise anything in SciPy's reader.
            raise ValueError(f"{path}: must be a readable MATLAB file ({error})") from error
    missing = [name for name in ("mu", "e", "sigma") if name not in content]
    if missing:
        found = ", ".join(name for name in content if not name.startswith("__"))
        raise ValueError(
            f"{path}: a pose prior must hold mu, e, sigma. Received: {found or 'nothing'}"
        )
    try:
        mean, basis, inverse = (as_float64(content[name], name) for name in ("mu", "e", "sigma"))
        return _from_mat(mean, basis, inverse)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _from_mat(mean, basis, inverse_stddev):
    if mean.ndim != 2 or mean.shape[1] == 0 or mean.shape[1] % 3:
        raise ValueError(
            f"`mu` must have shape [mixture_size, 3 * num_joints]. Received: mu.shape={mean.shape}"
        )
    size, width = mean.shape
    if basis.ndim != 3 or basis.shape[::2] != mean.shape:
        raise ValueError(
            f"`e` must have shape [{size}, num_bases, {width}]. Received: e.shape={basis.shape}"
        )
    num_bases = basis.shape[1]
    if inverse_stddev.shape != (size, num_bases + 1):
        raise ValueError(
            f"`sigma` must have shape [{size}, {num_bases + 1}]. "
            f"Received: sigma.shape={inverse_stddev.shape}"
        )
    if inverse_stddev.min() <= 0.0:
        raise ValueError(f"`sigma` must be positive. Received: a value of {inverse_stddev.min():g}")
    stddev = 1.0 / inverse_stddev
    return {
        "mean_pose": mean.reshape(size, 3, -1).swapaxes(1, 2),
        "basis": basis.reshape(size, num_bases, 3, -1).swapaxes(2, 3),
        "stddev": stddev[:, :-1],
        "noise_stddev": stddev[:, -1],
        "mixture_weights": np.full(size, 1.0 / size),
    }


def write_npz(path, fields: dict[str, Any], compress: bool = True) -> None:
    """Writes an npz file, a whole file or none.

    Args:
        path: File to write.
        fields: Dict of arrays and strings.
        compress: Whether to compress the file, which takes a second for 10 MB.
    """
    with atomic.replacing(path) as temporary, open(temporary, "wb") as stream:
        (np.savez_compressed if compress else np.savez)(stream, **fields)
