"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path) -> Iterator[pathlib.Path]:
    """Gives a temporary file to write, which takes the place of `path` if all goes well.

    Args:
        path: File to write; its folder must exist.

    Yields:
        Path of an empty file in the same folder, with the same ending. Where the block
        raises it is deleted and `path` stays as it was.

    Raises:
        OSError: If the folder does not exist or cannot be written to.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/notes.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     os.listdir(folder)
    ['notes.txt']
    """
    path = pathlib.Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    try:
        yield pathlib.Path(name)
        # mkstemp gives 0600; a file that a user writes follows the umask.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
