"""Imports the modules and names of a package when they are first used (PEP 562)."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["attach"]


def attach(
    package: str, modules: Iterable[str], names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Builds the functions `__getattr__` and `__dir__` of a package with lazy attributes.

    Args:
        package: Name of the package.
        modules: Names of its modules that are attributes of the package.
        names: For further attributes, the module that defines each, relative to the package.

    Returns:
        `(__getattr__, __dir__)`.

    >>> get_attribute, list_attributes = attach("json", ["tool"], {"py_scanstring": "decoder"})
    >>> get_attribute("tool").__name__, get_attribute("py_scanstring").__name__
    ('json.tool', 'py_scanstring')
    >>> list_attributes()
    ['py_scanstring', 'tool']
    >>> get_attribute("xml")
    Traceback (most recent call last):
    ...
    AttributeError: module 'json' has no attribute 'xml'
    """
    module_names = frozenset(modules)
    module_of = dict(names or {})

    def get_attribute(name: str) -> Any:
        if name in module_names:
            return importlib.import_module(f"{package}.{name}")
        if name in module_of:
            return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get_attribute, lambda: sorted({*module_names, *module_of})
