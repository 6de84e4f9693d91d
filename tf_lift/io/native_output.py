"""Hides what native libraries print to the error stream while they load."""

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["hidden", "hide_on_import"]


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Drops what is written to the file descriptor 2 inside the block; shows it after an error.

    TensorFlow and LiteRT print notes while they load, before any setting of theirs applies.
    Python's own messages are dropped too, so keep the block small.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError):
        # No error stream, as in a program without a console.
        yield
        return
    with tempfile.TemporaryFile() as notes:
        try:
            os.dup2(notes.fileno(), 2)
            yield
        except BaseException:
            os.dup2(kept, 2)
            notes.seek(0)
            with contextlib.suppress(OSError):
                os.write(2, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def hide_on_import(name: str) -> None:
    """Lets a module, which is not imported yet, load without its notes.

    Args:
        name: Name of the module.
    """
    if name not in sys.modules and not any(
        isinstance(finder, _Finder) and finder.name == name for finder in sys.meta_path
    ):
        sys.meta_path.insert(0, _Finder(name))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as all other finders do, and wraps its loader, once."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _wrap(spec.loader)
        return spec


def _wrap(loader):
    execute = loader.exec_module

    def exec_module(module):
        with hidden():
            execute(module)

    loader.exec_module = exec_module
