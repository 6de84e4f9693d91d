"""Optional packages: imported when first used, with one form of message where absent."""

import importlib
from typing import Any

__all__ = ["require"]


def require(module: str, purpose: str, extra: str = "mocap") -> Any:
    """Imports an optional package.

    Args:
        module: Name to import.
        purpose: What it is needed for, the subject of the message.
        extra: Name of the extra of this library that brings it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed, with the command that installs it.

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
