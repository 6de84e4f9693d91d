"""Imports optional packages when first used, with one error message if they are missing."""

import importlib
from typing import Any

__all__ = ["require"]


def require(module: str, purpose: str, extra: str = "mocap") -> Any:
    """Imports an optional package.

    Args:
        module: Name to import.
        purpose: The task that needs it, such as "reading .c3d files": the subject of the
            message.
        extra: Name of this library's extra that installs it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; the message gives the command that installs it.

    >>> require("no_such_reader", "reading .xyz files")
    Traceback (most recent call last):
    ...
    ImportError: reading .xyz files needs `pip install "tf-lift[mocap]"`
        (No module named 'no_such_reader')
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'{purpose} needs `pip install "tf-lift[{extra}]"` ({error})') from error
