"""Loads pickles of arrays in dictionaries and lists without running any code in them.

A pickle is a program: `pickle.load` calls whatever functions it names. Admitting only
NumPy's functions is not enough, because their C code trusts its arguments and a damaged file
crashes the process. So every admitted name maps to one of the few Python classes below, which
check their arguments; any other name is refused.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load"]

_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8"}


def load(content: bytes) -> Any:
    """Loads a pickle of arrays, dictionaries, lists, texts and numbers.

    Args:
        content: The pickle, of any protocol, written by NumPy 1 or 2; also by Python 2.

    Returns:
        The unpickled object; tuples become lists.

    Raises:
        ValueError: If the pickle is damaged or holds anything else.

    >>> load(pickle.dumps({"S1": [np.arange(3.0)]}))
    {'S1': [array([0., 1., 2.])]}
    """
    try:
        # Python 2 stored bytes as text, which Latin-1 maps one to one.
        return _plain(_Unpickler(io.BytesIO(content), encoding="latin1").load())
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error
    except Exception as error:
        # A damaged pickle can raise any exception.
        raise ValueError(f"the pickle is damaged ({type(error).__name__}: {error})") from error


class _Known:
    """Base of the classes that names map to; a pickle cannot set their attributes."""

    __slots__ = ()

    def __setstate__(self, state):
        raise pickle.UnpicklingError("the pickle is damaged")


class _DType(_Known):
    """Stands for `numpy.dtype`, of numbers or objects only."""

    __slots__ = ("code", "order")

    def __init__(self, code, *_):
        self.code, self.order = str(code), "<"

    def __setstate__(self, state):
        self.order = str(state[1])

    def dtype(self) -> np.dtype:
        if self.code in ("O", "O8"):
            return np.dtype(object)
        if self.code not in _NUMBERS or self.order not in "<>=|":
            raise pickle.UnpicklingError(f"it holds {self.code!r}, not numbers")
        return np.dtype(self.order + self.code)


class _Array(_Known):
    """Stands for `numpy.ndarray`, empty until its state is set."""

    __slots__ = ("state",)

    def __init__(self, *_):
        self.state = None

    def __setstate__(self, state):
        _, shape, dtype, fortran, data = state
        self.state = (tuple(shape), dtype.dtype(), bool(fortran), data)

    def array(self) -> NDArray:
        shape, dtype, fortran, data = self.state
        if dtype.hasobject:
            array = np.empty(len(data), object)
            array[:] = [_plain(value) for value in data]
        else:
            data = data.encode("latin1") if isinstance(data, str) else data
            array = np.frombuffer(data, dtype)
        return array.reshape(shape, order="F" if fortran else "C")


class _Reconstruct(_Known):
    """Stands for `numpy._core.multiarray._reconstruct`, which makes the empty array."""

    def __new__(cls, *_):
        return _Array()


class _FromBuffer(_Known):
    """Stands for `numpy._core.numeric._frombuffer`, which makes a full array (protocol 5)."""

    def __new__(cls, data, dtype, shape, order):
        array = _Array()
        array.__setstate__((1, shape, dtype, order == "F", bytes(data)))
        return array


class _Scalar(_Known):
    """Stands for `numpy._core.multiarray.scalar`, a single number."""

    def __new__(cls, dtype, data):
        return np.frombuffer(_Encode(data) if isinstance(data, str) else data, dtype.dtype())[0]


class _Encode(_Known):
    """Stands for `_codecs.encode`, which protocols 0 to 2 use for bytes."""

    def __new__(cls, text, encoding="latin1"):
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it holds text in {encoding!r}, not an array")
        return text.encode("latin1")


_NAMES: dict[tuple[str, str], type[_Known]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Encode,
} | {
    (f"numpy.{core}.{module}", name): known
    for core in ("core", "_core")
    for module, name, known in (
        ("multiarray", "_reconstruct", _Reconstruct),
        ("multiarray", "scalar", _Scalar),
        ("numeric", "_frombuffer", _FromBuffer),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(
                "it must hold arrays in dictionaries only, since a pickle may run any program. "
                f"Received: {module}.{name}"
            )
        return _NAMES[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to something outside of the file")


def _plain(value: Any) -> Any:
    """Replaces each `_Array` in a value by a NumPy array."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, str | bytes | int | float | np.number | None):
        return value
    raise pickle.UnpicklingError(f"it holds {type(value).__name__}, not an array")
